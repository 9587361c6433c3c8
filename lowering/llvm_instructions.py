"""Instructions of LLVM IR as text, one function per op of the ``llvm`` and ``llvm_ext`` dialects."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol, TypeAlias

from xdsl.dialects import llvm
from xdsl.dialects.builtin import IntegerAttr, StringAttr
from xdsl.ir import Attribute, Block, Operation, SSAValue

from ivit_dialect.hints import isa
from lowering import llvm_ext
from lowering.llvm_text import escaped, global_name, refuse, type_text


class FunctionText(Protocol):
    """What an instruction needs of the function it stands in."""

    architecture: str

    def ref(self, value: SSAValue) -> str:
        """The name or the constant of a value."""
        ...

    def label(self, block: Block) -> str:
        """The name of a block."""
        ...

    def line(self, text: str) -> None:
        """Adds an instruction."""
        ...

    def fresh(self) -> str:
        """A name that nothing else has."""
        ...


Emitter: TypeAlias = Callable[[Any, FunctionText], None]


def _typed(value: SSAValue, f: FunctionText) -> str:
    return f"{type_text(value.type)} {f.ref(value)}"


def _arguments(values: Sequence[SSAValue], f: FunctionText) -> str:
    return ", ".join(_typed(v, f) for v in values)


_BINARY: dict[type[Operation], str] = {
    llvm.AddOp: "add",
    llvm.SubOp: "sub",
    llvm.MulOp: "mul",
    llvm.UDivOp: "udiv",
    llvm.SDivOp: "sdiv",
    llvm.URemOp: "urem",
    llvm.SRemOp: "srem",
    llvm.AndOp: "and",
    llvm.OrOp: "or",
    llvm.XOrOp: "xor",
    llvm.ShlOp: "shl",
    llvm.LShrOp: "lshr",
    llvm.AShrOp: "ashr",
}

_CASTS: dict[type[Operation], str] = {
    llvm.TruncOp: "trunc",
    llvm.ZExtOp: "zext",
    llvm.SExtOp: "sext",
    llvm.PtrToIntOp: "ptrtoint",
    llvm.IntToPtrOp: "inttoptr",
    llvm.BitcastOp: "bitcast",
    llvm_ext.AddrSpaceCastOp: "addrspacecast",
}


def _flags(op: Operation) -> str:
    """The poison-generating flags, with a leading space each."""
    match op:
        case llvm.ArithmeticBinOpOverflow() if op.overflowFlags is not None:
            flags = [flag.value for flag in llvm.OverflowAttr.from_int(op.overflowFlags.value.data).data]
        case llvm.IntegerConversionOpOverflow() if op.overflowFlags is not None:
            flags = [flag.value for flag in op.overflowFlags.data]
        case llvm.ArithmeticBinOpExact() if op.is_exact is not None:
            flags = ["exact"]
        case llvm.ArithmeticBinOpDisjoint() if op.is_disjoint is not None:
            flags = ["disjoint"]
        case llvm.IntegerConversionOpNNeg() if op.non_neg is not None:
            flags = ["nneg"]
        case _:
            flags = []
    return "".join(f" {flag}" for flag in flags)


def _binary(op: llvm.AddOp, f: FunctionText) -> None:
    name = f"{_BINARY[type(op)]}{_flags(op)}"
    f.line(f"{f.ref(op.res)} = {name} {_typed(op.lhs, f)}, {f.ref(op.rhs)}")


def _cast(op: Operation, f: FunctionText) -> None:
    name = f"{_CASTS[type(op)]}{_flags(op)}"
    result = op.results[0]
    f.line(f"{f.ref(result)} = {name} {_typed(op.operands[0], f)} to {type_text(result.type)}")


def _icmp(op: llvm.ICmpOp, f: FunctionText) -> None:
    predicate = llvm.ICmpPredicateFlag.from_int(op.predicate.value.data).value
    f.line(f"{f.ref(op.res)} = icmp {predicate} {_typed(op.lhs, f)}, {f.ref(op.rhs)}")


def _select(op: llvm.SelectOp | llvm_ext.SelectOp, f: FunctionText) -> None:
    f.line(f"{f.ref(op.res)} = select {_arguments(op.operands, f)}")


def _alignment(attr: Attribute | None) -> str:
    return f", align {attr.value.data}" if isa(attr, IntegerAttr) else ""


def _scope(scope: StringAttr | None) -> str:
    return "" if scope is None else f' syncscope("{escaped(scope.data.encode())}")'


def _ordering(op: llvm.LoadOp | llvm.StoreOp) -> str:
    number = 0 if op.ordering is None else op.ordering.value.data
    if number and op.alignment is None:
        refuse(op.name, "an atomic access needs its alignment")
    return llvm.ATOMIC_ORDERING_KEYWORDS[number] if number else ""


def _load(op: llvm.LoadOp, f: FunctionText) -> None:
    ordering = _ordering(op)
    head, tail = (" atomic", f" {ordering}") if ordering else ("", "")
    result = op.dereferenced_value
    access = f"load{head} {type_text(result.type)}, {_typed(op.ptr, f)}{tail}"
    f.line(f"{f.ref(result)} = {access}{_alignment(op.alignment)}")


def _store(op: llvm.StoreOp, f: FunctionText) -> None:
    ordering = _ordering(op)
    head, tail = (" atomic", f" {ordering}") if ordering else ("", "")
    if op.volatile_ is not None:
        head += " volatile"
    hint = ", !nontemporal !0" if op.nontemporal is not None else ""
    f.line(f"store{head} {_typed(op.value, f)}, {_typed(op.ptr, f)}{tail}{_alignment(op.alignment)}{hint}")


def _natural_alignment(attr: Attribute) -> int:
    return max(1, int(type_text(attr)[1:]) // 8)


def _atomic_load(op: llvm_ext.AtomicLoadOp, f: FunctionText) -> None:
    tail = f"{_scope(op.syncscope)} {op.ordering.data}, align {_natural_alignment(op.res.type)}"
    f.line(f"{f.ref(op.res)} = load atomic {type_text(op.res.type)}, {_typed(op.ptr, f)}{tail}")


def _atomic_store(op: llvm_ext.AtomicStoreOp, f: FunctionText) -> None:
    tail = f"{_scope(op.syncscope)} {op.ordering.data}, align {_natural_alignment(op.value.type)}"
    f.line(f"store atomic {_typed(op.value, f)}, {_typed(op.ptr, f)}{tail}")


def _atomic_rmw(op: llvm_ext.AtomicRMWOp, f: FunctionText) -> None:
    access = f"atomicrmw {op.kind.data} {_typed(op.ptr, f)}, {_typed(op.value, f)}"
    f.line(f"{f.ref(op.res)} = {access}{_scope(op.syncscope)} {op.ordering.data}")


def _fence(op: llvm_ext.FenceOp, f: FunctionText) -> None:
    f.line(f"fence{_scope(op.syncscope)} {op.ordering.data}")


_SPIN_HINTS = {
    "x86_64": "call void @llvm.x86.sse2.pause()",
    "aarch64": "call void @llvm.aarch64.hint(i32 1)",
}


def _cpu_relax(op: llvm_ext.CpuRelaxOp, f: FunctionText) -> None:
    hint = _SPIN_HINTS.get(f.architecture)
    if hint is not None:
        f.line(hint)


def _assume_aligned(op: llvm_ext.AssumeAlignedOp, f: FunctionText) -> None:
    bundle = f'"align"({_typed(op.ptr, f)}, i64 {op.alignment.value.data})'
    f.line(f"call void @llvm.assume(i1 true) [ {bundle} ]")


def _gep(op: llvm.GEPOp, f: FunctionText) -> None:
    dynamic = iter(op.ssa_indices)
    indices = [
        _typed(next(dynamic), f) if index == llvm.GEP_USE_SSA_VAL else f"i32 {index}"
        for index in op.rawConstantIndices.get_values()
    ]
    bits = op.noWrapFlags.value.data  # MLIR's numbers: 1 inbounds, 2 nusw, 4 nuw
    inbounds = op.inbounds is not None or bits & 1
    flags = " inbounds" if inbounds else " nusw" if bits & 2 else ""
    flags += " nuw" if bits & 4 else ""
    access = f"getelementptr{flags} {type_text(op.elem_type)}, {_typed(op.ptr, f)}, {', '.join(indices)}"
    f.line(f"{f.ref(op.result)} = {access}")


def _alloca(op: llvm.AllocaOp, f: FunctionText) -> None:
    shape = f"{type_text(op.elem_type)}, {_typed(op.size, f)}"
    f.line(f"{f.ref(op.res)} = alloca {shape}{_alignment(op.alignment)}")


def _result(op: Operation, f: FunctionText) -> tuple[str, str]:
    """``%name = `` and the type, or nothing and ``void``."""
    if not op.results:
        return "", "void"
    result = op.results[0]
    return f"{f.ref(result)} = ", type_text(result.type)


def _call(op: llvm.CallOp, f: FunctionText) -> None:
    if op.callee is None or op.op_bundle_operands or op.var_callee_type is not None:
        refuse(op.name, "only direct calls of functions with a fixed number of arguments are emitted")
    head, result_type = _result(op, f)
    convention = op.CConv.convention.data
    convention = "" if convention == "ccc" else f"{convention} "
    callee = global_name(op.callee.root_reference.data)
    f.line(f"{head}call {convention}{result_type} {callee}({_arguments(op.args, f)})")


_ARCHITECTURES: dict[str, tuple[str, ...]] = {
    "x86": ("x86_64", "i386", "i686"),
    "aarch64": ("aarch64", "arm64"),
    "arm": ("arm", "thumb"),
    "riscv": ("riscv",),
    "nvvm": ("nvptx",),
    "amdgcn": ("amdgcn",),
}
"""Whose intrinsics go where: LLVM ends the process at one that the target cannot select."""


def _call_intrinsic(op: llvm.CallIntrinsicOp, f: FunctionText) -> None:
    """LLVM's parser declares intrinsics itself and adds the suffix that an overloaded name lacks."""
    if op.op_bundle_operands:
        refuse(op.name, f"operand bundles of {op.intrin.data} are not emitted")
    owner = op.intrin.data.split(".")[1]
    if owner in _ARCHITECTURES and not f.architecture.startswith(_ARCHITECTURES[owner]):
        refuse(op.name, f"{op.intrin.data} does not exist on {f.architecture}; choose kernels by target")
    head, result_type = _result(op, f)
    f.line(f"{head}call {result_type} {global_name(op.intrin.data)}({_arguments(op.args, f)})")


def _inline_asm(op: llvm.InlineAsmOp, f: FunctionText) -> None:
    head, result_type = _result(op, f)
    words = [
        "sideeffect " if op.has_side_effects is not None else "",
        "alignstack " if op.is_align_stack is not None else "",
        "inteldialect " if op.asm_dialect is not None and op.asm_dialect.value.data == 1 else "",
    ]
    body = f'"{escaped(op.asm_string.data.encode())}", "{escaped(op.constraints.data.encode())}"'
    f.line(f"{head}call {result_type} asm {''.join(words)}{body}({_arguments(op.operands_, f)})")


def _extract_element(op: llvm_ext.ExtractElementOp, f: FunctionText) -> None:
    f.line(f"{f.ref(op.res)} = extractelement {_arguments([op.vector, op.position], f)}")


def _insert_element(op: llvm.InsertElementOp, f: FunctionText) -> None:
    f.line(f"{f.ref(op.res)} = insertelement {_arguments([op.vector, op.value, op.index], f)}")


def _shuffle(op: llvm.ShuffleVectorOp, f: FunctionText) -> None:
    mask = op.mask.get_values()
    lanes = ", ".join("i32 poison" if lane < 0 else f"i32 {lane}" for lane in mask)
    text = f"<{lanes}>" if any(mask) else "zeroinitializer"
    operands = _arguments([op.v1, op.v2], f)
    f.line(f"{f.ref(op.res)} = shufflevector {operands}, <{len(mask)} x i32> {text}")


def _extract_value(op: llvm.ExtractValueOp, f: FunctionText) -> None:
    position = ", ".join(str(p) for p in op.position.get_values())
    f.line(f"{f.ref(op.res)} = extractvalue {_typed(op.container, f)}, {position}")


def _insert_value(op: llvm.InsertValueOp, f: FunctionText) -> None:
    position = ", ".join(str(p) for p in op.position.get_values())
    f.line(f"{f.ref(op.res)} = insertvalue {_arguments([op.container, op.value], f)}, {position}")


def _branch(op: llvm.BrOp, f: FunctionText) -> None:
    f.line(f"br label {f.label(op.successor)}")


def _conditional_branch(op: llvm.CondBrOp, f: FunctionText) -> None:
    if op.then_block is op.else_block:
        f.line(f"br label {f.label(op.then_block)}")
    else:
        f.line(f"br {_typed(op.cond, f)}, label {f.label(op.then_block)}, label {f.label(op.else_block)}")


def _return(op: llvm.ReturnOp, f: FunctionText) -> None:
    f.line("ret void" if op.arg is None else f"ret {_typed(op.arg, f)}")


def _unreachable(op: llvm.UnreachableOp, f: FunctionText) -> None:
    f.line("unreachable")


EMITTERS: dict[type[Operation], Emitter] = {
    **dict.fromkeys(_BINARY, _binary),
    **dict.fromkeys(_CASTS, _cast),
    llvm.ICmpOp: _icmp,
    llvm.SelectOp: _select,
    llvm_ext.SelectOp: _select,
    llvm.LoadOp: _load,
    llvm.StoreOp: _store,
    llvm_ext.AtomicLoadOp: _atomic_load,
    llvm_ext.AtomicStoreOp: _atomic_store,
    llvm_ext.AtomicRMWOp: _atomic_rmw,
    llvm_ext.FenceOp: _fence,
    llvm_ext.CpuRelaxOp: _cpu_relax,
    llvm_ext.AssumeAlignedOp: _assume_aligned,
    llvm.GEPOp: _gep,
    llvm.AllocaOp: _alloca,
    llvm.CallOp: _call,
    llvm.CallIntrinsicOp: _call_intrinsic,
    llvm.InlineAsmOp: _inline_asm,
    llvm_ext.ExtractElementOp: _extract_element,
    llvm.InsertElementOp: _insert_element,
    llvm.ShuffleVectorOp: _shuffle,
    llvm.ExtractValueOp: _extract_value,
    llvm.InsertValueOp: _insert_value,
    llvm.BrOp: _branch,
    llvm.CondBrOp: _conditional_branch,
    llvm.ReturnOp: _return,
    llvm.UnreachableOp: _unreachable,
}
"""How each op is written; constants, undef and addresses have no line of their own."""
