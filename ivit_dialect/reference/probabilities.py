"""Reference of the softmaxes that divide at once: uniform codes, codes between thresholds."""

from __future__ import annotations

import numpy as np
from numpy.typing import DTypeLike

from ivit_dialect.reference.arithmetic import sum_exact
from ivit_dialect.reference.elementwise import row_requant
from ivit_dialect.reference.ranges import (
    INT32_MAX,
    Int64Array,
    IntegerArray,
    as_int64,
    narrow,
    require_range,
)
from ivit_dialect.reference.softmax import table_index

ONE_Q16 = 1 << 16
QUOTIENT_BITS = 47
THRESHOLD_BITS = 30


def exponentials(
    x: IntegerArray, table: IntegerArray, multiplier: int | IntegerArray, shift: int, what: str
) -> tuple[Int64Array, Int64Array]:
    """Q16 exponentials by table over the last dimension, and their sums [..., 1], which fit int32.

    ``table``: int32 [256]; ValueError unless ``table[0]`` is 2^16 and all others lie in [0, 2^16).
    """
    entries = as_int64(table)
    low, high = int(entries[1:].min()), int(entries[1:].max())
    if int(entries[0]) != ONE_Q16 or low < 0 or high >= ONE_Q16:
        raise ValueError(
            f"{what}: table must begin with {ONE_Q16} and go on in [0, {ONE_Q16}),"
            f" got {entries[0]}, then [{low}, {high}]"
        )
    e = entries[table_index(x, multiplier, shift, what)]
    total = sum_exact(e, -1)
    require_range(total, ONE_Q16, INT32_MAX, f"{what}: sum")
    return e, total


def normalized_softmax(
    x: IntegerArray,
    table: IntegerArray,
    multiplier: int | IntegerArray,
    shift: int,
    unit: int,
    out: DTypeLike,
) -> IntegerArray:
    """``clamp((e * floor((unit << s) / sum(e)) + 2^(s-1)) >> s)``, ``s = 47 - bits of unit``.

    ``x``: int32 [..., C]; ``e``: its ``exponentials``. The codes of a row of C elements sum to ``unit``, give
    or take C / 2 and two more.
    """
    e, total = exponentials(x, table, multiplier, shift, "normalized_softmax")
    quotient_shift = QUOTIENT_BITS - unit.bit_length()
    return row_requant(e, total, unit << quotient_shift, ONE_Q16, quotient_shift, out)


def threshold_softmax(
    x: IntegerArray,
    table: IntegerArray,
    thresholds: IntegerArray,
    multiplier: int | IntegerArray,
    shift: int,
    out: DTypeLike,
) -> IntegerArray:
    """The count of ``k`` with ``(T[k] * sum(e)) >> 30 >= e``, for each of the ``exponentials`` of ``x``.

    ``thresholds``: int32 [L], probabilities in Q30; OverflowError where one leaves [-2^30, 2^30].
    """
    e, total = exponentials(x, table, multiplier, shift, "threshold_softmax")
    limits = as_int64(thresholds)
    one = 1 << THRESHOLD_BITS
    require_range(limits, -one, one, "threshold_softmax: thresholds")
    codes = np.zeros(e.shape, np.int64)
    for limit in limits:
        codes += (limit * total) >> THRESHOLD_BITS >= e
    return narrow(codes, out, "threshold_softmax")
