"""Consecutive elements of memory as single values: wide accesses, arithmetic by scalars.

A thread computes on scalars, whatever it loads at once: what is written for a vector becomes the same, but
LLVM no longer sees the forms that a GPU has in one instruction, such as the high half of a product.
"""

from __future__ import annotations

from collections.abc import Sequence

from lowering.cuda.build import CudaBuilder
from lowering.kernels.build import Operand, Value, element_width, vector_type

ALIGNED = 16
"""What the widest access is aligned to."""


def load_elements(
    b: CudaBuilder, source: Value, at: Sequence[Operand], count: int, alignment: int
) -> list[Value]:
    """``count`` elements from ``at`` on, an address that ``alignment`` divides."""
    if count == 1:
        return [b.load(source, *at)]
    x = b.load_wide(source, at, count, alignment)
    return [b.extract(x, lane) for lane in range(count)]


def store_elements(
    b: CudaBuilder, values: Sequence[Value], target: Value, at: Sequence[Operand], alignment: int
) -> None:
    """Write ``values`` from ``at`` on, an address that ``alignment`` divides."""
    if len(values) == 1:
        b.store(values[0], target, *at)
        return
    b.store_wide(vector_of(b, values), target, at, alignment)


def vector_of(b: CudaBuilder, values: Sequence[Value]) -> Value:
    """Scalars of one type as a vector."""
    x = b.constant(0, vector_type(len(values), element_width(values[0])))
    for lane, value in enumerate(values):
        x = b.insert_lane(value, x, lane)
    return x
