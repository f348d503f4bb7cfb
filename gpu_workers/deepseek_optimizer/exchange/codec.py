"""Block-wise 8- and 4-bit codes of float32 rows; pure functions on CPU and CUDA.

Letters: W rows (one for each receiver), C values a row, N blocks a row, M bytes a row.
A row's message is its largest magnitude (float32), one float16 scale a block relative
to it (so that gradients of any size keep their precision), then the codes.
"""

import torch
from torch import Tensor

LEVELS = {8: 127.0, 4: 7.0}
# Rounding a scale down would push its largest code out of range.
ROUND_UP, SMALLEST_HALF = 1 + 2.0**-10, 2.0**-24


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
    num_blocks = num_values // block
    x_WNB = x_WC.view(num_rows, num_blocks, block)
    peak_WN = torch.linalg.vector_norm(x_WNB, ord=torch.inf, dim=-1)
    top_W1 = peak_WN.amax(-1, keepdim=True)
    scale_WN = (peak_WN / top_W1.clamp_min(1e-38) * ROUND_UP + SMALLEST_HALF).half()
    step_WN1 = (scale_WN.float() * (top_W1 / LEVELS[bits])).unsqueeze(-1)
    codes_WNB = x_WNB * torch.where(step_WN1 > 0, step_WN1.reciprocal(), 0.0)
    codes_WNB.round_()
    if error_WC is not None:
        error_WNB = error_WC.view_as(x_WNB)
        torch.addcmul(x_WNB, codes_WNB, step_WN1, value=-1, out=error_WNB)

    size = message_bytes(num_values, bits=bits, block=block)
    message_WM = torch.empty(num_rows, size, dtype=torch.uint8, device=x_WC.device)
    message_WM[:, :4].view(torch.float32).copy_(top_W1)
    scales_at = 4 + 2 * num_blocks
    message_WM[:, 4:scales_at].view(torch.float16).copy_(scale_WN)
    message_WM[:, scales_at : _codes_at(num_blocks)] = 0
    codes_WC = codes_WNB.view(num_rows, num_values)
    payload_WM = message_WM[:, _codes_at(num_blocks) :]
    if bits == 8:
        payload_WM.view(torch.int8).copy_(codes_WC)
    else:
        low_WH, high_WH = codes_WC.chunk(2, dim=1)
        payload_WM.copy_(torch.add(low_WH, high_WH, alpha=16).add_(136.0))
    return message_WM


def decode(message_WM: Tensor, num_values: int, *, bits: int, block: int) -> Tensor:
    """Return x_WC of float32 from messages made by `encode`."""
    num_rows, num_blocks = len(message_WM), num_values // block
    top_W1 = message_WM[:, :4].view(torch.float32)
    scale_WN = message_WM[:, 4 : 4 + 2 * num_blocks].view(torch.float16)
    step_WN1 = (scale_WN.float() * (top_W1 / LEVELS[bits])).unsqueeze(-1)
    payload_WM = message_WM[:, _codes_at(num_blocks) :]
    if bits == 8:
        x_WC = payload_WM.view(torch.int8).float()
    else:
        x_WC = torch.cat([payload_WM & 15, payload_WM >> 4], dim=1).float().sub_(8.0)
    x_WC.view(num_rows, num_blocks, block).mul_(step_WN1)
    return x_WC


def _codes_at(num_blocks: int) -> int:
    """Where the codes start: past the scales, on a multiple of four bytes."""
    return 4 + 2 * (num_blocks + num_blocks % 2)
