"""``convert-gpu-to-llvm``: kernels of a ``gpu.module`` become functions that LLVM makes PTX entries of.

Ids become reads of special registers, static shared memory a global of address space 3. The host's function
goes: its launches are in the table that ``lower-to-gpu`` made.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

from xdsl.context import Context
from xdsl.dialects import func, gpu, llvm, memref
from xdsl.dialects.builtin import (
    ArrayAttr,
    DictionaryAttr,
    IntAttr,
    IntegerType,
    MemRefType,
    ModuleOp,
    StringAttr,
    UnitAttr,
    UnrealizedConversionCastOp,
    i32,
    i64,
)
from xdsl.ir import Attribute, Operation, SSAValue
from xdsl.passes import ModulePass
from xdsl.rewriter import InsertPoint, Rewriter
from xdsl.utils.exceptions import PassFailedException

from ivit_dialect.hints import isa
from lowering.cuda.build import SHARED, SHARED_ALIGNMENT
from lowering.dialect_conversion import Conversion, Converter, convert_ops, refuse_rest
from lowering.kernels.build import INDEX

_REGISTERS: dict[type[Operation], str] = {
    gpu.ThreadIdOp: "tid",
    gpu.BlockIdOp: "ctaid",
    gpu.BlockDimOp: "ntid",
    gpu.GridDimOp: "nctaid",
}


def _position(op: Any, c: Converter) -> Sequence[SSAValue]:
    """Special registers are 32 bits wide, and never negative."""
    name = f"llvm.nvvm.read.ptx.sreg.{_REGISTERS[type(op)]}.{op.dimension.data}"
    register = c.insert(llvm.CallIntrinsicOp(name, [], [i32])).results[0]
    wide = c.insert(llvm.ZExtOp(register, i64)).res
    return [c.insert(UnrealizedConversionCastOp.get([wide], [INDEX])).results[0]]


def _barrier(op: gpu.BarrierOp, c: Converter) -> Sequence[SSAValue]:
    c.insert(llvm.CallIntrinsicOp("llvm.nvvm.barrier.cta.sync.aligned.all", [c.constant(0, i32)], []))
    return []


def _return(op: gpu.ReturnOp, c: Converter) -> Sequence[SSAValue]:
    c.insert(func.ReturnOp())
    return []


_CONVERSIONS: dict[type[Operation], Conversion] = {
    **dict.fromkeys(_REGISTERS, _position),
    gpu.BarrierOp: _barrier,
    gpu.ReturnOp: _return,
}


def _shared_memory(function: gpu.FuncOp) -> None:
    """Every ``memref.alloca`` of memory space 3 as a global before the function."""
    count = 0
    for op in list(function.walk()):
        kind = op.memref.type if isinstance(op, memref.AllocaOp) else None
        if not isa(kind, MemRefType[IntegerType]) or kind.memory_space != SHARED:
            continue
        symbol = f"{function.sym_name.data}_shared{count}"
        count += 1
        array = llvm.LLVMArrayType(prod(kind.get_shape()), kind.element_type)
        memory = llvm.GlobalOp(array, symbol, "internal", addr_space=3, alignment=SHARED_ALIGNMENT)
        Rewriter.insert_op(memory, InsertPoint.before(function))
        address = llvm.AddressOfOp(symbol, llvm.LLVMPointerType(IntAttr(3)))
        cast, _ = UnrealizedConversionCastOp.cast_one(address.result, kind)
        Rewriter.replace_op(op, [address, cast])


def _function(function: gpu.FuncOp) -> None:
    """``gpu.func`` as ``func.func`` with the attributes of a kernel."""
    if function.kernel is None:
        raise PassFailedException(
            f"convert-gpu-to-llvm: gpu.func @{function.sym_name.data}: only kernels are converted"
        )
    sizes = function.known_block_size
    attributes: dict[str, Attribute] = {"nvvm.kernel": UnitAttr()}
    if sizes is not None:
        attributes["nvvm.reqntid"] = StringAttr(",".join(map(str, sizes.get_values())))
    described = function.attributes.get("arg_attrs")
    new = func.FuncOp(
        function.sym_name.data,
        function.function_type,
        Rewriter.move_region_contents_to_new_regions(function.body),
        arg_attrs=described if isa(described, ArrayAttr[DictionaryAttr]) else None,
    )
    new.attributes |= attributes
    Rewriter.insert_op(new, InsertPoint.before(function))
    Rewriter.erase_op(function)


@dataclass(frozen=True)
class ConvertGpuToLLVMPass(ModulePass):
    """Converts kernels; raises PassFailedException for GPU ops that it does not know."""

    name = "convert-gpu-to-llvm"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        for device in [inner for inner in op.ops if isinstance(inner, gpu.ModuleOp)]:
            for function in [inner for inner in device.body.ops if isinstance(inner, gpu.FuncOp)]:
                _shared_memory(function)
                _function(function)
            Rewriter.inline_block(device.body.block, InsertPoint.before(device))
            Rewriter.erase_op(device)
        for host in [inner for inner in op.ops if isinstance(inner, func.FuncOp)]:
            if any(isinstance(inner, gpu.LaunchFuncOp) for inner in host.walk()):
                Rewriter.erase_op(host)
        op.attributes.pop("gpu.container_module", None)
        convert_ops(op, _CONVERSIONS)
        refuse_rest(op, "gpu", lambda _: "kernels use ids, barriers and intrinsics only")
