"""The passes of `codec` that touch every value, as Triton kernels for CUDA.

Nothing is fused to a multiply-add and rounding is to even, so a value has the same code
on every device.
"""

from typing import Any

import torch
import triton
import triton.language as tl
from torch import Tensor

SPAN = 1024
# Adding and taking away 1.5 * 2^23 rounds a small float to even, as torch.round does.
ROUNDER: Any = tl.constexpr(12582912.0)
# Smaller steps have no finite reciprocal; their values count as 0.
TINY: Any = tl.constexpr(1.2e-38)


@triton.jit
def _peak(x_ptr, peak_ptr, num_blocks, BLOCK: tl.constexpr, GROUP: tl.constexpr):
    blocks = tl.program_id(0) * GROUP + tl.arange(0, GROUP)
    is_there = blocks < num_blocks
    at = blocks[:, None].to(tl.int64) * BLOCK + tl.arange(0, BLOCK)[None, :]
    x = tl.load(x_ptr + at, mask=is_there[:, None], other=0.0)
    # A maximum forgets NaN; 0 * x keeps it, and is 0 for every finite x.
    peak = tl.max(tl.abs(x), axis=1) + tl.sum(x * 0.0, axis=1)
    tl.store(peak_ptr + blocks, peak, mask=is_there)


@triton.jit
def _code(
    x_ptr, step_ptr, error_ptr, row, col, size, BLOCK: tl.constexpr, KEEPS: tl.constexpr
):
    at = row.to(tl.int64) * size + col
    is_there = col < size
    x = tl.load(x_ptr + at, mask=is_there, other=0.0)
    num_blocks = size // BLOCK
    step = tl.load(step_ptr + row * num_blocks + col // BLOCK, mask=is_there, other=0.0)
    inverse = tl.where(
        step > TINY, tl.div_rn(tl.full(step.shape, 1.0, tl.float32), step), 0.0
    )
    code = (x * inverse + ROUNDER) - ROUNDER
    if KEEPS:
        tl.store(error_ptr + at, x - code * step, mask=is_there)
    return code


@triton.jit
def _encode(
    x_ptr,
    step_ptr,
    error_ptr,
    out_ptr,
    size,
    stride,
    BITS: tl.constexpr,
    BLOCK: tl.constexpr,
    KEEPS: tl.constexpr,
    SPAN: tl.constexpr,
):
    row, col = tl.program_id(1), tl.program_id(0) * SPAN + tl.arange(0, SPAN)
    out = out_ptr + row.to(tl.int64) * stride + col
    if BITS == 8:
        code = _code(x_ptr, step_ptr, error_ptr, row, col, size, BLOCK, KEEPS)
        tl.store(out, code.to(tl.int8).to(tl.uint8, bitcast=True), mask=col < size)
    else:
        half = size // 2
        is_there = col < half
        low_col = tl.where(is_there, col, size)
        low = _code(x_ptr, step_ptr, error_ptr, row, low_col, size, BLOCK, KEEPS)
        high = _code(x_ptr, step_ptr, error_ptr, row, col + half, size, BLOCK, KEEPS)
        tl.store(out, (low + 16.0 * high + 136.0).to(tl.uint8), mask=is_there)


@triton.jit
def _decode(
    in_ptr,
    step_ptr,
    x_ptr,
    size,
    stride,
    BITS: tl.constexpr,
    BLOCK: tl.constexpr,
    SPAN: tl.constexpr,
):
    row, col = tl.program_id(1), tl.program_id(0) * SPAN + tl.arange(0, SPAN)
    source, target = in_ptr + row.to(tl.int64) * stride, x_ptr + row.to(tl.int64) * size
    steps = step_ptr + row * (size // BLOCK)
    if BITS == 8:
        is_there = col < size
        code = tl.load(source + col, mask=is_there, other=0).to(tl.int8, bitcast=True)
        step = tl.load(steps + col // BLOCK, mask=is_there, other=0.0)
        tl.store(target + col, code.to(tl.float32) * step, mask=is_there)
    else:
        half = size // 2
        is_there = col < half
        byte = tl.load(source + col, mask=is_there, other=0)
        low, high = (byte & 15).to(tl.float32) - 8.0, (byte >> 4).to(tl.float32) - 8.0
        step = tl.load(steps + col // BLOCK, mask=is_there, other=0.0)
        tl.store(target + col, low * step, mask=is_there)
        step = tl.load(steps + (col + half) // BLOCK, mask=is_there, other=0.0)
        tl.store(target + half + col, high * step, mask=is_there)


def peaks(x_WC: Tensor, block: int) -> Tensor:
    """Return peak_WN, the largest magnitude of each block; NaN where one is in it."""
    count = x_WC.numel() // block
    peak_WN = torch.empty(len(x_WC), count // len(x_WC), device=x_WC.device)
    group = max(1, SPAN // block)
    _peak[triton.cdiv(count, group),](x_WC, peak_WN, count, BLOCK=block, GROUP=group)
    return peak_WN


def encode(
    x_WC: Tensor,
    step_WN: Tensor,
    payload_WM: Tensor,
    error_WC: Tensor | None,
    *,
    bits: int,
    block: int,
) -> None:
    """Write the codes of x into a strided payload, and what they lose into `error_WC`."""
    num_rows, size = x_WC.shape
    grid = (triton.cdiv(size * bits // 8, SPAN), num_rows)
    error = x_WC if error_WC is None else error_WC
    _encode[grid](
        x_WC, step_WN, error, payload_WM, size, payload_WM.stride(0),
        BITS=bits, BLOCK=block, KEEPS=error_WC is not None, SPAN=SPAN,
        enable_fp_fusion=False,
    )  # fmt: skip


def decode(
    payload_WM: Tensor, step_WN: Tensor, x_WC: Tensor, *, bits: int, block: int
) -> None:
    """Write the values of a payload's codes into x."""
    num_rows, size = x_WC.shape
    grid = (triton.cdiv(size * bits // 8, SPAN), num_rows)
    _decode[grid](
        payload_WM, step_WN, x_WC, size, payload_WM.stride(0),
        BITS=bits, BLOCK=block, SPAN=SPAN,
    )  # fmt: skip
