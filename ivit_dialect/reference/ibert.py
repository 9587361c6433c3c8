"""Reference of I-BERT's softmax, GELU and LayerNorm (arXiv 2101.01321)."""

from __future__ import annotations

import numpy as np
from numpy.typing import DTypeLike

from ivit_dialect.reference.arithmetic import sum_exact
from ivit_dialect.reference.elementwise import affine
from ivit_dialect.reference.ranges import (
    Int64Array,
    IntegerArray,
    as_int64,
    multiply_exact,
    narrow,
    require_range,
)
from ivit_dialect.reference.roots import bit_length

UINT32_MAX = (1 << 32) - 1
MOST_OCTAVES = 31
LAYERNORM_DIVIDEND = 1 << 31
NEWTON_LIMIT = 1 << 62


def i_exp(below: IntegerArray, x0: int, b: int, c: int, n: int) -> IntegerArray:
    """i-exp (I-BERT Algorithm 3): ``d >= 0`` of scale S to ``e^(-S d)`` of scale ``0.3585 * S^2 / 2^n``.

    ``x0 = ln 2 / S``, ``b = 2.7073 / S``, ``c = 2.7921 / S^2``: for p in (-ln 2, 0] ``e^p`` is about
    ``0.3585 * (p * (p + 2.7073) + 2.7921)``. int32; OverflowError for ``d < 0`` and where a value leaves
    [0, 2^31).
    """
    d = as_int64(below)
    require_range(d, 0, (1 << 31) - 1, "i_exp: input")
    q = d // x0
    r = q * x0 - d
    polynomial = r * (r + b) + c
    require_range(polynomial, 0, (1 << 31) - 1 >> n, "i_exp: polynomial")
    return narrow((polynomial << n) >> np.minimum(q, MOST_OCTAVES), np.int32, "i_exp")


def ibert_softmax(
    x: IntegerArray, x0: int, b: int, c: int, n: int, bits: int, out: DTypeLike
) -> IntegerArray:
    """I-BERT's softmax over the last dimension of integers of 8 bits; output scale ``2^-bits``.

    ``e = i_exp(max(x) - x); y = (e * floor((2^32 - 1) / sum e)) >> (32 - bits)``, in [0, 2^bits).
    OverflowError where a row's exponentials leave 31 bits.
    """
    value = as_int64(x)
    exponentials = as_int64(i_exp(value.max(axis=-1, keepdims=True) - value, x0, b, c, n))
    total = sum_exact(exponentials, -1)
    require_range(total, 1, (1 << 31) - 1, "ibert_softmax: sum")
    product = multiply_exact(exponentials, UINT32_MAX // total, "ibert_softmax")
    return narrow(product >> (32 - bits), out, "ibert_softmax")


def ibert_gelu(x: IntegerArray, b: int, c: int, one: int, shift: int) -> IntegerArray:
    """I-BERT's GELU (Algorithm 2): ``x * (erf(x / sqrt 2) + 1)`` of scale S; int32, of scale ``S * E / 2``.

    ``y = x * (((sign(x) * ((min(|x|, -b) + b)^2 + c)) >> shift) + one)``. With ``S' = S / sqrt 2``, ``b`` is
    ``-1.769 / S'`` and ``c`` is ``-3.4626 / S'^2``; erf has the scale ``E = -0.2888 * S'^2 * 2^shift``, and
    ``one`` is ``1 / E``: all negative. OverflowError where a result leaves int32.
    """
    value = as_int64(x)
    clipped = np.minimum(np.abs(value), -b) + b
    erf = (np.sign(value) * (clipped * clipped + c)) >> shift
    return narrow(multiply_exact(value, erf + one, "ibert_gelu"), np.int32, "ibert_gelu")


def newton_floor_sqrt(x: IntegerArray) -> Int64Array:
    """``floor(sqrt(x))`` (I-BERT Algorithm 4): from ``2^ceil(bits / 2)``, ``k <- (k + floor(x / k)) >> 1``.

    It goes on until the value no longer falls, each element for itself. 0 for 0.
    OverflowError outside [0, 2^62).
    """
    value = as_int64(x)
    require_range(value, 0, NEWTON_LIMIT - 1, "newton_floor_sqrt: input")
    positive = np.maximum(value, 1)
    root = np.left_shift(np.int64(1), (bit_length(positive) + 1) // 2)
    while True:
        following = (root + positive // root) >> 1
        if not np.any(following < root):
            return np.where(value > 0, root, 0)
        root = np.minimum(root, following)


def ibert_layernorm(
    x: IntegerArray,
    scale: IntegerArray,
    offset: IntegerArray,
    shift: int,
    variance_shift: int,
    out: DTypeLike,
) -> IntegerArray:
    """I-BERT's LayerNorm (Section 3.6) over the last dimension of int16, its variance in 64 bits.

    ``u = floor((2 * sum x + C) / 2C); d = x - u; k = newton_floor_sqrt(sum (d >> variance_shift)^2);``
    ``h = (d * floor(2^31 / (max(1, k) << variance_shift))) >> 1``, of scale ``sqrt(C) / 2^30``, below 2^31
    whatever the shift; ``y = affine(h)``. Raises OverflowError as ``affine``.
    """
    value = as_int64(x)
    channels = value.shape[-1]
    mean = (2 * sum_exact(value, -1) + channels) // (2 * channels)
    difference = value - mean
    shifted = difference >> variance_shift
    root = np.maximum(newton_floor_sqrt(sum_exact(shifted * shifted, -1)), 1)
    normalised = (difference * (LAYERNORM_DIVIDEND // (root << variance_shift))) >> 1
    return affine(narrow(normalised, np.int32, "ibert_layernorm"), scale, offset, shift, out)
