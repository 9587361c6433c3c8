"""Tables: bytes by byte indices by the processor's permutations, all else one by one.

Tables for fewer than 8 bits are packed as 256 entries, the outer ones equal: bytes index them as they are,
and what lies beyond the width is clamped to it. ``ByteTable`` serves every kernel that looks bytes up
(softmax codes, GELU after a linear layer).
"""

from __future__ import annotations

from collections.abc import Sequence

from xdsl.dialects.builtin import IntegerType

from ivit_dialect.hints import isa
from ivit_dialect.ops.elementwise import LookupOp
from ivit_dialect.types import is_activation, tensor_types
from lowering.kernels.base import KernelBuilder, KernelFamily, KernelSpec, Launch, Packed
from lowering.kernels.build import LoopBuilder, Operand, Value, element_width, lanes, shape, vector_type
from lowering.kernels.elements import (
    activation,
    each_lane_shared,
    flat,
    load,
    loop_step,
    store,
    unsigned_inputs,
)
from lowering.kernels.signature import Shape, Signature, require_shape
from lowering.targets import Target

ENTRIES = 256
SIGN_BIT = 128
BLOCK = 16
"""Entries that one byte shuffle reaches."""


def resized(b: LoopBuilder, x: Value, count: int) -> Value:
    """The first ``count`` lanes of a vector, or the vector followed by lanes of no meaning."""
    have = lanes(x)
    return x if have == count else b.shuffle(x, x, [i if i < have else 0 for i in range(count)])


def repeated(b: LoopBuilder, x: Value, times: int) -> Value:
    """A vector several times over."""
    return x if times == 1 else b.shuffle(x, x, list(range(lanes(x))) * times)


class ByteTable:
    """A table of 256 bytes in registers or near them, for vectors of byte indices.

    ``signed`` indices are int8 values ``x`` that stand for entry ``x + 128``. Make it outside the loops: the
    table is loaded here, once.
    """

    def __init__(self, b: LoopBuilder, table: Value, target: Target, *, signed: bool) -> None:
        self._b = b
        self._table = table
        self._target = target
        self._signed = signed
        if target.byte_permute is not None:
            self._registers = self._loaded(target.vector_bytes)
        elif target.byte_shuffle is not None:
            blocks = self._loaded(BLOCK)
            self._registers = [repeated(b, x, target.vector_bytes // BLOCK) for x in blocks]
        else:
            self._registers = []

    def _loaded(self, size: int) -> list[Value]:
        """The table in vectors of ``size`` bytes, in the order of the index's raw bits."""
        start = SIGN_BIT if self._signed else 0
        offsets = [(start + i) % ENTRIES for i in range(0, ENTRIES, size)]
        return [self._b.load_vector(self._table, [offset], size) for offset in offsets]

    def __call__(self, index: Value) -> Value:
        """The entries for a vector of i8 indices, or for one scalar."""
        count = lanes(index)
        if count == 0 or not self._registers:
            return lookup_each(self._b, self._table, index, signed=self._signed)
        size = self._target.vector_bytes
        parts = [
            self._register(resized(self._b, self._slice(index, i, size), size)) for i in range(0, count, size)
        ]
        return resized(self._b, self._joined(parts), count)

    def _slice(self, x: Value, start: int, size: int) -> Value:
        count = lanes(x)
        if count <= size:
            return x
        return self._b.shuffle(x, x, list(range(start, min(start + size, count))))

    def _joined(self, parts: Sequence[Value]) -> Value:
        whole = parts[0]
        for part in parts[1:]:
            size = lanes(part)
            padded = resized(self._b, part, lanes(whole))
            whole = self._b.shuffle(whole, padded, list(range(lanes(whole) + size)))
        return whole

    def _register(self, index: Value) -> Value:
        """One register of indices."""
        if self._target.byte_permute is not None:
            return self._permuted(index, self._target.byte_permute)
        assert self._target.byte_shuffle is not None
        return self._shuffled(index, self._target.byte_shuffle)

    def _permuted(self, index: Value, intrinsic: str) -> Value:
        """Two permutations of two registers each; the index's top bit chooses."""
        b, kind = self._b, index.type
        low, high = (
            b.intrinsic(intrinsic, [self._registers[i], index, self._registers[i + 1]], kind) for i in (0, 2)
        )
        return b.select(b.compare("slt", index, 0), high, low)

    def _shuffled(self, index: Value, intrinsic: str) -> Value:
        """A shuffle by the low four bits in each of 16 blocks, and a tree of selections by the high four."""
        b, kind = self._b, index.type
        low = b.and_(index, BLOCK - 1)
        level = [b.intrinsic(intrinsic, [block, low], kind) for block in self._registers]
        for bit in range(4, 8):
            # Shifted in 16-bit lanes the bit still becomes the top one of its byte, all that is looked at.
            moved = b.bitcast(b.shl(b.bitcast(index, 16), 7 - bit), 8)
            chosen = b.compare("slt", moved, 0)
            level = [b.select(chosen, level[i + 1], level[i]) for i in range(0, len(level), 2)]
        return level[0]


def lookup_each(b: LoopBuilder, table: Value, index: Value, *, signed: bool) -> Value:
    """Entries of any width, one load an index; ``signed`` indices count from the middle of the table."""
    raw = index
    if signed:
        wide = element_width(index) > 8
        raw = b.add(index, shape(table)[0] // 2) if wide else b.xor(index, -SIGN_BIT)
    count = lanes(index)
    if count == 0:
        return b.load(table, b.to_index(b.zero_extend(raw, 64)))
    result = b.constant(0, vector_type(count, element_width(table)))
    wide = b.zero_extend(raw, 32)
    for lane in range(count):
        entry = b.load(table, b.to_index(b.extract(wide, lane)))
        result = b.insert_lane(entry, result, lane)
    return result


def packed_table(table: Value, signed: bool) -> Packed:
    """A constant table as kernels index it: of 256 entries for 8 bits or fewer."""
    (entries,) = tensor_types(table)[0].get_shape()
    return Packed((table,), "table", (int(signed),)) if entries < ENTRIES else Packed((table,))


def signed_index(table: Value) -> IntegerType:
    """What indexes a packed table, in kernels whose index is signed."""
    return IntegerType(shape(table)[0].bit_length() - 1)


def require_entries(table: Shape, bits: int) -> None:
    """Raise ValueError unless a packed table has the entries that ``bits`` index."""
    require_shape("table", table, (max(ENTRIES, 1 << bits),))


def _check(spec: KernelSpec, target: Target) -> None:
    """The table is packed for the width of the index."""
    (_, table), _ = spec.shapes()
    element = spec.memrefs[0].element_type
    assert isa(element, IntegerType)
    require_entries(table, element.width.data)


def plan_lookup(op: LookupOp, target: Target) -> Launch:
    """The table is a constant."""
    (x,) = tensor_types(op.input)
    return Launch("lookup", (activation(op.input), packed_table(op.table, is_activation(x.element_type))))


def build_lookup(b: KernelBuilder) -> None:
    """The tensor is one dimension."""
    source, target = flat(b, b.inputs[0]), flat(b, b.outputs[0])
    table = b.inputs[1]
    signed = not unsigned_inputs(b)[0]
    (count,) = shape(source)
    by_bytes = element_width(table) == element_width(source) == 8
    bytes_ = ByteTable(b, table, b.target, signed=signed) if by_bytes else None
    step = loop_step(b, count, 8 if bytes_ is not None else 32)

    def body(i: Operand, count: int) -> None:
        x = load(b, source, [i], count)
        y = bytes_(x) if bytes_ is not None else lookup_each(b, table, x, signed=signed)
        store(b, y, target, [i])

    each_lane_shared(b, count, step, body)


LOOKUP = KernelFamily(
    "lookup",
    build_lookup,
    Signature({"x": "...N : i2..i12 ui2..ui12", "table": "L : E"}, {"y": "...N : E"}),
    {LookupOp: plan_lookup},
    further=_check,
)
FAMILIES = (LOOKUP,)
