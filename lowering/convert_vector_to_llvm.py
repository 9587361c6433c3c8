"""``convert-vector-to-llvm``: vectors of rank 1 to the ``llvm`` dialect.

A ``vector.load`` or ``vector.store`` is aligned as an element of its memref is, unless an ``alignment``
attribute on the op promises more.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects import llvm, vector
from xdsl.dialects.builtin import (
    DenseArrayBase,
    DenseIntOrFPElementsAttr,
    IntegerAttr,
    IntegerType,
    ModuleOp,
    VectorType,
    i32,
    i64,
)
from xdsl.ir import Attribute, Operation, SSAValue
from xdsl.passes import ModulePass

from ivit_dialect.hints import isa
from lowering import llvm_ext
from lowering.address import element_pointer
from lowering.dialect_conversion import Conversion, Converter, convert_ops, fail, refuse_rest
from lowering.llvm_types import INDEX, byte_width


def _memory_alignment(op: Operation, attr: Attribute) -> int:
    """What is known of the alignment of an access to elements of a vector type."""
    assert isa(attr, VectorType)
    element = attr.element_type
    if isa(element, IntegerType) and element.width.data % 8:
        fail(op, f"{attr} packs its lanes in memory otherwise than a memref does; use whole bytes")
    given = op.attributes.get("alignment")
    if given is None:
        return byte_width(element)
    if not isa(given, IntegerAttr) or given.value.data <= 0 or given.value.data & (given.value.data - 1):
        fail(op, f"alignment {given} is not a power of two")
    return given.value.data


def _check_access_attributes(op: vector.LoadOp | vector.StoreOp) -> None:
    for name in op.attributes:
        if name != "alignment" and "." not in name:
            fail(op, f"attribute '{name}' is not understood here; remove it or prefix it with a dialect")


def _load(op: vector.LoadOp, c: Converter) -> Sequence[SSAValue]:
    _check_access_attributes(op)
    if op.nontemporal.value.data:
        fail(op, "a non-temporal load has no counterpart; drop the flag")
    result_type = c.type(op.result.type)
    pointer = element_pointer(op.base, op.indices, c)
    load = llvm.LoadOp(pointer, result_type, alignment=_memory_alignment(op, result_type))
    return [c.insert(load).dereferenced_value]


def _store(op: vector.StoreOp, c: Converter) -> Sequence[SSAValue]:
    _check_access_attributes(op)
    value = c.operand(op.vector)
    pointer = element_pointer(op.base, op.indices, c)
    nontemporal = bool(op.nontemporal.value.data)
    alignment = _memory_alignment(op, value.type)
    c.insert(llvm.StoreOp(value, pointer, alignment=alignment, nontemporal=nontemporal))
    return []


def _lanes(attr: Attribute) -> int:
    assert isa(attr, VectorType)
    return attr.get_shape()[0]


def _shuffled(v1: SSAValue, v2: SSAValue, mask: Sequence[int], c: Converter) -> SSAValue:
    vector_type = v1.type
    assert isa(vector_type, VectorType)
    result_type = VectorType(vector_type.element_type, [len(mask)])
    return c.insert(llvm.ShuffleVectorOp(v1, v2, DenseArrayBase.from_list(i32, mask), result_type)).res


def _broadcast(op: vector.BroadcastOp, c: Converter) -> Sequence[SSAValue]:
    source = c.operand(op.source)
    result_type = c.type(op.vector.type)
    lanes = _lanes(result_type)
    if isa(source.type, VectorType):
        if _lanes(source.type) == lanes:
            return [source]
        if _lanes(source.type) != 1:
            fail(op, f"cannot broadcast {op.source.type} to {op.vector.type}")
        return [_shuffled(source, source, [0] * lanes, c)]
    assert isa(result_type, VectorType)
    return [c.splat(source, result_type)]


def _shuffle(op: vector.ShuffleOp, c: Converter) -> Sequence[SSAValue]:
    """LLVM's shuffle wants operands of one length: the shorter is padded, and the mask follows."""
    v1, v2 = c.operand(op.v1), c.operand(op.v2)
    n1, n2 = _lanes(v1.type), _lanes(v2.type)
    mask = list(op.mask.get_values())
    longest = max(n1, n2)
    if n1 != n2:
        v1, v2 = (_padded(v, longest, c) for v in (v1, v2))
        mask = [lane if lane < n1 else lane - n1 + longest for lane in mask]
    return [_shuffled(v1, v2, mask, c)]


def _padded(value: SSAValue, lanes: int, c: Converter) -> SSAValue:
    have = _lanes(value.type)
    if have == lanes:
        return value
    return _shuffled(value, value, [*range(have), *([-1] * (lanes - have))], c)


def _position(op: vector.ExtractOp | vector.InsertOp, vector_type: Attribute, c: Converter) -> SSAValue:
    (position,) = op.get_mixed_position()
    if isinstance(position, SSAValue):
        return c.operand(position)
    if not 0 <= position < _lanes(vector_type):
        fail(op, f"position {position} is not a lane of {vector_type}")
    return c.constant(position, i64)


def _extract(op: vector.ExtractOp, c: Converter) -> Sequence[SSAValue]:
    value = c.operand(op.vector)
    if not op.get_mixed_position():
        return [value]
    return [c.insert(llvm_ext.ExtractElementOp(value, _position(op, value.type, c))).res]


def _insert(op: vector.InsertOp, c: Converter) -> Sequence[SSAValue]:
    source, dest = c.operand(op.source), c.operand(op.dest)
    if not op.get_mixed_position():
        return [source]
    return [c.insert(llvm.InsertElementOp(dest, source, _position(op, dest.type, c))).res]


def _bitcast(op: vector.BitcastOp, c: Converter) -> Sequence[SSAValue]:
    value = c.operand(op.source)
    target = c.type(op.result.type)
    return [value] if value.type == target else [c.insert(llvm.BitcastOp(value, target)).result]


_REDUCTIONS: dict[vector.CombiningKindFlag, str] = {
    vector.CombiningKindFlag.ADD: "add",
    vector.CombiningKindFlag.MUL: "mul",
    vector.CombiningKindFlag.MINUI: "umin",
    vector.CombiningKindFlag.MINSI: "smin",
    vector.CombiningKindFlag.MAXUI: "umax",
    vector.CombiningKindFlag.MAXSI: "smax",
    vector.CombiningKindFlag.AND: "and",
    vector.CombiningKindFlag.OR: "or",
    vector.CombiningKindFlag.XOR: "xor",
}

_COMBINERS: dict[str, type[llvm.AddOp | llvm.MulOp | llvm.AndOp | llvm.OrOp | llvm.XOrOp]] = {
    "add": llvm.AddOp,
    "mul": llvm.MulOp,
    "and": llvm.AndOp,
    "or": llvm.OrOp,
    "xor": llvm.XOrOp,
}


def _reduction(op: vector.ReductionOp, c: Converter) -> Sequence[SSAValue]:
    value = c.operand(op.vector)
    kind = _REDUCTIONS.get(op.kind.data)
    if kind is None:
        fail(op, f"'{op.kind.data}' reduces floating point, which has no place below the ivit level")
    scalar = c.type(op.dest.type)
    result = c.insert(llvm.CallIntrinsicOp(f"llvm.vector.reduce.{kind}", [value], [scalar])).results[0]
    if op.acc is None:
        return [result]
    acc = c.operand(op.acc)
    if kind in _COMBINERS:
        return [c.insert(_COMBINERS[kind](result, acc)).res]
    return c.insert(llvm.CallIntrinsicOp(f"llvm.{kind}", [result, acc], [scalar])).results


def _create_mask(op: vector.CreateMaskOp, c: Converter) -> Sequence[SSAValue]:
    """Lane i is set where i is below the bound."""
    result_type = c.type(op.mask_vector.type)
    bound = c.operand(op.mask_dim_sizes[0])
    lanes = _lanes(result_type)
    spread = VectorType(INDEX, [lanes])
    bounds = c.splat(bound, spread)
    steps = c.insert(llvm.ConstantOp(DenseIntOrFPElementsAttr.from_list(spread, range(lanes)), spread)).result
    below = IntegerAttr(llvm.ICmpPredicateFlag.SLT.to_int(), i64)
    return [c.insert(llvm.ICmpOp(steps, bounds, below)).res]


def _masked_load(op: vector.MaskedLoadOp, c: Converter) -> Sequence[SSAValue]:
    pointer = element_pointer(op.base, op.indices, c)
    result_type = c.type(op.result.type)
    operands = [pointer, c.operand(op.mask), c.operand(op.pass_thru)]
    return c.insert(llvm.CallIntrinsicOp("llvm.masked.load", operands, [result_type])).results


def _masked_store(op: vector.MaskedStoreOp, c: Converter) -> Sequence[SSAValue]:
    value = c.operand(op.value_to_store)
    pointer = element_pointer(op.base, op.indices, c)
    c.insert(llvm.CallIntrinsicOp("llvm.masked.store", [value, pointer, c.operand(op.mask)], []))
    return []


_CONVERSIONS: dict[type[Operation], Conversion] = {
    vector.LoadOp: _load,
    vector.StoreOp: _store,
    vector.BroadcastOp: _broadcast,
    vector.ShuffleOp: _shuffle,
    vector.ExtractOp: _extract,
    vector.InsertOp: _insert,
    vector.BitcastOp: _bitcast,
    vector.ReductionOp: _reduction,
    vector.CreateMaskOp: _create_mask,
    vector.MaskedLoadOp: _masked_load,
    vector.MaskedStoreOp: _masked_store,
}


@dataclass(frozen=True)
class ConvertVectorToLLVMPass(ModulePass):
    """Converts ``vector`` to the ``llvm`` dialect; raises PassFailedException where the subset ends."""

    name = "convert-vector-to-llvm"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        convert_ops(op, _CONVERSIONS, own_attributes=frozenset({vector.LoadOp, vector.StoreOp}))
        refuse_rest(op, "vector", lambda _: "kernels use vector.load and vector.store on vectors of rank 1")
