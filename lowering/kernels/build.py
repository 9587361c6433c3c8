"""Writes loops-level IR: integer arithmetic, vectors, memory and structured control flow, in readable Python.

Indices may be Python integers wherever an SSA value may stand; what is known when the kernel is built is
folded. Constants are made once, at the top of the function.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TypeAlias, TypeVar

from xdsl.builder import Builder
from xdsl.dialects import arith, llvm, memref, scf, vector
from xdsl.dialects.builtin import (
    DenseArrayBase,
    DenseIntOrFPElementsAttr,
    IndexType,
    IntegerAttr,
    IntegerType,
    MemRefType,
    StridedLayoutAttr,
    VectorType,
    i1,
    i64,
)
from xdsl.ir import Attribute, Block, Operation, Region, SSAValue
from xdsl.rewriter import InsertPoint

from ivit_dialect.hints import isa
from lowering import arith_ext

Value: TypeAlias = SSAValue
Operand: TypeAlias = SSAValue | int
OpT = TypeVar("OpT", bound=Operation)

INDEX = IndexType()


def vector_type(lanes: int, width: int) -> VectorType[IntegerType]:
    """``vector<lanes x i(width)>``."""
    return VectorType(IntegerType(width), [lanes])


def element_type(value: Value) -> IntegerType | IndexType:
    """The type of a scalar, of a vector's lanes or of a memref's elements."""
    kind = value.type
    element = kind.element_type if isa(kind, VectorType) or isa(kind, MemRefType) else kind
    assert isa(element, IntegerType) or isinstance(element, IndexType)
    return element


def element_width(value: Value) -> int:
    """Bits of a scalar, of a vector's lanes or of a memref's elements."""
    element = element_type(value)
    assert isa(element, IntegerType)
    return element.width.data


def lanes(value: Value) -> int:
    """Lanes of a vector; 0 for a scalar."""
    return value.type.get_shape()[0] if isa(value.type, VectorType) else 0


def shape(value: Value) -> tuple[int, ...]:
    """The extents of a memref."""
    assert isa(value.type, MemRefType)
    return value.type.get_shape()


def memory_space(value: Value) -> Attribute:
    """The memory space of a memref: none on a CPU."""
    assert isa(value.type, MemRefType)
    return value.type.memory_space


def _constant_name(value: int, kind: Attribute) -> str:
    """As MLIR names constants: ``c64``, ``c-128_i8``; a vector's lanes come before its element type."""
    if isa(kind, VectorType[IntegerType]):
        return f"c{value}_{kind.get_shape()[0]}x{kind.element_type}"
    return f"c{value}" if isinstance(kind, IndexType) else f"c{value}_{kind}"


_FOLDS: dict[type[Operation], Callable[[int, int], int]] = {
    arith.AddiOp: operator.add,
    arith.MuliOp: operator.mul,
    arith.MinSIOp: min,
    arith.MaxSIOp: max,
}
"""What is computed here where both sides are known indices (none of these is near a wrap)."""

_COUNTERS = "ijklmn"
"""Names of nested loops' counters, from the outermost on."""


def with_width(kind: Attribute, width: int) -> IntegerType | VectorType[IntegerType]:
    """The scalar or vector type ``kind`` with elements of ``width`` bits."""
    return VectorType(IntegerType(width), kind.shape) if isa(kind, VectorType) else IntegerType(width)


@dataclass
class Loop:
    """A loop under construction: its counter, the values carried into the body, and those it leaves."""

    index: Value
    carried: tuple[Value, ...]
    results: tuple[Value, ...]
    yielded: list[Value] = field(default_factory=list[Value])

    def carry(self, *values: Value) -> None:
        """What the next iteration gets."""
        self.yielded = list(values)


class LoopBuilder:
    """Emits ops one after the other into a function's body."""

    def __init__(self, entry: Block) -> None:
        self._entry = entry
        self._builder = Builder(InsertPoint.at_end(entry))
        self._constants: dict[tuple[int, Attribute], Value] = {}
        self._known_indices: dict[Value, int] = {}
        self._depth = 0
        self._last_constant: Operation | None = None

    def insert(self, op: OpT) -> OpT:
        """Insert any op at the current point."""
        return self._builder.insert(op)

    # Constants

    def constant(self, value: int, kind: Attribute = INDEX) -> Value:
        """``value`` as an index, an integer or every lane of a vector."""
        known = self._constants.get((value, kind))
        if known is not None:
            return known
        if isa(kind, VectorType[IntegerType]):
            op = arith.ConstantOp(DenseIntOrFPElementsAttr.from_list(kind, [value]))
        else:
            assert isa(kind, IntegerType) or isinstance(kind, IndexType)
            op = arith.ConstantOp(IntegerAttr(value, kind))
        return self._place_constant(op, (value, kind))

    def index(self, value: int) -> Value:
        """``value`` as an index."""
        return self.constant(value)

    def vector_constant(self, values: Sequence[int], width: int) -> Value:
        """A vector of different lanes."""
        kind = vector_type(len(values), width)
        return self.insert(arith.ConstantOp(DenseIntOrFPElementsAttr.from_list(kind, list(values)))).result

    def _place_constant(self, op: arith.ConstantOp, key: tuple[int, Attribute]) -> Value:
        if self._last_constant is not None:
            point = InsertPoint.after(self._last_constant)
        elif self._entry.first_op is not None:
            point = InsertPoint.before(self._entry.first_op)
        else:
            point = InsertPoint.at_end(self._entry)
        Builder(point).insert(op)
        if self._builder.insertion_point.block is self._entry and self._entry.last_op is op:
            self._builder.insertion_point = InsertPoint.at_end(self._entry)
        self._last_constant = op
        self._constants[key] = op.result
        value, kind = key
        op.result.name_hint = _constant_name(value, kind)
        if isinstance(kind, IndexType):
            self._known_indices[op.result] = value
        return op.result

    def value(self, operand: Operand, kind: Attribute = INDEX) -> Value:
        """``operand``, made a constant of type ``kind`` if it is a Python integer."""
        return self.constant(operand, kind) if isinstance(operand, int) else operand

    # Arithmetic: scalars, vectors and indices alike; a Python integer takes the other side's type

    def _binary(self, op: type[arith.SignlessIntegerBinaryOperation], x: Operand, y: Operand) -> Value:
        fold, known_x, known_y = _FOLDS.get(op), self._known_index(x), self._known_index(y)
        if fold is not None and known_x is not None and known_y is not None:
            return self.index(fold(known_x, known_y))
        kind = x.type if isinstance(x, SSAValue) else y.type if isinstance(y, SSAValue) else INDEX
        return self.insert(op(self.value(x, kind), self.value(y, kind))).result

    def _known_index(self, x: Operand) -> int | None:
        """The number that ``x`` is, where it is a Python integer or a constant index."""
        return x if isinstance(x, int) else self._known_indices.get(x)

    def add(self, x: Operand, y: Operand) -> Value:
        """``x + y`` (wraps)."""
        if isinstance(y, int) and y == 0 and isinstance(x, SSAValue):
            return x
        if isinstance(x, int) and x == 0 and isinstance(y, SSAValue):
            return y
        return self._binary(arith.AddiOp, x, y)

    def sub(self, x: Operand, y: Operand) -> Value:
        """``x - y`` (wraps)."""
        return self._binary(arith.SubiOp, x, y)

    def mul(self, x: Operand, y: Operand) -> Value:
        """``x * y`` (wraps)."""
        if isinstance(y, int) and y == 1 and isinstance(x, SSAValue):
            return x
        return self._binary(arith.MuliOp, x, y)

    def high_product(self, x: Value, y: Value) -> Value:
        """The high 32 bits of the signed 64-bit product of i32."""
        product = self.mul(self.sign_extend(x, 64), self.sign_extend(y, 64))
        return self.truncate(self.shr(product, 32), 32)

    def div_unsigned(self, x: Operand, y: Operand) -> Value:
        """``x / y``, unsigned."""
        return self._binary(arith.DivUIOp, x, y)

    def rem_unsigned(self, x: Operand, y: Operand) -> Value:
        """``x mod y``, unsigned."""
        return self._binary(arith.RemUIOp, x, y)

    def min(self, x: Operand, y: Operand) -> Value:
        """The smaller, signed."""
        return self._binary(arith.MinSIOp, x, y)

    def max(self, x: Operand, y: Operand) -> Value:
        """The larger, signed."""
        return self._binary(arith.MaxSIOp, x, y)

    def shl(self, x: Operand, y: Operand) -> Value:
        """``x << y``."""
        return self._binary(arith.ShLIOp, x, y)

    def shr(self, x: Operand, y: Operand) -> Value:
        """``x >> y``, arithmetic."""
        return self._binary(arith.ShRSIOp, x, y)

    def shr_unsigned(self, x: Operand, y: Operand) -> Value:
        """``x >> y``, logical."""
        return self._binary(arith.ShRUIOp, x, y)

    def and_(self, x: Operand, y: Operand) -> Value:
        """Bitwise and."""
        return self._binary(arith.AndIOp, x, y)

    def xor(self, x: Operand, y: Operand) -> Value:
        """Bitwise exclusive or."""
        return self._binary(arith.XOrIOp, x, y)

    def compare(self, predicate: str, x: Value, y: Operand) -> Value:
        """``x predicate y`` as i1, lane by lane; predicates of ``arith.cmpi`` (``slt``, ``eq``, …)."""
        known_x, known_y = self._known_index(x), self._known_index(y)
        if predicate == "eq" and known_x is not None and known_y is not None:
            return self.constant(int(known_x == known_y), i1)
        return self.insert(arith_ext.cmpi(x, self.value(y, x.type), predicate)).result

    def select(self, condition: Value, x: Operand, y: Operand) -> Value:
        """``condition ? x : y``, lane by lane where the condition is a vector; one of the two is a value."""
        kind = x.type if isinstance(x, SSAValue) else y.type if isinstance(y, SSAValue) else INDEX
        return self.insert(arith_ext.select(condition, self.value(x, kind), self.value(y, kind))).result

    # Casts

    def sign_extend(self, x: Value, width: int) -> Value:
        """The same signed number in ``width`` bits."""
        if element_width(x) == width:
            return x
        return self.insert(arith_ext.extsi(x, with_width(x.type, width))).result

    def zero_extend(self, x: Value, width: int) -> Value:
        """The same unsigned number in ``width`` bits."""
        if element_width(x) == width:
            return x
        return self.insert(arith_ext.extui(x, with_width(x.type, width))).result

    def truncate(self, x: Value, width: int) -> Value:
        """The low ``width`` bits."""
        if element_width(x) == width:
            return x
        return self.insert(arith_ext.trunci(x, with_width(x.type, width))).result

    def to_index(self, x: Value) -> Value:
        """A signed integer as an index."""
        return self.insert(arith.IndexCastOp(x, INDEX)).result

    def from_index(self, x: Operand, width: int = 64) -> Value:
        """An index as an integer of ``width`` bits."""
        return self.insert(arith.IndexCastOp(self.value(x), IntegerType(width))).result

    # Vectors

    def broadcast(self, x: Value, count: int) -> Value:
        """A scalar in every one of ``count`` lanes."""
        return self.insert(vector.BroadcastOp(x, VectorType(x.type, [count]))).vector

    def bitcast(self, x: Value, width: int) -> Value:
        """A vector's bits as lanes of ``width``."""
        total = lanes(x) * element_width(x)
        return self.insert(vector.BitcastOp(x, vector_type(total // width, width))).result

    def extract(self, x: Value, lane: Operand) -> Value:
        """One lane."""
        return self.insert(vector.ExtractOp(x, [lane], element_type(x))).result

    def insert_lane(self, x: Value, into: Value, lane: Operand) -> Value:
        """``into`` with one lane replaced."""
        return self.insert(vector.InsertOp(x, into, [lane])).result

    def shuffle(self, x: Value, y: Value, mask: Sequence[int]) -> Value:
        """Lanes of ``x`` then ``y``, by number."""
        kind = VectorType(element_type(x), [len(mask)])
        attr = DenseArrayBase.from_list(i64, mask)
        return self.insert(vector.ShuffleOp(x, y, attr, result_type=kind)).result

    def reduce(self, kind: vector.CombiningKindFlag, x: Value) -> Value:
        """All lanes of a vector combined to one scalar."""
        op = vector.ReductionOp.create(
            operands=[x],
            result_types=[element_type(x)],
            properties={"kind": vector.CombiningKindAttr(kind)},
        )
        return self.insert(op).results[0]

    def intrinsic(self, name: str, arguments: Sequence[Value], result: Attribute) -> Value:
        """A call of an LLVM intrinsic."""
        return self.insert(llvm.CallIntrinsicOp(name, arguments, [result])).results[0]

    # Memory

    def indices(self, operands: Sequence[Operand]) -> list[Value]:
        """Each operand as an index."""
        return [self.value(i) for i in operands]

    def load(self, source: Value, *at: Operand) -> Value:
        """One element."""
        return self.insert(memref.LoadOp.get(source, self.indices(at))).res

    def store(self, x: Value, target: Value, *at: Operand) -> None:
        """Write one element."""
        self.insert(memref.StoreOp.get(x, target, self.indices(at)))

    def load_vector(self, source: Value, at: Sequence[Operand], count: int) -> Value:
        """``count`` consecutive elements of the last dimension."""
        kind = VectorType(element_type(source), [count])
        return self.insert(vector.LoadOp(source, self.indices(at), kind)).result

    def store_vector(self, x: Value, target: Value, at: Sequence[Operand]) -> None:
        """Write consecutive elements of the last dimension."""
        self.insert(vector.StoreOp(x, target, self.indices(at)))

    def alloca(self, extents: Sequence[int], width: int) -> Value:
        """Scratch on the stack, 64-byte aligned; at most some tens of KiB, outside every loop."""
        return self.insert(memref.AllocaOp.get(IntegerType(width), 64, extents)).memref

    def view(self, buffer: Value, offset: Operand, extents: Sequence[int], width: int) -> Value:
        """Bytes of ``memref<?xi8>`` from ``offset`` on as a contiguous memref, in the same memory space."""
        kind = MemRefType(IntegerType(width), extents, memory_space=memory_space(buffer))
        return self.insert(memref.ViewOp(buffer, self.value(offset), [], kind)).result

    def subview(self, source: Value, offsets: Sequence[Operand], extents: Sequence[int]) -> Value:
        """A part of a contiguous memref, of unit steps; offsets may be dynamic."""
        assert isa(source.type, MemRefType)
        sizes, steps = source.type.get_shape(), [1]
        for extent in reversed(sizes[1:]):
            steps.insert(0, steps[0] * extent)
        known = [o for o in offsets if isinstance(o, int)]
        static = len(known) == len(offsets)
        offset = sum(o * s for o, s in zip(known, steps, strict=True)) if static else None
        layout = StridedLayoutAttr(steps, offset)
        kind = MemRefType(element_type(source), extents, layout, source.type.memory_space)
        op = memref.SubviewOp.get(source, list(offsets), list(extents), [1] * len(extents), kind)
        return self.insert(op).result

    # Control

    @contextmanager
    def loop(
        self, lower: Operand, upper: Operand, step: Operand = 1, carried: Sequence[Value] = ()
    ) -> Generator[Loop]:
        """``for index in range(lower, upper, step)``; ``carried`` values go round by ``Loop.carry``."""
        bounds = (self.value(lower), self.value(upper), self.value(step))
        block = Block(arg_types=[INDEX, *(value.type for value in carried)])
        op = self.insert(scf.ForOp(*bounds, list(carried), Region(block)))
        loop = Loop(block.args[0], tuple(block.args[1:]), tuple(op.results))
        loop.index.name_hint = _COUNTERS[self._depth % len(_COUNTERS)]
        with self.inside(block):
            self._depth += 1
            yield loop
            self._depth -= 1
            assert len(loop.yielded) == len(carried), "every carried value needs its next value"
            self.insert(scf.YieldOp(*loop.yielded))

    @contextmanager
    def when(self, condition: Value) -> Generator[None]:
        """``if condition``; what is known to hold needs no test."""
        if condition is self._constants.get((1, i1)):
            yield
            return
        block = Block()
        self.insert(scf.IfOp(condition, [], Region(block)))
        with self.inside(block):
            yield
            self.insert(scf.YieldOp())

    @contextmanager
    def inside(self, block: Block) -> Generator[None]:
        """Emit into ``block`` for a while."""
        outside = self._builder.insertion_point
        self._builder.insertion_point = InsertPoint.at_end(block)
        try:
            yield
        finally:
            self._builder.insertion_point = outside

    def share(self, total: int, thread: Value, threads: Value) -> tuple[Value, Value]:
        """The part [first, last) of ``total`` pieces of work that is this thread's."""
        first = self.div_unsigned(self.mul(thread, total), threads)
        last = self.div_unsigned(self.mul(self.add(thread, 1), total), threads)
        first.name_hint, last.name_hint = "first", "last"
        return first, last
