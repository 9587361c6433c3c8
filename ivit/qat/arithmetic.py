"""Integer arithmetic of the reference in torch, for whole batches on any device: the same bits, faster.

Nothing is checked for overflow here; the passes prove it absent when the trained model is compiled.
"""

# pyright: strict, reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# (torch is only partly typed)

from __future__ import annotations

from functools import lru_cache

import numpy as np
import torch
from torch import Tensor
from xdsl.dialects.builtin import IntegerType

from ivit_dialect.element_types import element_format
from ivit_dialect.reference.gelu import shiftgelu
from ivit_dialect.reference.norm import FRACTION_BITS
from ivit_dialect.reference.ranges import INT32_MAX
from ivit_dialect.reference.roots import NEWTON_START, NEWTON_STEPS
from ivit_dialect.reference.softmax import shiftexp

DTYPES = {
    "int8": torch.int8,
    "uint8": torch.uint8,
    "int16": torch.int16,
    "uint16": torch.uint16,
    "int32": torch.int32,
    "int64": torch.int64,
}
FLOAT32_EXACT = 1 << 24
"""Sums of integers below this are exact in float32, whatever the order of addition."""
LEAST_PART = 64
"""Products shorter than this are better done in float64 than in parts."""
INT8_SPAN = 255


def narrow(values: Tensor, element: IntegerType) -> Tensor:
    """``values`` in what holds ``element``; they must be of it."""
    return values.to(DTYPES[element_format(element).dtype.name])


def clamp(values: Tensor, element: IntegerType) -> Tensor:
    """``values`` (overwritten) limited to ``element``, in what holds it."""
    format_ = element_format(element)
    return narrow(values.clamp_(format_.low, format_.high), element)


def scaled(x: Tensor, multiplier: int | Tensor, shift: int | Tensor) -> Tensor:
    """``(x * b + 2^(c-1)) >> c`` in int64."""
    if isinstance(shift, Tensor):
        return (x.to(torch.int64) * multiplier + (torch.ones_like(shift) << (shift - 1))) >> shift
    wide = x.to(torch.int64)
    product = wide.mul_(multiplier) if wide is not x else wide * multiplier
    return product.add_(1 << (shift - 1)).bitwise_right_shift_(shift)


def product(a: Tensor, b: Tensor, most_a: int, most_b: int) -> Tensor:
    """``a @ b`` in int32, which must hold it, for entries of at most these magnitudes.

    Exact: in float32 as a whole or in parts along the sum, in float64 where parts would be short.
    """
    depth, part = a.shape[-1], (FLOAT32_EXACT - 1) // (most_a * most_b)
    if part < min(depth, LEAST_PART):
        return torch.matmul(a.to(torch.float64), b.to(torch.float64)).to(torch.int32)
    left, right = a.to(torch.float32), b.to(torch.float32)
    if depth <= part:
        return torch.matmul(left, right).to(torch.int32)
    total = torch.matmul(left[..., :part], right[..., :part, :]).to(torch.int32)
    for start in range(part, depth, part):
        stop = start + part
        total += torch.matmul(left[..., start:stop], right[..., start:stop, :]).to(torch.int32)
    return total


def affine(x: Tensor, scale: Tensor, offset: Tensor, shift: int, element: IntegerType) -> Tensor:
    """``clamp((x * scale[c] + offset[c]) >> shift)``; ``x`` (int64) is overwritten."""
    return clamp(x.mul_(scale).add_(offset).bitwise_right_shift_(shift), element)


def isqrt(x: Tensor) -> Tensor:
    """``floor(sqrt(x))`` of int64 >= 0."""
    root = x.to(torch.float64).sqrt().to(torch.int64)
    root = root - (root * root > x).to(torch.int64)
    return root + (x - root * root >= 2 * root + 1).to(torch.int64)


def newton_sqrt(x: Tensor) -> Tensor:
    """Ten steps from 2^16 (I-ViT Eq. 19)."""
    root = torch.full_like(x, NEWTON_START)
    for _ in range(NEWTON_STEPS):
        root = (root + x // root) >> 1
    return root


def rsqrt(x: Tensor) -> tuple[Tensor, Tensor]:
    """Mantissa and exponent of ``1 / sqrt(x)``, as ``reference.rsqrt``."""
    half_shift = (62 - bit_length(x)) // 2
    root = isqrt(x << (2 * half_shift))
    return (1 << 61) // root, 61 - half_shift


def bit_length(x: Tensor) -> Tensor:
    """Bits needed for each ``x >= 1``."""
    length, rest = torch.zeros_like(x), x
    for step in (32, 16, 8, 4, 2, 1):
        large = (rest >> step) > 0
        length = torch.where(large, length + step, length)
        rest = torch.where(large, rest >> step, rest)
    return length + 1


def normalised(x: Tensor, epsilon: int) -> Tensor:
    """``(x - mean) / std`` of rows, in Q20 (int64): the exact LayerNorm before its affine end."""
    value, channels = x.to(torch.int64), x.shape[-1]
    total = value.sum(-1, keepdim=True)
    squares = (value * value).sum(-1, keepdim=True)
    mantissa, exponent = rsqrt(channels * squares - total * total + epsilon)
    shift = exponent - FRACTION_BITS
    half = torch.ones_like(shift) << (shift - 1)
    return value.mul(channels).sub_(total).mul_(mantissa).add_(half).bitwise_right_shift_(shift)


def i_normalised(x: Tensor) -> Tensor:
    """The same by Newton's root, of scale ``sqrt(C) / 2^30`` (I-ViT Sec. 3.5)."""
    value, channels = x.to(torch.int64), x.shape[-1]
    mean = (2 * value.sum(-1, keepdim=True) + channels) // (2 * channels)
    difference = value - mean
    root = newton_sqrt((difference * difference).sum(-1, keepdim=True))
    return difference.mul_(INT32_MAX // root).bitwise_right_shift_(1)


def shiftmax(x: Tensor, x0: int, n: int, bits: int) -> Tensor:
    """Shiftmax of int8 rows in int64; exponentials by table."""
    below = x.amax(-1, keepdim=True).to(torch.int64) - x
    exponentials = _exponentials(x0, n).to(x.device)[below]
    factor = INT32_MAX // exponentials.sum(-1, keepdim=True)
    return exponentials.mul_(factor).bitwise_right_shift_(32 - bits)


def shift_gelu(x: Tensor, x0: int, n: int) -> Tensor:
    """ShiftGELU of int8 rows (int16): it depends on an element and its row's maximum alone."""
    largest = x.amax(-1, keepdim=True).clamp_(min=0).to(torch.int64)
    index = (largest << 8).add(x).add_(128)
    return _shift_gelus(x0, n).to(x.device)[index]


@lru_cache(maxsize=256)
def _exponentials(x0: int, n: int) -> Tensor:
    """ShiftExp of 0, -1, ..., -255."""
    return torch.from_numpy(shiftexp(-np.arange(INT8_SPAN + 1), x0, n).astype(np.int64))


@lru_cache(maxsize=256)
def _shift_gelus(x0: int, n: int) -> Tensor:
    """ShiftGELU at ``[m * 256 + x + 128]`` of rows whose maximum, or else 0, is ``m``."""
    largest = np.arange(128, dtype=np.int8)[:, None]
    x = np.minimum(np.arange(-128, 128, dtype=np.int8)[None], largest)
    rows = np.stack([x, np.broadcast_to(largest, x.shape)], axis=-1)
    return torch.from_numpy(shiftgelu(rows, x0, n)[..., 0].reshape(-1).copy())
