"""Emission: a module in the ``llvm`` dialect becomes LLVM IR text.

Text rather than llvmlite's builder: LLVM's own parser declares and mangles intrinsics, every attribute can
be written, and it is the faster way. Nothing is dropped in silence: an op, a type or an ``llvm.`` attribute
that is not known stops the emission with one line.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from xdsl.dialects import llvm
from xdsl.dialects.builtin import DictionaryAttr, ModuleOp, UnitAttr
from xdsl.ir import Block, Operation, SSAValue

from lowering.llvm_instructions import EMITTERS
from lowering.llvm_text import (
    argument_attributes,
    constant_text,
    global_name,
    passthrough_attributes,
    refuse,
    string_attribute,
    type_text,
)

_HINT = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


class _Function:
    """The body of one function under emission."""

    def __init__(self, op: llvm.FuncOp, architecture: str) -> None:
        self.architecture = architecture
        self.lines: list[str] = []
        self._blocks = list(op.body.blocks)
        self._names: dict[SSAValue, str] = {}
        self._labels = {block: f"bb{i}" for i, block in enumerate(self._blocks)}
        self._edges: dict[Block, list[tuple[Block, list[str]]]] = {block: [] for block in self._blocks}
        self._count = 0
        self._name = op.sym_name.data

    def fresh(self, hint: str | None = None) -> str:
        self._count += 1
        return f"%{hint}.{self._count}" if hint and _HINT.fullmatch(hint) else f"%v{self._count}"

    def ref(self, value: SSAValue) -> str:
        name = self._names.get(value)
        if name is None:
            name = self._inlined(value.owner) or self.fresh(value.name_hint)
            self._names[value] = name
        return name

    def _inlined(self, owner: Operation | Block) -> str | None:
        match owner:
            case llvm.ConstantOp():
                return constant_text(owner.value, owner.result.type)
            case llvm.UndefOp():
                return "undef"
            case llvm.ZeroOp():
                return "null" if isinstance(owner.res.type, llvm.LLVMPointerType) else "zeroinitializer"
            case llvm.AddressOfOp():
                return global_name(owner.global_name.root_reference.data)
            case _:
                return None

    def label(self, block: Block) -> str:
        return f"%{self._labels[block]}"

    def line(self, text: str) -> None:
        self.lines.append(f"  {text}")

    def emit(self) -> None:
        """Writes every block; phis come last, when all edges are known, and are then put in front."""
        bodies = [self._body(block) for block in self._blocks]
        for i, (block, body) in enumerate(zip(self._blocks, bodies, strict=True)):
            self.lines.append(f"{self._labels[block]}:")
            if i:
                self.lines.extend(self._phis(block))
            self.lines.extend(body)

    def _body(self, block: Block) -> list[str]:
        self.lines = []
        for op in block.ops:
            emitter = EMITTERS.get(type(op))
            if emitter is not None:
                self._note_edges(op, block)
                emitter(op, self)
            elif self._inlined(op) is None:
                refuse(
                    f"{op.name} in @{self._name}",
                    "is not an instruction; convert it to the llvm dialect first",
                )
        body, self.lines = self.lines, []
        return body

    def _note_edges(self, op: Operation, block: Block) -> None:
        """Records what a terminator passes to its successors' arguments."""
        if isinstance(op, llvm.BrOp):
            self._edges[op.successor].append((block, [self.ref(v) for v in op.arguments]))
        elif isinstance(op, llvm.CondBrOp):
            then_values = [self.ref(v) for v in op.then_arguments]
            else_values = [self.ref(v) for v in op.else_arguments]
            if op.then_block is op.else_block:
                values = self._selected(op, then_values, else_values)
                self._edges[op.then_block].append((block, values))
            else:
                self._edges[op.then_block].append((block, then_values))
                self._edges[op.else_block].append((block, else_values))

    def _selected(self, op: llvm.CondBrOp, then_values: list[str], else_values: list[str]) -> list[str]:
        """A phi has one value per predecessor, so two edges to one block become selects before the branch."""
        result: list[str] = []
        for arg, a, b in zip(op.then_block.args, then_values, else_values, strict=True):
            name, kind = self.fresh(), type_text(arg.type)
            self.line(f"{name} = select i1 {self.ref(op.cond)}, {kind} {a}, {kind} {b}")
            result.append(name)
        return result

    def _phis(self, block: Block) -> Iterable[str]:
        edges = self._edges[block]
        if block.args and not edges:
            refuse(f"@{self._name}", f"block {self._labels[block]} has arguments but no predecessor")
        for i, arg in enumerate(block.args):
            incoming = ", ".join(f"[ {values[i]}, {self.label(source)} ]" for source, values in edges)
            yield f"  {self.ref(arg)} = phi {type_text(arg.type)} {incoming}"


_KNOWN_FUNCTION_ATTRIBUTES = {"passthrough", "no_inline", "no_unwind", "optimize_none", "nvvm.kernel"}


def _function_attributes(op: llvm.FuncOp) -> str:
    parts = list(passthrough_attributes(op.get_attr_or_prop("passthrough"), f"@{op.sym_name.data}"))
    for name, text in (("no_inline", "noinline"), ("no_unwind", "nounwind"), ("optimize_none", "optnone")):
        if isinstance(op.get_attr_or_prop(name), UnitAttr):
            parts.append(text)
    for name, value in op.attributes.items():
        if name in _KNOWN_FUNCTION_ATTRIBUTES:
            continue
        if name.startswith("nvvm."):
            parts.append(string_attribute(name, value))
        elif name.startswith("llvm.") or "." not in name:
            refuse(f"@{op.sym_name.data}", f"function attribute '{name}' is not known")
    return "".join(f" {part}" for part in parts)


def _parameters(op: llvm.FuncOp, body: _Function | None) -> str:
    types = op.function_type.inputs.data
    given = op.arg_attrs.data if op.arg_attrs is not None else (DictionaryAttr({}),) * len(types)
    entry = op.body.first_block
    texts: list[str] = []
    for i, (attr, attributes) in enumerate(zip(types, given, strict=True)):
        name = f" {body.ref(entry.args[i])}" if body is not None and entry is not None else ""
        texts.append(
            f"{type_text(attr)} {argument_attributes(attributes, f'@{op.sym_name.data}')}".rstrip() + name
        )
    return ", ".join(texts)


def _check_emitted(op: llvm.FuncOp) -> None:
    """Properties that would change the function's meaning and are not written."""
    for name in ("frame_pointer", "target_cpu", "target_features", "tune_cpu"):
        if name in op.properties:
            refuse(
                f"@{op.sym_name.data}", f"property '{name}' is not emitted; choose the target of the module"
            )
    if op.visibility_.value.data or op.function_type.is_variadic:
        refuse(f"@{op.sym_name.data}", "hidden and variadic functions are not emitted")


def _function(op: llvm.FuncOp, architecture: str) -> str:
    _check_emitted(op)
    is_declaration = not op.body.blocks
    body = None if is_declaration else _Function(op, architecture)
    linkage = "" if op.linkage.linkage.data == "external" else f"{op.linkage.linkage.data} "
    convention = op.CConv.convention.data
    if isinstance(op.attributes.get("nvvm.kernel"), UnitAttr):
        convention = "ptx_kernel"
    convention = "" if convention == "ccc" else f"{convention} "
    result_attributes = "".join(
        argument_attributes(a, f"@{op.sym_name.data}") for a in (op.res_attrs.data if op.res_attrs else ())
    )
    head = f"{linkage}{convention}{result_attributes}{type_text(op.function_type.output)}"
    signature = f"{head} {global_name(op.sym_name.data)}({_parameters(op, body)}){_function_attributes(op)}"
    if body is None:
        return f"declare {signature}\n"
    body.emit()
    return "\n".join([f"define {signature} {{", *body.lines, "}\n"])


def _global(op: llvm.GlobalOp) -> str:
    name = global_name(op.sym_name.data)
    linkage = op.linkage.linkage.data
    words = ["" if linkage == "external" and op.value is not None else linkage]
    if op.thread_local_ is not None:
        words.append("thread_local")
    if op.unnamed_addr is not None:
        words.append(llvm.UNNAMED_ADDR_KEYWORD_BY_KEY.get(op.unnamed_addr.value.data, ""))
    if op.addr_space.value.data:
        words.append(f"addrspace({op.addr_space.value.data})")
    words.append("constant" if op.constant is not None else "global")
    words.append(type_text(op.global_type))
    if op.value is not None:
        words.append(constant_text(op.value, op.global_type))
    elif linkage != "external":
        words.append("undef")
    section = "" if op.section is None else f', section "{op.section.data}"'
    alignment = "" if op.alignment is None else f", align {op.alignment.value.data}"
    return f"{name} = {' '.join(word for word in words if word)}{section}{alignment}\n"


def emit_llvm(module: ModuleOp, *, triple: str, data_layout: str = "") -> str:
    """LLVM IR text of a module that holds ``llvm.func`` and ``llvm.mlir.global`` only.

    ``triple`` and ``data_layout`` are those of the target machine that will compile the text.
    Raises LLVMTranslationException, one line, for anything that it cannot write.
    """
    architecture = triple.split("-", maxsplit=1)[0]
    parts = [f'target triple = "{triple}"\n']
    if data_layout:
        parts.insert(0, f'target datalayout = "{data_layout}"\n')
    for op in module.ops:
        if isinstance(op, llvm.GlobalOp):
            parts.append(_global(op))
        elif isinstance(op, llvm.FuncOp):
            parts.append(_function(op, architecture))
        else:
            refuse(op.name, "is neither a function nor a global of the llvm dialect; convert it first")
    text = "\n".join(parts)
    return f"{text}\n!0 = !{{i32 1}}\n" if "!nontemporal !0" in text else text
