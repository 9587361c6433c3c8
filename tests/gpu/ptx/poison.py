"""How poison goes through operations, bit by bit: a mask says which bits of a value nobody wrote.

LLVM packs bytes that it never wrote beside those that it did, and later uses only the latter: poison of whole
registers would see errors where there are none.  Where nothing finer is known, one poisoned bit of an operand
spoils the whole result.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import reduce
from typing import Any, TypeAlias

import numpy as np

from ptx.slots import REGISTER_DTYPES, Array

Masks: TypeAlias = Callable[[Sequence[Any], Sequence[Any]], Any]
"""(values of the operands, their masks) -> the mask of the result."""


def full(poison: Array, dtype: np.dtype[Any]) -> Array:
    """All bits of a value of ``dtype`` where ``poison`` holds."""
    return poison if dtype == np.bool_ else np.negative(poison.astype(dtype))


def union(masks: Sequence[Any]) -> Any:
    """The bits that any mask has."""
    return reduce(np.bitwise_or, masks)


def either(values: Sequence[Any], masks: Sequence[Any]) -> Any:
    """Each bit from the same bit of the operands: xor, not, lop3."""
    del values
    return union(masks)


def conjunction(values: Sequence[Any], masks: Sequence[Any]) -> Any:
    """``and``: a known 0 decides."""
    (a, b), (of_a, of_b) = values, masks
    return of_a & of_b | of_a & b | of_b & a


def disjunction(values: Sequence[Any], masks: Sequence[Any]) -> Any:
    """``or``: a known 1 decides."""
    (a, b), (of_a, of_b) = values, masks
    return of_a & of_b | of_a & ~b | of_b & ~a


def upward(bits: int) -> Masks:
    """Sums and products of ``bits`` bits: every bit from the lowest poisoned one on."""
    dtype = REGISTER_DTYPES[bits]

    def masks(values: Sequence[Any], masks: Sequence[Any]) -> Any:
        del values
        spoilt = union([mask.astype(dtype) for mask in masks])
        return spoilt | np.negative(spoilt)

    return masks


def moved(compute: Callable[..., Any], data: int) -> Masks:
    """Bits of the first ``data`` operands go elsewhere, as the others say: shifts, packing, extension."""

    def masks(values: Sequence[Any], masks: Sequence[Any]) -> Any:
        result = compute(*masks[:data], *values[data:])
        controls = [mask != 0 for mask in masks[data:]]
        if controls and np.any(spoilt := union(controls)):
            result = result | full(np.asarray(spoilt), result.dtype)
        return result

    return masks


def of_halves(values: Sequence[Any], masks: Sequence[Any]) -> Any:
    """Two numbers of 16 bits in 32: each half for itself."""
    del values
    both = union(masks)
    low, high = (both & np.uint32(0xFFFF)) != 0, (both >> np.uint32(16)) != 0
    return low * np.uint32(0xFFFF) | high * np.uint32(0xFFFF0000)
