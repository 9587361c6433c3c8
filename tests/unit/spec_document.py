"""Reads ``ivit_dialect/spec.md``: entries, their numbered constraints, and examples that can be run."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray
from xdsl.ir import Operation
from xdsl.irdl import IRDLOperation
from xdsl.parser import Parser

from ivit_dialect.element_types import numpy_dtype
from ivit_dialect.store import StoreContext
from ivit_dialect.types import IntegerTensor

SPEC = Path(__file__).parents[2] / "ivit_dialect" / "spec.md"

_ENTRY = re.compile(r"^### (ivit\.\w+)\n(.*?)(?=^##|\Z)", re.MULTILINE | re.DOTALL)
_NUMBERED = re.compile(r"^- \(([CRT]\d+)\) (.+)$", re.MULTILINE)
_BLOCK = re.compile(r"```mlir\n(.*?)```", re.DOTALL)
_PLAIN_BLOCK = re.compile(r"^```\n(.*?)```", re.MULTILINE | re.DOTALL)
_OPERAND = re.compile(r'^// (store ")?%?([\w.]+)"?: (tensor<.+>) = (.+)$', re.MULTILINE)
_FORMAT = re.compile(r"`[^`]*`|type\(\$\w+\)|\$\w+|\)\?|\(")
_WORDS = {"(": "{", ")?": "}?"}
_CALLS = "requant|lookup|residual|table|channels|heads|multipliers"
"""Words that stand before parentheses."""
_FLAGS = ("transpose_b",)
"""Properties that are there or not: their keyword says it."""
_RESULT = re.compile(r"^// %(\w+) = (.+)$", re.MULTILINE)


@dataclass(frozen=True)
class Operand:
    """An example's input: an argument, or a tensor of the store."""

    name: str
    type: str
    values: NDArray[Any]
    stored: bool


@dataclass(frozen=True)
class Entry:
    """One op's entry."""

    name: str
    text: str = field(repr=False)
    constraints: dict[str, str] = field(repr=False)
    example: str = field(repr=False)

    @property
    def syntax(self) -> str:
        """The paragraph *Syntax*, on one line."""
        block = _PLAIN_BLOCK.search(self.text)
        assert block, f"{self.name} has no syntax"
        return " ".join(block.group(1).split())

    def named(self) -> set[str]:
        """What the paragraph *Operands* names: operands, results, and properties."""
        paragraph = re.search(r"\*\*Operands\.\*\*(.*?)\n\n", self.text, re.DOTALL)
        assert paragraph, f"{self.name} has no operands"
        return set(re.findall(r"`([a-z_]\w*)`", paragraph[1]))

    def operands(self, ctx: StoreContext) -> list[Operand]:
        """What the example gives."""
        return [
            Operand(name, type_, _array(values, type_, ctx), bool(stored))
            for stored, name, type_, values in _OPERAND.findall(self.example)
        ]

    def results(self) -> dict[str, Any]:
        """What the example says comes out, as nested lists by SSA name."""
        return {name: ast.literal_eval(values) for name, values in _RESULT.findall(self.example)}

    def module_text(self, ctx: StoreContext) -> str:
        """The example as the body of ``@main``."""
        arguments = ", ".join(f"%{o.name}: {o.type}" for o in self.operands(ctx) if not o.stored)
        return f"func.func @main({arguments}) {{\n{self.example}\nfunc.return\n}}"


def _array(values: str, type_: str, ctx: StoreContext) -> NDArray[Any]:
    tensor = cast(IntegerTensor, Parser(ctx, type_).parse_type())
    dtype = numpy_dtype(tensor.element_type)
    if "i" in values:
        (length,) = tensor.get_shape()
        sign, constant = (-1, values.removesuffix(" - i")) if values.endswith("- i") else (1, "0")
        return (int(constant) + sign * np.arange(length)).astype(dtype)
    return np.array(ast.literal_eval(values), dtype)


def syntax_of(op: type[Operation]) -> str:
    """The op's declared format as the specification writes it: ``%operand <property> {optional}?``."""
    definition = cast(type[IRDLOperation], op).get_irdl_definition()
    operands = {name for name, _ in definition.operands}
    words = [", ".join(f"%{name}" for name, _ in definition.results), "=", op.name]
    for token in _FORMAT.findall(str(definition.assembly_format)):
        name = token.lstrip("$")
        if token.startswith("$"):
            flag = name in _FLAGS
            words.append("" if flag else f"%{name}" if name in operands else f"<{name}>")
        else:
            words.append("type" if token.startswith("type") else _WORDS.get(token) or token.strip("`"))
    text = " ".join(word for word in words if word)
    text = re.sub(r"(?<=[({\[]) | (?=[,)}\]])", "", text)
    return re.sub(rf"\b({_CALLS}) (?=\()|(?<=%input) (?=\[)", r"\1", text)


def entries() -> dict[str, Entry]:
    """Every entry by op name; AssertionError for an entry without example."""
    found: dict[str, Entry] = {}
    for name, text in _ENTRY.findall(SPEC.read_text(encoding="utf-8")):
        block = _BLOCK.search(text)
        assert block, f"{name} has no example"
        found[name] = Entry(name, text, dict(_NUMBERED.findall(text)), block.group(1))
    return found


def numbered() -> set[tuple[str, str]]:
    """Every constraint and condition: ``("ivit.add", "C3")``, or for all tensors ``("tensors", "T1")``."""
    general = _NUMBERED.findall(SPEC.read_text(encoding="utf-8"))
    return {("tensors", tag) for tag, _ in general if tag.startswith("T")} | {
        (entry.name, tag) for entry in entries().values() for tag in entry.constraints
    }
