"""Reference of requantisation: dyadic rescaling, residual add, table lookup, affine."""

from __future__ import annotations

import numpy as np
from numpy.typing import DTypeLike

from ivit_dialect.reference.ranges import (
    INT32_MAX,
    Int64Array,
    IntegerArray,
    add_exact,
    as_int64,
    clamp,
    multiply_exact,
    require_range,
    rounding_shift,
)


def dyadic(x: IntegerArray, multiplier: int | IntegerArray, shift: int, what: str) -> Int64Array:
    """``(x * b + 2^(c-1)) >> c``, exact: a real factor ``b / 2^c``, rounded half up (I-ViT Eqs. 9 and 10)."""
    product = multiply_exact(as_int64(x), as_int64(multiplier), what)
    return rounding_shift(product, np.asarray(shift, np.int64), what)


def requant(
    x: IntegerArray, multiplier: int | IntegerArray, shift: int, out: DTypeLike, zero_point: int = 0
) -> IntegerArray:
    """``clamp(((x * b + 2^(c-1)) >> c) + zero_point)`` to ``out`` (I-ViT Eqs. 9 and 10).

    ``x``: any integers of at most 32 bits [..., C]; ``multiplier``: an integer or int32 [C] (or [1]).
    """
    return clamp(dyadic(x, multiplier, shift, "requant") + zero_point, out)


def row_requant(
    x: IntegerArray, divisor: IntegerArray, dividend: int, min_divisor: int, shift: int, out: DTypeLike
) -> IntegerArray:
    """``requant`` by each row's own multiplier ``floor(dividend / divisor)``.

    ``x``: int32 [..., C]; ``divisor``: int32 [..., 1], at least ``min_divisor`` (OverflowError otherwise).
    """
    require_range(as_int64(divisor), min_divisor, INT32_MAX, "row_requant: divisor")
    multiplier = dividend // as_int64(divisor)
    require_range(multiplier, 0, INT32_MAX, "row_requant: multiplier")
    return requant(x, multiplier, shift, out)


def add(
    lhs: IntegerArray,
    rhs: IntegerArray,
    out: DTypeLike,
    *,
    lhs_scale: tuple[int, int] | None = None,
    rhs_scale: tuple[int, int] | None = None,
) -> IntegerArray:
    """``clamp(rq(lhs) + rq(rhs))``, each with its own (multiplier, shift) or none (I-ViT Fig. 3).

    The two sides are not clamped before the sum; ``rhs`` broadcasts over the batch.
    """
    left = as_int64(lhs) if lhs_scale is None else dyadic(lhs, *lhs_scale, "add: lhs")
    right = as_int64(rhs) if rhs_scale is None else dyadic(rhs, *rhs_scale, "add: rhs")
    return clamp(add_exact(left, right, "add"), out)


def lookup(x: IntegerArray, table: IntegerArray) -> IntegerArray:
    """``table[x + 2^(b-1)]`` for ``x`` of b signed bits, ``table[x]`` of b unsigned; ``table``: [2^b].

    OverflowError where ``x`` has more bits than the table.
    """
    offset = len(table) // 2 if x.dtype.kind == "i" else 0
    require_range(as_int64(x) + offset, 0, len(table) - 1, "lookup: index")
    return table[as_int64(x) + offset]


def affine(
    x: IntegerArray, scale: IntegerArray, offset: IntegerArray, shift: int, out: DTypeLike
) -> IntegerArray:
    """``clamp((x * scale[c] + offset[c]) >> shift)``: floor; OverflowError where the sum leaves 64 bits.

    ``x``: int32 [..., C]; ``scale``: int32 [C]; ``offset``: int64 [C].
    """
    product = multiply_exact(as_int64(x), as_int64(scale), "affine")
    return clamp(add_exact(product, as_int64(offset), "affine") >> shift, out)
