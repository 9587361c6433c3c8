"""Types of the ``loops`` level as types of the ``llvm`` dialect.

``index`` becomes ``i64``, a ``memref`` becomes a bare pointer, and everything that LLVM has stays as it is.

A bare pointer is the address of element [0, …, 0] of the view: the offset of a strided layout is already in
it. Shapes and strides live in the IR's types alone, so strides are static (the leading size may be dynamic).
"""

from __future__ import annotations

from functools import cache

from xdsl.dialects import llvm
from xdsl.dialects.builtin import (
    DYNAMIC_INDEX,
    AnyFloat,
    ComplexType,
    IndexType,
    IntAttr,
    IntegerAttr,
    IntegerType,
    MemRefType,
    NoneAttr,
    Signedness,
    StridedLayoutAttr,
    VectorType,
    i64,
)
from xdsl.ir import Attribute

from ivit_dialect.hints import isa

NO_FLOATS = "floating point has no place below the ivit level; lower the model to integers first"

INDEX = i64
"""What ``index`` becomes: every target's pointers fit."""


class UnsupportedType(Exception):
    """A type that has no counterpart in the ``llvm`` dialect; the message is one clear line."""


@cache
def llvm_type(attr: Attribute) -> Attribute:
    """The ``llvm`` dialect's type for ``attr``; ``attr`` itself where LLVM has it.

    Raises UnsupportedType for floats, signed or unsigned integers, vectors of rank other than 1,
    scalable vectors, memrefs whose strides are not static, and types of other dialects.
    """
    if isinstance(attr, IndexType):
        return INDEX
    if isa(attr, IntegerType):
        if attr.signedness.data is not Signedness.SIGNLESS:
            raise UnsupportedType(f"{attr} has a sign; below the ivit level integers are signless")
        return attr
    if isinstance(attr, AnyFloat | ComplexType):
        raise UnsupportedType(NO_FLOATS)
    if isa(attr, VectorType):
        return _vector_type(attr)
    if isa(attr, MemRefType):
        strides(attr)
        llvm_type(attr.element_type)
        return llvm.LLVMPointerType(_address_space(attr))
    if isinstance(attr, llvm.LLVMPointerType | llvm.LLVMStructType | llvm.LLVMArrayType | llvm.LLVMVoidType):
        return attr
    raise UnsupportedType(f"{attr} has no LLVM counterpart")


def _vector_type(attr: VectorType) -> VectorType:
    if attr.get_num_dims() != 1 or attr.get_num_scalable_dims() != 0:
        raise UnsupportedType(f"{attr} is not a vector of rank 1 and fixed length; split it before")
    element = llvm_type(attr.element_type)
    return attr if element == attr.element_type else VectorType(element, attr.shape)


def _address_space(attr: MemRefType) -> IntAttr | NoneAttr:
    space = attr.memory_space
    if isinstance(space, NoneAttr):
        return NoneAttr()
    if isa(space, IntegerAttr):
        return IntAttr(space.value.data) if space.value.data else NoneAttr()
    raise UnsupportedType(f"memory space {space} of {attr} is not a number")


@cache
def strides(attr: MemRefType) -> tuple[int, ...]:
    """The stride of each dimension of a memref, in elements.

    Raises UnsupportedType where one is not static.
    """
    if isinstance(attr.layout, StridedLayoutAttr):
        given = attr.layout.get_strides()
        static = tuple(s for s in given if s is not None)
        if len(static) != len(given):
            raise UnsupportedType(f"{attr} has dynamic strides, which a bare pointer cannot carry")
        return static
    if not isinstance(attr.layout, NoneAttr):
        raise UnsupportedType(f"{attr} has a layout that is not strided")
    result: list[int] = []
    step = 1
    for size in reversed(attr.get_shape()):
        if step == DYNAMIC_INDEX:
            raise UnsupportedType(f"{attr} has a dynamic size that is not the leading one")
        result.append(step)
        step = DYNAMIC_INDEX if size == DYNAMIC_INDEX else step * size
    return tuple(reversed(result))


def byte_width(attr: Attribute) -> int:
    """Bytes that one element of an integer or index type takes in memory."""
    element = llvm_type(attr)
    if not isa(element, IntegerType):
        raise UnsupportedType(f"{attr} is not an integer type")
    return max(1, element.width.data // 8)
