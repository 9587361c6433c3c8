"""What element-wise kernels share: operands, other shapes of a memref, loops over elements with a tail.

A body is emitted twice, for a register's worth of lanes and for the single elements at the end; ``lanes`` 0
means a scalar.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import prod
from typing import TypeAlias

from xdsl.dialects import memref, vector
from xdsl.dialects.builtin import IntegerType, MemRefType, Signedness, VectorType
from xdsl.ir import SSAValue

from ivit_dialect.element_types import held_bits
from ivit_dialect.hints import isa
from ivit_dialect.ops.elementwise import ConstantOp
from ivit_dialect.types import tensor_types
from lowering.arithmetic import saturate
from lowering.kernels.base import KernelBuilder, Packed, is_unsigned
from lowering.kernels.build import (
    LoopBuilder,
    Operand,
    Value,
    element_type,
    element_width,
    memory_space,
    shape,
    vector_type,
)
from lowering.kernels.signature import Choice

Body: TypeAlias = Callable[[Operand, int], None]

FORMS = ("mulhi", "wide")
FORM = Choice(FORMS)
"""How a requant multiplies, as ``requant_form`` says."""


def image_shape(value: SSAValue) -> tuple[int, ...]:
    """The shape of one image's part of a tensor: without the batch."""
    return tensor_types(value)[0].get_shape()[1:]


def activation(value: SSAValue) -> SSAValue | Packed:
    """An operand that is an activation, or a constant with a leading extent of 1 in its place."""
    return Packed((value,), "unbatched") if isinstance(value.owner, ConstantOp) else value


def row_shape(extents: Sequence[int]) -> tuple[int, int]:
    """Any shape as rows of its last dimension."""
    return prod(extents[:-1]), extents[-1]


def reshape(b: LoopBuilder, source: Value, extents: Sequence[int]) -> Value:
    """The same contiguous memory with another shape."""
    if shape(source) == tuple(extents):
        return source
    strides = [prod(extents[i + 1 :]) for i in range(len(extents))]
    kind = MemRefType(element_type(source), extents, memory_space=memory_space(source))
    return b.insert(memref.ReinterpretCastOp.from_dynamic(source, [0], list(extents), strides, kind)).result


def rows_of(b: LoopBuilder, source: Value) -> Value:
    """A contiguous memref as rows of its last dimension."""
    return reshape(b, source, row_shape(shape(source)))


def flat(b: LoopBuilder, source: Value) -> Value:
    """A contiguous memref as one dimension."""
    return reshape(b, source, (prod(shape(source)),))


def unsigned_inputs(b: KernelBuilder) -> tuple[bool, ...]:
    """Which inputs are unsigned."""
    return tuple(is_unsigned(kind) for kind in b.spec.memrefs[: b.spec.inputs])


def output_element(b: KernelBuilder, number: int = 0) -> IntegerType:
    """The element type of an output: what its values are clamped to."""
    element = b.spec.memrefs[b.spec.inputs + number].element_type
    assert isa(element, IntegerType)
    return element


def load(b: LoopBuilder, source: Value, at: Sequence[Operand], count: int) -> Value:
    """``count`` elements, or one scalar for 0."""
    return b.load_vector(source, at, count) if count else b.load(source, *at)


def load_wide(
    b: LoopBuilder, source: Value, at: Sequence[Operand], count: int, width: int, *, unsigned: bool = False
) -> Value:
    """Elements as integers of ``width`` bits: extended as their sign says, or their low bits."""
    x = load(b, source, at, count)
    if element_width(x) > width:
        return b.truncate(x, width)
    return b.zero_extend(x, width) if unsigned else b.sign_extend(x, width)


def store(b: LoopBuilder, x: Value, target: Value, at: Sequence[Operand]) -> None:
    """Write a vector or a scalar."""
    if isa(x.type, VectorType):
        b.store_vector(x, target, at)
    else:
        b.store(x, target, *at)


def saturated(b: LoopBuilder, x: Value, element: IntegerType) -> Value:
    """Signed integers clamped to the range of ``element``, in the width that holds it."""
    unsigned = element.signedness.data is Signedness.UNSIGNED
    return saturate(b, x, held_bits(element), bits=element.width.data, unsigned=unsigned)


def store_saturated(
    b: LoopBuilder, x: Value, target: Value, at: Sequence[Operand], element: IntegerType
) -> None:
    """Write signed integers clamped to the range of ``element``, which the memref holds."""
    store(b, saturated(b, x, element), target, at)


def splat(b: LoopBuilder, x: Value, count: int) -> Value:
    """A scalar in every lane; itself for 0 lanes."""
    return b.broadcast(x, count) if count else x


def loop_step(b: KernelBuilder, count: int, width: int = 16) -> int:
    """Lanes of an element loop: a register of ``width``-bit integers, halved while ``count`` is below it."""
    step = b.target.lanes(width)
    while step > 4 and step > count:
        step //= 2
    return step


def each_lane(b: LoopBuilder, count: int, step: int, body: Body) -> None:
    """``body(index, lanes)`` over ``count`` elements: vectors of ``step``, then single elements."""
    whole = count - count % step
    if whole:
        with b.loop(0, whole, step) as loop:
            body(loop.index, step)
    if whole < count:
        with b.loop(whole, count) as loop:
            body(loop.index, 0)


def each_lane_shared(b: KernelBuilder, count: int, step: int, body: Body) -> None:
    """``each_lane`` over a flat memref, the vectors split among the threads; the first takes the tail."""
    blocks = count // step
    first, last = b.my_share(blocks)
    with b.loop(first, last) as block:
        body(b.mul(block.index, step), step)
    if count % step:
        with b.when(b.compare("eq", b.thread, 0)), b.loop(blocks * step, count) as loop:
            body(loop.index, 0)


@dataclass(frozen=True)
class Reduction:
    """One value that a loop over elements accumulates: a sum or a maximum, in ``width`` bits."""

    width: int
    is_maximum: bool = False

    def start(self, b: LoopBuilder, count: int) -> Value:
        """The neutral element in ``count`` lanes (0: a scalar)."""
        neutral = -(1 << (self.width - 1)) if self.is_maximum else 0
        return b.constant(neutral, vector_type(count, self.width) if count else IntegerType(self.width))

    def combine(self, b: LoopBuilder, x: Value, y: Value) -> Value:
        """One step."""
        return b.max(x, y) if self.is_maximum else b.add(x, y)

    def across(self, b: LoopBuilder, x: Value) -> Value:
        """All lanes of a vector."""
        flag = vector.CombiningKindFlag
        return b.reduce(flag.MAXSI if self.is_maximum else flag.ADD, x)


def reduce_lanes(
    b: LoopBuilder,
    count: int,
    step: int,
    reductions: Sequence[Reduction],
    terms: Callable[[Operand, int], Sequence[Value]],
) -> list[Value]:
    """Scalars: each reduction over ``count`` elements of what ``terms(index, lanes)`` gives for it."""
    whole = count - count % step
    totals = [r.start(b, 0) for r in reductions]

    def run(lower: int, upper: int, lanes: int, start: Sequence[Value]) -> list[Value]:
        with b.loop(lower, upper, lanes or 1, carried=start) as loop:
            new = terms(loop.index, lanes)
            loop.carry(*(r.combine(b, x, y) for r, x, y in zip(reductions, loop.carried, new, strict=True)))
        return list(loop.results)

    if whole:
        vectors = run(0, whole, step, [r.start(b, step) for r in reductions])
        totals = [r.across(b, x) for r, x in zip(reductions, vectors, strict=True)]
    return run(whole, count, 0, totals) if whole < count else totals


def config_text(b: KernelBuilder, name: str) -> str:
    """A config entry that is a string."""
    value = b.config[name]
    assert isinstance(value, str)
    return value


def config_number(b: KernelBuilder, name: str) -> int:
    """A config entry that is an integer."""
    value = b.config[name]
    assert isinstance(value, int)
    return value
