"""``convert-memref-to-llvm``: memory as bare pointers.

A memref becomes the address of its first element; shapes and strides are spent on address arithmetic. A
``memref.alloca`` of static shape goes to the entry block of its function: one in a loop would otherwise grow
the stack.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

from xdsl.context import Context
from xdsl.dialects import func, llvm, memref
from xdsl.dialects.builtin import (
    DYNAMIC_INDEX,
    DenseIntOrFPElementsAttr,
    IntegerAttr,
    IntegerType,
    MemRefType,
    ModuleOp,
    NoneAttr,
    UnitAttr,
    i1,
    i8,
)
from xdsl.dialects.utils import get_dynamic_index_list
from xdsl.ir import Attribute, Block, Operation, SSAValue
from xdsl.passes import ModulePass
from xdsl.rewriter import InsertPoint, Rewriter

from ivit_dialect.hints import isa
from lowering import llvm_ext
from lowering.address import constant_value, element_pointer, memref_strides, offset_pointer
from lowering.dialect_conversion import Conversion, Converter, convert_ops, fail, refuse_rest
from lowering.llvm_types import byte_width

SCRATCH_ALIGNMENT = 64
"""Alignment of a ``memref.alloca`` that names none: a cache line, and the widest vector."""


def _memref_type(value: SSAValue, c: Converter) -> MemRefType:
    if not isa(value.type, MemRefType):
        fail(c.op, f"{value.type} is not a ranked memref")
    return value.type


def _pointer_type(attr: Attribute, c: Converter) -> llvm.LLVMPointerType:
    pointer = c.type(attr)
    assert isinstance(pointer, llvm.LLVMPointerType)
    return pointer


def _load(op: memref.LoadOp, c: Converter) -> Sequence[SSAValue]:
    if op.nontemporal.value.data:
        fail(op, "a non-temporal load has no counterpart; drop the flag")
    pointer = element_pointer(op.memref, op.indices, c)
    return [c.insert(llvm.LoadOp(pointer, c.type(op.res.type))).dereferenced_value]


def _store(op: memref.StoreOp, c: Converter) -> Sequence[SSAValue]:
    value = c.operand(op.value)
    pointer = element_pointer(op.memref, op.indices, c)
    c.insert(llvm.StoreOp(value, pointer, nontemporal=bool(op.nontemporal.value.data)))
    return []


def _entry_block(op: Operation) -> Block:
    parent = op.parent_op()
    while parent is not None and not isinstance(parent, func.FuncOp | llvm.FuncOp):
        parent = parent.parent_op()
    block = None if parent is None else parent.body.first_block
    if block is None:
        fail(op, "stands outside any function")
    return block


def _static_size(attr: MemRefType, c: Converter) -> int:
    shape = attr.get_shape()
    if DYNAMIC_INDEX in shape or not isinstance(attr.layout, NoneAttr):
        fail(c.op, f"{attr} is not contiguous and of static shape")
    return prod(shape)


def _alloca(op: memref.AllocaOp, c: Converter) -> Sequence[SSAValue]:
    memref_type = _memref_type(op.memref, c)
    _pointer_type(memref_type, c)
    count = llvm.ConstantOp(IntegerAttr(_static_size(memref_type, c), 64), IntegerType(64))
    alignment = SCRATCH_ALIGNMENT if op.alignment is None else op.alignment.value.data
    alloca = llvm.AllocaOp(count, c.type(memref_type.element_type), alignment)
    Rewriter.insert_op([count, alloca], InsertPoint.at_start(_entry_block(op)))
    return [alloca.res]


def _view(op: memref.ViewOp, c: Converter) -> Sequence[SSAValue]:
    memref_strides(op.result.type, c)
    return [offset_pointer(c.operand(op.source), i8, [op.byte_shift], c)]


def _kept_dimensions(op: memref.SubviewOp, sizes: Sequence[int | SSAValue], result: MemRefType) -> list[int]:
    """Which dimensions of the source the result keeps: dropped ones have size 1 (rank reduction)."""
    kept: list[int] = []
    wanted = result.get_shape()
    for i, size in enumerate(sizes):
        left = len(wanted) - len(kept)
        if left and (wanted[len(kept)] == (DYNAMIC_INDEX if isinstance(size, SSAValue) else size)):
            kept.append(i)
        elif size != 1:
            fail(op, f"size {size} of dimension {i} is not in {result}")
    if len(kept) != len(wanted):
        fail(op, f"{result} does not have the sizes of the subview")
    return kept


def _subview(op: memref.SubviewOp, c: Converter) -> Sequence[SSAValue]:
    source, result = _memref_type(op.source, c), _memref_type(op.result, c)
    offsets = get_dynamic_index_list(op.static_offsets.get_values(), op.offsets, DYNAMIC_INDEX)
    sizes = get_dynamic_index_list(op.static_sizes.get_values(), op.sizes, DYNAMIC_INDEX)
    steps = get_dynamic_index_list(op.static_strides.get_values(), op.strides, DYNAMIC_INDEX)
    source_strides = memref_strides(source, c)
    static_steps = [s for s in steps if isinstance(s, int)]
    if len(static_steps) != len(steps):
        fail(op, "strides must be static, a bare pointer cannot carry them")
    kept = _kept_dimensions(op, sizes, result)
    expected = tuple(source_strides[i] * static_steps[i] for i in kept)
    given = memref_strides(result, c)
    shape = result.get_shape()
    if any(e != g for e, g, size in zip(expected, given, shape, strict=True) if size != 1):
        fail(op, f"strides of {result} are not those of the subview, {list(expected)}")
    return [element_pointer(op.source, offsets, c)]


def _reinterpret_cast(op: memref.ReinterpretCastOp, c: Converter) -> Sequence[SSAValue]:
    """The offset counts from the start of the buffer, so the source must be the buffer itself."""
    source, result = _memref_type(op.source, c), _memref_type(op.result, c)
    if source.get_offset() != 0:
        fail(op, f"{source} has an offset; reinterpret the buffer that it views")
    static = tuple(op.static_strides.get_values())
    if tuple(memref_strides(result, c)) != static:
        fail(op, f"strides of {result} are not {list(static)}")
    offsets = get_dynamic_index_list(op.static_offsets.get_values(), op.offsets, DYNAMIC_INDEX)
    element = c.type(source.element_type)
    return [offset_pointer(c.operand(op.source), element, offsets, c)]


def _cast(op: memref.CastOp, c: Converter) -> Sequence[SSAValue]:
    source, dest = memref_strides(op.source.type, c), memref_strides(op.dest.type, c)
    if source != dest:
        fail(op, f"{op.source.type} and {op.dest.type} have different strides")
    return [c.operand(op.source)]


def _reshape(op: memref.CollapseShapeOp | memref.ExpandShapeOp, c: Converter) -> Sequence[SSAValue]:
    source, result = _memref_type(op.src, c), _memref_type(op.result, c)
    if _static_size(source, c) != _static_size(result, c):
        fail(op, f"{source} and {result} differ in size")
    return [c.operand(op.src)]


def _dim(op: memref.DimOp, c: Converter) -> Sequence[SSAValue]:
    dimension = constant_value(op.index)
    source = op.source.type
    if dimension is None or not isa(source, MemRefType) or not 0 <= dimension < source.get_num_dims():
        fail(op, "needs a constant index into a ranked memref")
    size = source.get_shape()[dimension]
    if size == DYNAMIC_INDEX:
        fail(op, "a bare pointer does not carry its size; pass it as an index")
    return [c.constant(size)]


def _copy(op: memref.CopyOp, c: Converter) -> Sequence[SSAValue]:
    source, dest = _memref_type(op.source, c), _memref_type(op.destination, c)
    _static_size(dest, c)
    size = c.constant(_static_size(source, c) * byte_width(source.element_type))
    volatile = c.constant(0, i1)
    operands = [c.operand(op.destination), c.operand(op.source), size, volatile]
    c.insert(llvm.CallIntrinsicOp("llvm.memmove", operands, []))
    return []


_ATOMIC_KINDS: dict[int, str] = {
    1: "add",
    4: "xchg",
    6: "max",
    7: "umax",
    9: "min",
    10: "umin",
    12: "or",
    13: "and",
}
"""MLIR's numbers of ``arith::AtomicRMWKind``; those that are missing are floating point or a product."""


def _atomic_rmw(op: memref.AtomicRMWOp, c: Converter) -> Sequence[SSAValue]:
    kind = _ATOMIC_KINDS.get(op.kind.value.data)
    if kind is None:
        fail(op, f"kind {op.kind.value.data} is not an integer operation that LLVM has")
    value = c.operand(op.value)
    pointer = element_pointer(op.memref, op.indices, c)
    return [c.insert(llvm_ext.AtomicRMWOp(kind, pointer, value, "acq_rel")).res]


def _extract_pointer(op: memref.ExtractAlignedPointerAsIndexOp, c: Converter) -> Sequence[SSAValue]:
    return [c.insert(llvm.PtrToIntOp(c.operand(op.source))).output]


def _assume_alignment(op: memref.AssumeAlignmentOp, c: Converter) -> Sequence[SSAValue]:
    pointer = c.operand(op.memref)
    c.insert(llvm_ext.AssumeAlignedOp(pointer, op.alignment.value.data))
    return [pointer]


def _global(op: memref.GlobalOp, c: Converter) -> Sequence[SSAValue]:
    size = _static_size(op.type, c)
    value = op.initial_value
    if not isinstance(value, DenseIntOrFPElementsAttr):
        fail(op, "needs its values; memory that a kernel writes comes from the arena")
    space = _pointer_type(op.type, c).addr_space
    Rewriter.insert_op(
        llvm.GlobalOp(
            llvm.LLVMArrayType(size, c.type(op.type.element_type)),
            op.sym_name,
            "internal" if op.sym_visibility.data == "private" else "external",
            addr_space=0 if isinstance(space, NoneAttr) else space.data,
            constant=isinstance(op.constant, UnitAttr),
            value=value,
            alignment=SCRATCH_ALIGNMENT if op.alignment is None else op.alignment.value.data,
        ),
        InsertPoint.before(op),
    )
    return []


def _get_global(op: memref.GetGlobalOp, c: Converter) -> Sequence[SSAValue]:
    pointer = _pointer_type(op.memref.type, c)
    return [c.insert(llvm.AddressOfOp(op.name_, pointer)).result]


_CONVERSIONS: dict[type[Operation], Conversion] = {
    memref.LoadOp: _load,
    memref.StoreOp: _store,
    memref.AllocaOp: _alloca,
    memref.ViewOp: _view,
    memref.SubviewOp: _subview,
    memref.ReinterpretCastOp: _reinterpret_cast,
    memref.CastOp: _cast,
    memref.CollapseShapeOp: _reshape,
    memref.ExpandShapeOp: _reshape,
    memref.DimOp: _dim,
    memref.CopyOp: _copy,
    memref.AtomicRMWOp: _atomic_rmw,
    memref.ExtractAlignedPointerAsIndexOp: _extract_pointer,
    memref.AssumeAlignmentOp: _assume_alignment,
    memref.GlobalOp: _global,
    memref.GetGlobalOp: _get_global,
}


@dataclass(frozen=True)
class ConvertMemrefToLLVMPass(ModulePass):
    """Converts ``memref`` to the ``llvm`` dialect; raises PassFailedException where the subset ends."""

    name = "convert-memref-to-llvm"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        convert_ops(op, _CONVERSIONS)
        refuse_rest(op, "memref", lambda _: "kernels take memory from the arena or from memref.alloca")
