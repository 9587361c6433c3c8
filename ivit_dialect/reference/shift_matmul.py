"""Reference of the product with codes of powers of two."""

from __future__ import annotations

import numpy as np

from ivit_dialect.reference.linear import exact_matmul
from ivit_dialect.reference.ranges import Int64Array, IntegerArray, as_int64, narrow, require_range

MOST_SHIFT = 15
ZERO_SHIFT = -1
"""The shift of a code that stands for exactly 0."""


def shift_weights(shifts: IntegerArray, eta: int = 0) -> Int64Array:
    """int64 [L]: what each code multiplies by, ``2^shift - eta`` (``-eta`` for a shift of -1).

    OverflowError for a shift outside [-1, 15].
    """
    exponents = as_int64(shifts)
    require_range(exponents, ZERO_SHIFT, MOST_SHIFT, "shift_matmul: shifts")
    powers = np.left_shift(np.int64(1), np.maximum(exponents, 0))
    return np.where(exponents == ZERO_SHIFT, np.int64(0), powers) - eta


def shift_matmul(
    codes: IntegerArray, values: IntegerArray, shifts: IntegerArray, eta: int = 0
) -> IntegerArray:
    """``sum_k (v[k] << shifts[codes[k]]) - eta * sum_k v[k]`` in int32, a shift of -1 giving 0.

    ``codes``: uint8 [N, H, M, K]; ``values``: int8 [N, H, K, P]; ``shifts``: int8 [L]. OverflowError for a
    code that has no shift, a shift outside [-1, 15], and where int32 would wrap.
    """
    weights = shift_weights(shifts, eta)
    require_range(as_int64(codes), 0, len(weights) - 1, "shift_matmul: codes")
    product = exact_matmul(weights[as_int64(codes)], values)
    return narrow(product, np.int32, "shift_matmul: accumulator")
