"""Reference of the two LayerNorms over the last dimension of int16 rows."""

from __future__ import annotations

import numpy as np
from numpy.typing import DTypeLike

from ivit_dialect.reference.arithmetic import sum_exact
from ivit_dialect.reference.elementwise import affine
from ivit_dialect.reference.ranges import (
    INT32_MAX,
    IntegerArray,
    as_int64,
    multiply_exact,
    narrow,
    rounding_shift,
)
from ivit_dialect.reference.roots import newton_sqrt, rsqrt

FRACTION_BITS = 20
"""The normalised value of ``layernorm`` is in Q20."""


def layernorm(
    x: IntegerArray, scale: IntegerArray, offset: IntegerArray, shift: int, epsilon: int, out: DTypeLike
) -> IntegerArray:
    """Exact LayerNorm: mean and variance scaled by C instead of divided (methods.md 5).

    ``s = sum x; v = C * sum x^2 - s^2 + epsilon; (f, e) = rsqrt(v);``
    ``h = rounding_shift((C*x - s) * f, e - 20)`` is ``(x - mean) / std`` in Q20; ``y = affine(h)``.
    ``epsilon`` is the float model's, times ``C^2 / S^2``.
    """
    value = as_int64(x)
    channels = value.shape[-1]
    total = sum_exact(value, -1)
    squares = sum_exact(value * value, -1)
    mantissa, exponent = rsqrt(channels * squares - total * total + epsilon)
    product = multiply_exact(channels * value - total, mantissa, "layernorm")
    normalised = rounding_shift(product, exponent - FRACTION_BITS, "layernorm")
    return affine(narrow(normalised, np.int32, "layernorm"), scale, offset, shift, out)


def i_layernorm(
    x: IntegerArray, scale: IntegerArray, offset: IntegerArray, shift: int, out: DTypeLike
) -> IntegerArray:
    """I-LayerNorm (I-ViT Sec. 3.5, Eq. 19), its square root by Newton, its variance in int64.

    ``u = floor((2 * sum x + C) / 2C); d = x - u; k = newton_sqrt(sum d^2);``
    ``h = (d * floor((2^31 - 1) / k)) >> 1``, of scale ``sqrt(C) / 2^30``; ``y = affine(h)``.
    """
    value = as_int64(x)
    channels = value.shape[-1]
    mean = (2 * sum_exact(value, -1) + channels) // (2 * channels)
    difference = value - mean
    root = newton_sqrt(sum_exact(difference * difference, -1))
    normalised = (difference * (INT32_MAX // root)) >> 1
    return affine(narrow(normalised, np.int32, "i_layernorm"), scale, offset, shift, out)
