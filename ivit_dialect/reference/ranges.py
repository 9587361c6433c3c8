"""Integer ranges: clamping, checked narrowing, and 64-bit arithmetic that raises instead of wrapping."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

Int64Array: TypeAlias = NDArray[np.int64]
IntegerArray: TypeAlias = NDArray[np.integer[Any]]

INT32_MAX = (1 << 31) - 1
INT64_LIMIT = 1 << 63


def as_int64(values: ArrayLike) -> Int64Array:
    """``values`` as int64; TypeError unless they are integers of at most 64 signed bits."""
    array = np.asarray(values)
    if array.dtype.kind not in "iu" or array.dtype == np.uint64:
        raise TypeError(f"expected integers, got {array.dtype}")
    return array.astype(np.int64, copy=False)


@dataclass(frozen=True)
class IntegerFormat:
    """Integers in [low, high], held in ``dtype``: the ``out`` of values with fewer bits than their array.

    NumPy takes it wherever it takes a dtype.
    """

    dtype: np.dtype[Any]
    low: int
    high: int


def signed_format(bits: int) -> IntegerFormat:
    """Signed integers of 2 to 16 bits, in int8 or int16."""
    dtype = np.dtype(np.int8 if bits <= 8 else np.int16)
    return IntegerFormat(dtype, -(1 << (bits - 1)), (1 << (bits - 1)) - 1)


def integer_limits(dtype: DTypeLike) -> tuple[int, int]:
    """Smallest and largest value of an integer dtype, or of an ``IntegerFormat``."""
    if isinstance(dtype, IntegerFormat):
        return dtype.low, dtype.high
    info = np.iinfo(np.dtype(dtype).name)
    return int(info.min), int(info.max)


def magnitude(values: Int64Array) -> int:
    """The largest absolute value, as a Python integer; 0 for no values."""
    return max(abs(int(values.min())), abs(int(values.max()))) if values.size else 0


def require_range(values: Int64Array, low: int, high: int, what: str) -> None:
    """OverflowError unless every value lies in [low, high]."""
    if values.size and (int(values.min()) < low or int(values.max()) > high):
        raise OverflowError(f"{what}: [{values.min()}, {values.max()}] leaves [{low}, {high}]")


def narrow(values: Int64Array, dtype: DTypeLike, what: str) -> IntegerArray:
    """``values`` as ``dtype``; OverflowError where one does not fit."""
    require_range(values, *integer_limits(dtype), what)
    return values.astype(dtype)


def clamp(values: Int64Array, dtype: DTypeLike) -> IntegerArray:
    """``values`` limited to the range of ``dtype``, as ``dtype``."""
    return np.clip(values, *integer_limits(dtype)).astype(dtype)


def add_exact(a: Int64Array, b: Int64Array, what: str) -> Int64Array:
    """``a + b``; OverflowError where the sum leaves 64 bits."""
    total = a + b
    # A wrapped sum has a sign that neither operand has.
    if np.any(((a ^ total) & (b ^ total)) < 0):
        raise OverflowError(f"{what}: a sum leaves 64 bits")
    return total


def subtract_exact(a: Int64Array, b: Int64Array, what: str) -> Int64Array:
    """``a - b``; OverflowError where the difference leaves 64 bits."""
    difference = a - b
    # Only operands of different signs can wrap, and then the sign is not that of ``a``.
    if np.any(((a ^ b) & (a ^ difference)) < 0):
        raise OverflowError(f"{what}: a difference leaves 64 bits")
    return difference


def multiply_exact(a: Int64Array, b: Int64Array, what: str) -> Int64Array:
    """``a * b``; OverflowError where a product leaves 64 bits."""
    if magnitude(a) * magnitude(b) >= INT64_LIMIT:
        # Only when the largest magnitudes do not settle it: Python's integers, element by element.
        products = np.asarray(a.astype(object) * b.astype(object))
        if any(not -INT64_LIMIT <= int(product) < INT64_LIMIT for product in products.flat):
            raise OverflowError(f"{what}: a product leaves 64 bits")
    return a * b


def rounding_shift(values: Int64Array, shift: Int64Array, what: str) -> Int64Array:
    """``(values + 2^(shift-1)) >> shift``: round half up; OverflowError where the sum leaves 64 bits."""
    require_range(shift, 1, 62, f"{what}: shift")
    return add_exact(values, np.left_shift(np.int64(1), shift - 1), what) >> shift
