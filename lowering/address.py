"""Addresses of memref elements: one ``llvm.getelementptr`` from a bare pointer.

Where each stride is a multiple of the next, which row-major views and their slices satisfy, the index of each
dimension goes into the instruction as it is, over an array type that has those strides. Otherwise the sum of
indices times strides is computed. Constant indices become part of the instruction.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from itertools import pairwise

from xdsl.dialects import arith, llvm
from xdsl.dialects.builtin import IntegerAttr, MemRefType, UnrealizedConversionCastOp
from xdsl.ir import Attribute, SSAValue

from ivit_dialect.hints import isa
from lowering.dialect_conversion import Converter, fail
from lowering.llvm_types import UnsupportedType, strides

_NSW = llvm.OverflowAttr([llvm.OverflowFlag.NO_SIGNED_WRAP])


def constant_value(value: SSAValue) -> int | None:
    """The integer that ``value`` is known to be, or None."""
    owner = value.owner
    if isinstance(owner, arith.ConstantOp | llvm.ConstantOp):
        attr = owner.value
        return attr.value.data if isa(attr, IntegerAttr) else None
    if isinstance(owner, UnrealizedConversionCastOp) and len(owner.inputs) == 1:
        return constant_value(owner.inputs[0])
    return None


def memref_strides(attr: Attribute, c: Converter) -> tuple[int, ...]:
    """The strides of a memref type, or a failure of the pass."""
    if not isa(attr, MemRefType):
        fail(c.op, f"{attr} is not a ranked memref")
    try:
        return strides(attr)
    except UnsupportedType as e:
        fail(c.op, str(e))


def element_pointer(memref: SSAValue, indices: Sequence[SSAValue | int], c: Converter) -> SSAValue:
    """The address of ``memref[indices]``, indices known or not.

    Views never leave their buffer, so the address is ``inbounds`` and no product or sum on the way wraps.
    """
    memref_type = memref.type
    steps = memref_strides(memref_type, c)
    assert isa(memref_type, MemRefType)
    element = c.type(memref_type.element_type)
    known = [_known(index) for index in indices]
    pointee = _array_with_strides(element, steps)
    if pointee is None:
        pointee, known = element, [_linear(known, steps, c)]
    return offset_pointer(c.operand(memref), pointee, known, c)


def offset_pointer(
    base: SSAValue, pointee: Attribute, indices: Sequence[SSAValue | int], c: Converter
) -> SSAValue:
    """``base`` moved by ``indices`` over the type ``pointee``, as ``llvm.getelementptr`` counts."""
    indices = [_known(index) for index in indices]
    if all(isinstance(index, int) and index == 0 for index in indices):
        return base
    pointer_type = base.type
    assert isinstance(pointer_type, llvm.LLVMPointerType)
    operands = [_index_operand(index, c) for index in indices]
    op = llvm.GEPOp.from_mixed_indices(base, operands, pointee, result_type=pointer_type, inbounds=True)
    return c.insert(op).result


def _known(index: SSAValue | int) -> SSAValue | int:
    if isinstance(index, int):
        return index
    value = constant_value(index)
    return index if value is None else value


def _index_operand(index: SSAValue | int, c: Converter) -> SSAValue | int:
    """MLIR keeps constant indices in 32 bits, the least of them marking a value."""
    if isinstance(index, int):
        return index if -(2**31) < index < 2**31 else c.constant(index)
    return c.operand(index)


@cache
def _array_with_strides(element: Attribute, steps: tuple[int, ...]) -> Attribute | None:
    """The type over which an index of each dimension moves by that dimension's stride, or None."""
    if not steps or steps[-1] != 1 or any(inner <= 0 or outer % inner for outer, inner in pairwise(steps)):
        return None
    pointee = element
    for outer, inner in reversed(list(pairwise(steps))):
        pointee = llvm.LLVMArrayType(outer // inner, pointee)
    return pointee


def _linear(indices: Sequence[SSAValue | int], steps: Sequence[int], c: Converter) -> SSAValue | int:
    """The sum of index times stride."""
    static = 0
    total: SSAValue | None = None
    for index, step in zip(indices, steps, strict=True):
        if isinstance(index, int):
            static += index * step
        elif step:
            product = _times(c.operand(index), step, c)
            total = product if total is None else _add(total, product, c)
    if total is None:
        return static
    return total if not static else _add(total, c.constant(static), c)


def _times(value: SSAValue, factor: int, c: Converter) -> SSAValue:
    return value if factor == 1 else c.insert(llvm.MulOp(value, c.constant(factor), overflow=_NSW)).res


def _add(lhs: SSAValue, rhs: SSAValue, c: Converter) -> SSAValue:
    return c.insert(llvm.AddOp(lhs, rhs, overflow=_NSW)).res
