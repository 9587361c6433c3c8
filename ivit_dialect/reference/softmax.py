"""Reference of the softmaxes: I-ViT's shifts, and exponentials by table."""

from __future__ import annotations

import numpy as np
from numpy.typing import DTypeLike

from ivit_dialect.reference.arithmetic import sum_exact
from ivit_dialect.reference.elementwise import dyadic
from ivit_dialect.reference.ranges import INT32_MAX, Int64Array, IntegerArray, as_int64, narrow, require_range

TABLE_TOP = 255
"""``table[0]``: the code of the row's maximum, so that a row's sum is at least this."""
LAST_INDEX = 255


def shiftexp(x: IntegerArray, x0: int, n: int) -> IntegerArray:
    """ShiftExp (I-ViT Algorithm 1): ``x <= 0`` with scale S to ``~ x0 * e^(S x) * 2^n``, ``x0 = 1/S``.

    ``p = max(x + (x >> 1) - (x >> 4), -n*x0)`` is ``x * log2(e)``, cut into ``q`` halvings and a rest:
    ``q = floor(-p / x0); r = p + q*x0 in (-x0, 0]; y = ((r >> 1) + x0) << (n - q)``, in int32, positive.
    OverflowError for ``x > 0``.
    """
    value = as_int64(x)
    require_range(value, -(1 << 31), 0, "shiftexp: input")
    p = np.maximum(value + (value >> 1) - (value >> 4), -n * x0)
    q = -p // x0
    r = p + q * x0
    return narrow(((r >> 1) + x0) << (n - q), np.int32, "shiftexp")


def intdiv(x: IntegerArray, divisor: IntegerArray, bits: int) -> IntegerArray:
    """IntDiv (I-ViT Eq. 16, M = 31): ``(floor((2^31 - 1) / d) * x) >> (32 - bits)`` for ``0 <= x <= d``.

    About ``x / d * 2^(bits-1)``, in [0, 2^(bits-1)). OverflowError where ``x`` or ``d`` leaves its range.
    """
    dividend, d = as_int64(x), as_int64(divisor)
    require_range(d, 1, INT32_MAX, "intdiv: divisor")
    require_range(dividend, 0, INT32_MAX, "intdiv: dividend")
    require_range(d - dividend, 0, INT32_MAX, "intdiv: divisor - dividend")
    return narrow((INT32_MAX // d * dividend) >> (32 - bits), np.int32, "intdiv")


def shiftmax(x: IntegerArray, x0: int, n: int, bits: int, out: DTypeLike) -> IntegerArray:
    """Shiftmax (I-ViT Algorithm 1) over the last dimension of int8; output scale ``2^-(bits-1)``."""
    value = as_int64(x)
    exponentials = shiftexp(value - value.max(axis=-1, keepdims=True), x0, n)
    total = narrow(sum_exact(as_int64(exponentials), -1), np.int32, "shiftmax: sum")
    return narrow(as_int64(intdiv(exponentials, total, bits)), out, "shiftmax")


def table_index(x: IntegerArray, multiplier: int | IntegerArray, shift: int, what: str) -> Int64Array:
    """``min(255, ((max(x) - x) * b + 2^(c-1)) >> c)`` over the last dimension: where tables are read.

    ``multiplier``: an integer, or int32 [1, H, 1, 1] for ``x`` [N, H, T, C]; none negative.
    """
    factor = as_int64(multiplier)
    require_range(factor, 0, INT32_MAX, f"{what}: multiplier")
    value = as_int64(x)
    distance = value.max(axis=-1, keepdims=True) - value
    return np.minimum(dyadic(distance, factor, shift, what), LAST_INDEX)


def softmax(
    x: IntegerArray, table: IntegerArray, multiplier: int | IntegerArray, shift: int
) -> tuple[IntegerArray, IntegerArray]:
    """Exponentials by table over the last dimension: uint8 codes, and int32 sums [..., 1] (methods.md 6).

    ``i = min(255, ((max(x) - x) * b + 2^(c-1)) >> c)``; ``codes = table[i]``. The division by the sum is left
    to ``row_requant``. ValueError unless ``table[0]`` is 255.
    """
    if int(table[0]) != TABLE_TOP:
        raise ValueError(f"softmax: table[0] must be {TABLE_TOP}, got {table[0]}")
    codes = table[table_index(x, multiplier, shift, "softmax")]
    return codes, narrow(sum_exact(as_int64(codes), -1), np.int32, "softmax: sum")
