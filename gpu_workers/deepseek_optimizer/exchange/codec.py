"""Block-wise 8- and 4-bit codes of float32 rows; pure functions on CPU and CUDA.

Letters: W rows (one for each receiver), C values a row, N blocks a row, M bytes a row.
A row's message is its largest magnitude (float32), one float16 scale a block relative
to it (so that gradients of any size keep their precision), then the codes.
"""

import importlib
import importlib.util
from typing import Any

import torch
from torch import Tensor

# Comes with PyTorch's CUDA builds; without it the same is done in more passes.
HAS_TRITON = importlib.util.find_spec("triton") is not None
LEVELS = {8: 127.0, 4: 7.0}
# Rounding a scale down would push its largest code out of range.
ROUND_UP, SMALLEST_HALF = 1 + 2.0**-10, 2.0**-24
# A smaller step has no finite reciprocal; its values count as 0.
TINY = 1.2e-38


def message_bytes(num_values: int, *, bits: int, block: int) -> int:
    """Bytes of one row's message; `num_values` must be a multiple of `block`."""
    return _codes_at(num_values // block) + num_values * bits // 8


def padded_length(num_values: int, *, num_rows: int, block: int) -> int:
    """Values in each of `num_rows` equal rows that hold `num_values` whole blocks."""
    return -(-num_values // (num_rows * block)) * block


def encode(
    x_WC: Tensor, *, bits: int, block: int, error_WC: Tensor | None = None
) -> Tensor:
    """Quantise each row to its message.

    Args:
        x_WC: float32, C a multiple of `block`.
        bits: 8 or 4.
        block: Values that share a scale, a multiple of 32.
        error_WC: Receives x - decoded(x), of x's shape, where it is given.

    Returns:
        message_WM, uint8.
    """
    num_rows, num_values = x_WC.shape
    kernels = _kernels(x_WC)
    x_WNB = x_WC.view(num_rows, -1, block)
    if kernels:
        peak_WN = kernels.peaks(x_WC, block)
    else:
        peak_WN = torch.linalg.vector_norm(x_WNB, ord=torch.inf, dim=-1)
    top_W1 = peak_WN.amax(-1, keepdim=True)
    scale_WN = (peak_WN / top_W1.clamp_min(1e-38) * ROUND_UP + SMALLEST_HALF).half()
    step_WN = scale_WN.float() * (top_W1 / LEVELS[bits])

    size = message_bytes(num_values, bits=bits, block=block)
    message_WM = torch.empty(num_rows, size, dtype=torch.uint8, device=x_WC.device)
    message_WM[:, : _codes_at(num_values // block)] = 0
    top, scales, payload_WM = _parts(message_WM, num_values // block)
    top.view(torch.float32).copy_(top_W1)
    scales.view(torch.float16).copy_(scale_WN)
    if kernels:
        kernels.encode(x_WC, step_WN, payload_WM, error_WC, bits=bits, block=block)
    else:
        _encode(x_WNB, step_WN, payload_WM, error_WC, bits=bits)
    return message_WM


def _encode(
    x_WNB: Tensor,
    step_WN: Tensor,
    payload_WM: Tensor,
    error_WC: Tensor | None,
    *,
    bits: int,
) -> None:
    step_WN1 = step_WN.unsqueeze(-1)
    codes_WNB = x_WNB * torch.where(step_WN1 > TINY, step_WN1.reciprocal(), 0.0)
    codes_WNB.round_()
    if error_WC is not None:
        error_WNB = error_WC.view_as(x_WNB)
        torch.addcmul(x_WNB, codes_WNB, step_WN1, value=-1, out=error_WNB)
    codes_WC = codes_WNB.view(len(x_WNB), -1)
    if bits == 8:
        payload_WM.view(torch.int8).copy_(codes_WC)
    else:
        low_WH, high_WH = codes_WC.chunk(2, dim=1)
        payload_WM.copy_(torch.add(low_WH, high_WH, alpha=16).add_(136.0))


def decode(message_WM: Tensor, num_values: int, *, bits: int, block: int) -> Tensor:
    """Return x_WC of float32 from messages made by `encode`."""
    num_rows, num_blocks = len(message_WM), num_values // block
    top, scales, payload_WM = _parts(message_WM, num_blocks)
    top_W1 = top.view(torch.float32)
    step_WN = scales.view(torch.float16).float() * (top_W1 / LEVELS[bits])
    if kernels := _kernels(message_WM):
        x_WC = torch.empty(num_rows, num_values, device=message_WM.device)
        kernels.decode(payload_WM, step_WN, x_WC, bits=bits, block=block)
        return x_WC
    if bits == 8:
        x_WC = payload_WM.view(torch.int8).float()
    else:
        x_WC = torch.cat([payload_WM & 15, payload_WM >> 4], dim=1).float().sub_(8.0)
    x_WC.view(num_rows, num_blocks, block).mul_(step_WN.unsqueeze(-1))
    return x_WC


def _kernels(x: Tensor) -> Any:
    """Return the module of fused kernels where they can run on x's device."""
    if not (x.is_cuda and HAS_TRITON):
        return None
    return importlib.import_module("deepseek_optimizer.exchange.kernels")


def _parts(message_WM: Tensor, num_blocks: int) -> tuple[Tensor, Tensor, Tensor]:
    """Views of the peak, the scales and the codes of each row's message."""
    scales_end = 4 + 2 * num_blocks
    codes_WM = message_WM[:, _codes_at(num_blocks) :]
    return message_WM[:, :4], message_WM[:, 4:scales_end], codes_WM


def _codes_at(num_blocks: int) -> int:
    """Where the codes start: past the scales, on a multiple of four bytes."""
    return 4 + 2 * (num_blocks + num_blocks % 2)
