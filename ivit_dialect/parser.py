"""The MLIR parser of the project: xDSL's, with what torch-mlir's text needs beside it.

- Weights stay keys: ``dense_resource`` handles are taken as written, never renamed.
- Every op without ``loc(…)`` gets the file, line and column it was read from.
- Location aliases may stand behind their uses, as MLIR prints them.
- Hexadecimal floats in ``dense<…>`` are bits, as MLIR defines them (xDSL 0.74 reads them as numbers).
- Torch ops that the mirror lacks are refused by name with what to do.
- A string that is not closed is an error at once (xDSL 0.74 backtracks over it exponentially).
"""

from __future__ import annotations

import difflib
import math
import re
from bisect import bisect_left
from typing import Any, TypeAlias

from xdsl.context import Context
from xdsl.dialect_interfaces.op_asm import OpAsmDialectInterface
from xdsl.dialects.builtin import (
    AnyFloat,
    BytesAttr,
    ComplexType,
    DenseIntOrFPElementsAttr,
    FileLineColLoc,
    IndexType,
    IntAttr,
    IntegerType,
    LocationAttr,
    StringAttr,
    UnknownLoc,
)
from xdsl.ir import Operation
from xdsl.parser import Parser, ParserState
from xdsl.utils.lexer import Input
from xdsl.utils.mlir_lexer import MLIRLexer

from ivit_dialect.torch import Torch

DenseElement: TypeAlias = AnyFloat | IntegerType | IndexType | ComplexType[Any]

_TORCH_OPS = frozenset(op.name for op in Torch.operations)
_ATEN = "torch.aten."
_LOCATION_ALIAS = re.compile(r"^#loc\d* = loc\(.*\)[ \t]*$", re.MULTILINE)
_OPERATOR_NAME = re.compile(r'name\s*=\s*"([^"\n]*)"')
_NOT_A_LITERAL = re.compile(r'<\s*[">]')
_MOST_DENSE_BYTES = 1 << 28
_NEWLINE = re.compile("\n")


class _LinearLexer(MLIRLexer):
    """xDSL's lexer with a pattern of string literals that never goes back."""

    _unescaped_characters_regex = re.compile(r'"(?:[^"\\\n\v\f]++|\\(?:["nt\\]|[0-9A-Fa-f]{2}))*+"')


class _LinearParser(Parser):
    """xDSL's parser over that lexer."""

    def __init__(self, ctx: Context, text: str, name: str) -> None:
        super().__init__(ctx, "", name)
        self._parser_state = ParserState(_LinearLexer(Input(text, name)))


class ModuleParser(_LinearParser):
    """Parses one module; ParseError, VerifyException or RecursionError on malformed text."""

    def __init__(self, ctx: Context, text: str, name: str) -> None:
        super().__init__(ctx, _LOCATION_ALIAS.sub("", text), name)
        self._newlines = [match.start() for match in _NEWLINE.finditer(self.lexer.input.content)]
        self._file = StringAttr(name)
        for alias in _LOCATION_ALIAS.findall(text):
            self._define_alias(alias)

    def _define_alias(self, alias: str) -> None:
        key, _, definition = alias.partition(" = ")
        parser = _LinearParser(self.ctx, definition, self.lexer.input.name)
        parser.attribute_aliases = self.attribute_aliases
        location = parser.parse_optional_location()
        if location is not None:
            self.attribute_aliases[key] = location

    def parse_operation(self) -> Operation:
        start = self.pos
        op = super().parse_operation()
        if isinstance(op.location, UnknownLoc):
            op.location = self._location_of(start)
        return op

    def line_at_hand(self) -> str:
        """``file:line`` of the token that is about to be parsed."""
        return f"{self._file.data}:{bisect_left(self._newlines, self.pos) + 1}"

    def _location_of(self, position: int) -> LocationAttr:
        line = bisect_left(self._newlines, position)
        column = position - (self._newlines[line - 1] if line else -1)
        return FileLineColLoc(self._file, IntAttr(line + 1), IntAttr(column))

    def _get_op_by_name(self, name: str) -> type[Operation]:
        if name.startswith("torch.") and self.ctx.get_optional_dialect("torch") is not None:
            start = self.lexer.input.content.rfind(name, 0, self.pos)
            if name == "torch.operator":
                name = self._operator_name()
            if name not in _TORCH_OPS:
                self.raise_error(unsupported_torch_op(name), start, self.pos)
        return super()._get_op_by_name(name)

    def _operator_name(self) -> str:
        """The op behind ``torch.operator``, torch-mlir's wrapper of ops that it does not know."""
        line_end = self.lexer.input.get_end_of_line(self.pos)
        rest = self.lexer.input.content[self.pos : line_end]
        match = re.match(r'"([^"]*)"', rest) or _OPERATOR_NAME.search(rest)
        return match[1] if match is not None else "torch.operator"

    def _parse_dialect_resource_handle(self, dialect_name: str, interface: OpAsmDialectInterface) -> str:
        # MLIR quotes a key that is no identifier, such as "0.weight"
        return self.parse_optional_str_literal() or self.parse_identifier(" for resource handle")

    def _parse_builtin_dense_attr(self) -> DenseIntOrFPElementsAttr:
        if _NOT_A_LITERAL.match(self.lexer.input.content, self.pos) is not None:
            return super()._parse_builtin_dense_attr()
        with self.in_angle_brackets():
            elements, shape = self._parse_tensor_literal()
        self.parse_punctuation(":")
        position = self.pos
        tensor = self._parse_dense_literal_type()
        count, size = math.prod(tensor.get_shape()), tensor.element_type.compile_time_size
        if count * size > _MOST_DENSE_BYTES:
            self.raise_error(f"a dense<…> literal of {tensor} is too large", position)
        if shape and tuple(shape) != tensor.get_shape():
            self.raise_error(f"a dense<…> literal of sizes {shape} must not have the type {tensor}", position)
        bits = isinstance(tensor.element_type, AnyFloat)
        values: list[Any] = [
            self._float_bits(element.span.text, tensor.element_type)
            if bits and element.span.text[:2] in ("0x", "0X")
            else element.to_type(self, tensor.element_type)
            for element in elements
        ]
        data = _pack(tensor.element_type, values)
        return DenseIntOrFPElementsAttr(tensor, BytesAttr(data if shape else data * count))

    def _float_bits(self, text: str, element: DenseElement) -> float:
        bits, size = int(text, 16), element.compile_time_size
        if not isinstance(element, AnyFloat) or bits >= 1 << (8 * size):
            self.raise_error(f"{text} is not the bits of {element}")
        return next(element.iter_unpack(bits.to_bytes(size, "little")))


def _pack(element: DenseElement, values: list[Any]) -> bytes:
    if isinstance(element, IntegerType):
        return element.pack([element.get_normalized_value(value) for value in values])
    return element.pack(values)


def unsupported_torch_op(name: str) -> str:
    """The refusal of a torch op that the mirror lacks: its name and what to do."""
    stem = name.removeprefix(_ATEN)
    known = {op.removeprefix(_ATEN): op for op in _TORCH_OPS if op.startswith(_ATEN)}
    close = [known[match] for match in difflib.get_close_matches(stem, known, n=3, cutoff=0.7)]
    hint = f" (supported and close to it: {', '.join(close)})" if close else ""
    return (
        f"{name} is not supported{hint}: export the model with torch-mlir's default decompositions, "
        "or replace the operation in the model"
    )
