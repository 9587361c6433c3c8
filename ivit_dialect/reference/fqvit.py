"""Reference of FQ-ViT's log-int-softmax and powers-of-two-factor LayerNorm (arXiv 2111.13824)."""

from __future__ import annotations

import numpy as np
from numpy.typing import DTypeLike

from ivit_dialect.reference.arithmetic import sum_exact
from ivit_dialect.reference.ibert import i_exp
from ivit_dialect.reference.ranges import (
    Int64Array,
    IntegerArray,
    add_exact,
    as_int64,
    clamp,
    require_range,
    rounding_shift,
)
from ivit_dialect.reference.roots import bit_length, rsqrt

MOST_FACTOR = 3
MOST_MULTIPLIER = 255
MOST_EXPONENT = 31
MEAN_BITS = 8
OFFSET_BITS = 40
"""Fraction bits of ``offset``: one more than those of the mean and of the largest exponent together."""


def log_int_softmax(x: IntegerArray, x0: int, b: int, c: int, n: int, bits: int) -> IntegerArray:
    """Codes uint8 of the softmax over the last dimension of integers of 8 bits (FQ-ViT Eqs. 14 to 18).

    ``e = i_exp(max(x) - x)``; ``t``, the nearest integer to ``sum e / e``, has the code ``k`` of the nearest
    ``2^k``, the larger one from ``1.5 * 2^(k-1)`` on. Codes above ``2^bits - 1``, and ``e = 0``, are the zero
    level ``2^bits``. OverflowError where a row's exponentials leave 31 bits, or are all 0.
    """
    value = as_int64(x)
    exponentials = as_int64(i_exp(value.max(axis=-1, keepdims=True) - value, x0, b, c, n))
    total = sum_exact(exponentials, -1)
    require_range(total, 1, (1 << 31) - 1, "log_int_softmax: sum")
    divisor = np.maximum(exponentials, 1)
    quotient = (2 * total + divisor) // (2 * divisor)
    floor_log2 = bit_length(quotient) - 1
    code = floor_log2 + (2 * quotient >= np.left_shift(np.int64(3), floor_log2))
    zero_level = 1 << bits
    return np.where(exponentials == 0, zero_level, np.minimum(code, zero_level)).astype(np.uint8)


def ptf_layernorm(
    x: IntegerArray,
    factors: IntegerArray,
    scale: IntegerArray,
    offset: IntegerArray,
    shift: int,
    zero_point: int,
    epsilon: int,
    out: DTypeLike,
) -> IntegerArray:
    """Powers-of-two-factor LayerNorm (FQ-ViT Sec. 3.2) of rows, channel c of the scale ``S * 2^factors[c]``.

    ``x``: integers of 8 bits [..., C]; ``factors``: int8 [C] in [0, 3]; ``scale``: int32 [C], of which
    ``scale / 2^shift`` is ``gamma * C`` over the output's step; ``offset``: int64 [C], beta over that step
    and the output's zero point, with 40 fraction bits. ``epsilon`` is the float model's, times ``C^2 / S^2``.
    OverflowError for a factor outside [0, 3], and where a sum leaves 64 bits.
    """
    power = as_int64(factors)
    require_range(power, 0, MOST_FACTOR, "ptf_layernorm: factors")
    value = (as_int64(x) - zero_point) << power
    channels = value.shape[-1]
    total = sum_exact(value, -1)
    mantissa, exponent = rsqrt(channels * sum_exact(value * value, -1) - total * total + epsilon)
    slope = as_int64(scale)
    multiplier, bits = leading_bits(np.abs(slope) * mantissa, shift + exponent)
    mean = ((total << (MEAN_BITS + 1)) + channels) // (2 * channels)
    product = np.sign(slope) * multiplier * ((value << MEAN_BITS) - mean)
    start = rounding_shift(np.broadcast_to(as_int64(offset), bits.shape), 32 - bits, "ptf_layernorm: offset")
    return clamp(
        rounding_shift(add_exact(product, start, "ptf_layernorm"), bits + MEAN_BITS, "ptf_layernorm"), out
    )


def leading_bits(product: Int64Array, shift: Int64Array) -> tuple[Int64Array, Int64Array]:
    """``(M, N)``: ``product / 2^shift`` is about ``M / 2^N``, rounded down to the 8 bits of ``M``.

    ``N = clamp(7 - floor(log2(product / 2^shift)), 0, 31)``; ``M`` is at most 255.
    """
    length = np.where(product > 0, bit_length(np.maximum(product, 1)), 0)
    exponent = np.clip(shift + 8 - length, 0, MOST_EXPONENT)
    # A shift by 63 leaves nothing of what is below 2^63, and NumPy has no longer one.
    multiplier = product >> np.minimum(shift - exponent, 63)
    return np.minimum(multiplier, MOST_MULTIPLIER), exponent
