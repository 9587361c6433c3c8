"""Reference of the broadcasting integer arithmetic; every exact result must fit ``out``."""

from __future__ import annotations

import numpy as np
from numpy.typing import DTypeLike

from ivit_dialect.reference.ranges import (
    Int64Array,
    IntegerArray,
    add_exact,
    as_int64,
    multiply_exact,
    narrow,
    require_range,
    subtract_exact,
)
from ivit_dialect.reference.ranges import rounding_shift as rounding_shift_int64


def addi(lhs: IntegerArray, rhs: IntegerArray, out: DTypeLike) -> IntegerArray:
    """``lhs + rhs``."""
    return narrow(add_exact(as_int64(lhs), as_int64(rhs), "addi"), out, "addi")


def subi(lhs: IntegerArray, rhs: IntegerArray, out: DTypeLike) -> IntegerArray:
    """``lhs - rhs``."""
    return narrow(subtract_exact(as_int64(lhs), as_int64(rhs), "subi"), out, "subi")


def muli(lhs: IntegerArray, rhs: IntegerArray, out: DTypeLike) -> IntegerArray:
    """``lhs * rhs``."""
    return narrow(multiply_exact(as_int64(lhs), as_int64(rhs), "muli"), out, "muli")


def maxi(lhs: IntegerArray, rhs: IntegerArray, out: DTypeLike) -> IntegerArray:
    """The larger of the two."""
    return narrow(np.maximum(as_int64(lhs), as_int64(rhs)), out, "maxi")


def shift_right(lhs: IntegerArray, rhs: IntegerArray, out: DTypeLike) -> IntegerArray:
    """``lhs >> rhs``, arithmetic (floor); OverflowError unless ``rhs`` is in [0, 63]."""
    amount = as_int64(rhs)
    require_range(amount, 0, 63, "shift_right: rhs")
    return narrow(as_int64(lhs) >> amount, out, "shift_right")


def rounding_shift_right(lhs: IntegerArray, rhs: IntegerArray, out: DTypeLike) -> IntegerArray:
    """``(lhs + 2^(rhs-1)) >> rhs``: round half up; OverflowError unless ``rhs`` is in [1, 62]."""
    value = rounding_shift_int64(as_int64(lhs), as_int64(rhs), "rounding_shift_right")
    return narrow(value, out, "rounding_shift_right")


def floor_div(lhs: IntegerArray, rhs: IntegerArray, out: DTypeLike) -> IntegerArray:
    """``floor(lhs / rhs)``; OverflowError unless ``rhs`` is positive."""
    divisor = as_int64(rhs)
    require_range(divisor, 1, np.iinfo(np.int64).max, "floor_div: rhs")
    return narrow(as_int64(lhs) // divisor, out, "floor_div")


def reduce_sum(x: IntegerArray, dimension: int, out: DTypeLike) -> IntegerArray:
    """The sum over one dimension, kept with extent 1; OverflowError where it leaves ``out`` or 64 bits."""
    values = as_int64(x)
    return narrow(sum_exact(values, dimension), out, "reduce sum")


def sum_exact(values: Int64Array, dimension: int) -> Int64Array:
    """The int64 sum over one dimension, kept with extent 1; OverflowError where it leaves 64 bits."""
    low, high = np.iinfo(np.int64).min, np.iinfo(np.int64).max
    # Halves sum without wrapping whenever n * 2^31 fits, which every tensor in memory meets.
    upper, lower = values >> 32, values & 0xFFFF_FFFF
    carry = lower.sum(axis=dimension, keepdims=True)
    upper_total = upper.sum(axis=dimension, keepdims=True) + (carry >> 32)
    require_range(upper_total, low >> 32, high >> 32, "reduce sum: upper half")
    return (upper_total << 32) + (carry & 0xFFFF_FFFF)


def reduce_max(x: IntegerArray, dimension: int, out: DTypeLike) -> IntegerArray:
    """The largest value of one dimension, kept with extent 1; OverflowError where it leaves ``out``."""
    return narrow(as_int64(x).max(axis=dimension, keepdims=True), out, "reduce max")
