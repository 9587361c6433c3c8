"""Addresses of memref elements: a bare pointer plus strides dot indices.

Constant indices are folded here, so that a static offset is one constant of one `llvm.getelementptr`.
"""

from __future__ import annotations

from collections.abc import Sequence

from xdsl.dialects import arith, llvm
from xdsl.dialects.builtin import IntegerAttr, MemRefType, UnrealizedConversionCastOp
from xdsl.ir import Attribute, SSAValue
from xdsl.utils.hints import isa

from lowering.dialect_conversion import Converter, fail
from lowering.llvm_types import UnsupportedType, strides

_NSW = llvm.OverflowAttr([llvm.OverflowFlag.NO_SIGNED_WRAP])


def constant_value(value: SSAValue) -> int | None:
    """The integer that `value` is known to be, or None."""
    owner = value.owner
    if isinstance(owner, UnrealizedConversionCastOp):
        return constant_value(owner.inputs[0]) if len(owner.inputs) == 1 else None
    if isinstance(owner, arith.ConstantOp | llvm.ConstantOp) and isa(owner.value, IntegerAttr):
        return owner.value.value.data
    return None


def memref_strides(attr: Attribute, c: Converter) -> tuple[int, ...]:
    """The strides of a memref type, or a failure of the pass."""
    if not isa(attr, MemRefType):
        fail(c.op, f"{attr} is not a ranked memref")
    try:
        return strides(attr)
    except UnsupportedType as e:
        fail(c.op, str(e))


def offset_pointer(
    base: SSAValue, element: Attribute, terms: Sequence[tuple[SSAValue | int, int]], c: Converter
) -> SSAValue:
    """`base` moved by the sum of index times stride over `terms`, counted in elements of LLVM type `element`.

    Views never leave their buffer, so the sum does not wrap (`nsw`) and the address is `inbounds`.
    """
    static, dynamic = 0, None
    for index, stride in terms:
        known = index if isinstance(index, int) else constant_value(index)
        if known is not None:
            static += known * stride
        elif not isinstance(index, int) and stride:
            product = _times(c.operand(index), stride, c)
            dynamic = product if dynamic is None else _add(dynamic, product, c)
    pointer = base
    if dynamic is not None:
        pointer = _element_pointer(pointer, dynamic, element, c)
    if static:
        pointer = _element_pointer(pointer, static, element, c)
    return pointer


def element_pointer(memref: SSAValue, indices: Sequence[SSAValue], c: Converter) -> SSAValue:
    """The address of `memref[indices]`."""
    memref_type = memref.type
    steps = memref_strides(memref_type, c)
    assert isa(memref_type, MemRefType)
    element = c.type(memref_type.element_type)
    return offset_pointer(c.operand(memref), element, list(zip(indices, steps, strict=True)), c)


def _times(value: SSAValue, factor: int, c: Converter) -> SSAValue:
    return value if factor == 1 else c.insert(llvm.MulOp(value, c.constant(factor), overflow=_NSW)).res


def _add(lhs: SSAValue, rhs: SSAValue, c: Converter) -> SSAValue:
    return c.insert(llvm.AddOp(lhs, rhs, overflow=_NSW)).res


def _element_pointer(base: SSAValue, index: SSAValue | int, element: Attribute, c: Converter) -> SSAValue:
    pointer_type = base.type
    assert isinstance(pointer_type, llvm.LLVMPointerType)
    if isinstance(index, int) and not -(2**31) < index < 2**31:
        index = c.constant(index)  # MLIR keeps constant indices in 32 bits
    op = llvm.GEPOp.from_mixed_indices(base, [index], element, result_type=pointer_type, inbounds=True)
    return c.insert(op).result
