"""Reference of the square roots: exact, Newton's ten steps, and the reciprocal."""

from __future__ import annotations

import numpy as np

from ivit_dialect.reference.ranges import Int64Array, IntegerArray, as_int64, require_range

NEWTON_START = 1 << 16
NEWTON_STEPS = 10
NEWTON_LIMIT = 1 << 41
RSQRT_LIMIT = 1 << 62


def isqrt(x: IntegerArray) -> Int64Array:
    """``floor(sqrt(x))``, exact for every int64 >= 0; OverflowError below 0."""
    value = as_int64(x)
    require_range(value, 0, np.iinfo(np.int64).max, "isqrt: input")
    # float64 rounds x and its root: the estimate is at most one off, either way.
    root = np.sqrt(value.astype(np.float64)).astype(np.int64)
    root = root - (root * root > value)
    return root + (value - root * root >= 2 * root + 1)


def newton_sqrt(x: IntegerArray) -> Int64Array:
    """Ten steps ``k <- (k + floor(x / k)) >> 1`` from 2^16 (I-ViT Eq. 19).

    At least ``floor(sqrt(x))``, and at least 64. OverflowError outside [0, 2^41).
    """
    value = as_int64(x)
    require_range(value, 0, NEWTON_LIMIT - 1, "newton_sqrt: input")
    root = np.full_like(value, NEWTON_START)
    for _ in range(NEWTON_STEPS):
        root = (root + value // root) >> 1
    return root


def rsqrt(x: IntegerArray) -> tuple[Int64Array, Int64Array]:
    """``1 / sqrt(x) ~ mantissa * 2^-exponent``; mantissa in [2^30, 2^31], exponent in [31, 61].

    ``h`` is the largest integer with ``x << 2h < 2^62``; ``mantissa = floor(2^61 / isqrt(x << 2h))``;
    ``exponent = 61 - h``. The relative error is below 2^-30.
    OverflowError outside [1, 2^62).
    """
    value = as_int64(x)
    require_range(value, 1, RSQRT_LIMIT - 1, "rsqrt: input")
    half_shift = (62 - bit_length(value)) // 2
    root = isqrt(value << (2 * half_shift))
    return (1 << 61) // root, 61 - half_shift


def bit_length(x: Int64Array) -> Int64Array:
    """Bits needed for each ``x >= 1``."""
    length = np.zeros_like(x)
    rest = x
    for step in (32, 16, 8, 4, 2, 1):
        large = rest >> step > 0
        length = np.where(large, length + step, length)
        rest = np.where(large, rest >> step, rest)
    return length + 1
