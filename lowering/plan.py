"""The ``plan`` dialect: a model as a straight list of kernel launches over one statically planned arena.

Everything is about one image: shapes are static and have no batch dimension. Memory is bytes of one arena, of
one blob of packed weights, of the image or of the output; every value is a memref that says where it lies.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeAlias, cast

from xdsl.dialects.builtin import (
    I64,
    ArrayAttr,
    DenseArrayBase,
    DictionaryAttr,
    IntegerAttr,
    IntegerType,
    MemRefType,
    StringAttr,
    i64,
)
from xdsl.ir import Attribute, Block, Dialect, Region, SSAValue
from xdsl.irdl import (
    AttrSizedOperandSegments,
    IRDLOperation,
    irdl_op_definition,
    operand_def,
    opt_prop_def,
    prop_def,
    region_def,
    result_def,
    traits_def,
    var_operand_def,
)
from xdsl.parser import Parser
from xdsl.printer import Printer
from xdsl.traits import IsolatedFromAbove, NoTerminator, Pure, SymbolOpInterface
from xdsl.utils.exceptions import VerifyException

from ivit_dialect.element_types import held_bits
from ivit_dialect.hints import isa
from ivit_dialect.types import INTEGER

ALIGNMENT = 64
"""Bytes to which buffers and packed weights are aligned: one cache line, one widest vector."""

Buffer: TypeAlias = MemRefType[IntegerType]
BUFFER = MemRefType.constr(IntegerType)
I64_ATTR = IntegerAttr.constr(i64)


def byte_size(kind: Attribute) -> int:
    """Bytes of a contiguous memref of integers of static shape."""
    assert isa(kind, Buffer)
    count = 1
    for extent in kind.get_shape():
        count *= extent
    return count * element_bytes(kind)


def element_bytes(kind: Attribute) -> int:
    """Bytes that hold an element of a memref of integers: 1 for ``i4``, 2 for ``i12``."""
    assert isa(kind, Buffer)
    return held_bits(kind.element_type) // 8


def _require_buffer(kind: Attribute, what: str) -> None:
    assert isa(kind, Buffer)
    if not kind.has_static_shape() or not INTEGER.fits(kind.element_type):
        raise VerifyException(f"{what} must have a static shape and elements {INTEGER}, got {kind}")


def _entries(attr: DictionaryAttr | None) -> Mapping[str, Attribute]:
    return {} if attr is None else attr.data


def _i64(value: int) -> IntegerAttr[I64]:
    return IntegerAttr(value, i64)


@irdl_op_definition
class ProgramOp(IRDLOperation):
    """A planned model: its region takes the image and the output, then lists buffers, weights and launches.

    ``arena`` and ``weights`` are the bytes that the host provides; ``live`` is the largest sum of buffers
    alive at once, which no plan can go below. ``target`` is the target that constants are packed for.
    """

    name = "plan.program"

    sym_name = prop_def(StringAttr)
    target = prop_def(StringAttr)
    arena = prop_def(I64_ATTR)
    live = prop_def(I64_ATTR)
    weights = prop_def(I64_ATTR)
    body = region_def("single_block")

    traits = traits_def(NoTerminator(), IsolatedFromAbove(), SymbolOpInterface())

    def __init__(
        self, name: str, target: str, arena: int, live: int, weights: int, body: Region | Block
    ) -> None:
        super().__init__(
            properties={
                "sym_name": StringAttr(name),
                "target": StringAttr(target),
                "arena": _i64(arena),
                "live": _i64(live),
                "weights": _i64(weights),
            },
            regions=[body if isinstance(body, Region) else Region(body)],
        )

    @property
    def image(self) -> SSAValue:
        """The image that the program reads."""
        return self.body.block.args[0]

    @property
    def output(self) -> SSAValue:
        """The memory that the program's result is written to."""
        return self.body.block.args[1]

    def verify_(self) -> None:
        arguments = self.body.block.args
        if len(arguments) != 2 or not all(isa(a.type, Buffer) for a in arguments):
            raise VerifyException("a program takes two memrefs, the image and the output")
        for argument, what in zip(arguments, ("the image", "the output"), strict=True):
            _require_buffer(argument.type, what)
        arena, weights = self.arena.value.data, self.weights.value.data
        if self.live.value.data > arena:
            raise VerifyException(f"{self.live.value.data} live bytes do not fit an arena of {arena}")
        for op in self.body.block.ops:
            if isinstance(op, SliceOp):
                op.require_inside(arena, "arena")
            elif isinstance(op, WeightOp):
                op.require_inside(weights, "weights")
            elif not isinstance(op, ViewOp | LaunchOp):
                raise VerifyException(f"a program holds plan ops only, got {op.name}")

    @classmethod
    def parse(cls, parser: Parser) -> ProgramOp:
        name = parser.parse_symbol_name().data
        parser.parse_punctuation("(")
        arguments = [parser.parse_argument()]
        parser.parse_punctuation(",")
        arguments.append(parser.parse_argument())
        parser.parse_punctuation(")")
        parser.parse_keyword("target")
        target = parser.parse_str_literal()
        sizes: list[int] = []
        for keyword in ("arena", "live", "weights"):
            parser.parse_keyword(keyword)
            sizes.append(parser.parse_integer(allow_boolean=False))
        attributes = parser.parse_optional_attr_dict_with_keyword()
        arena, live, weights = sizes
        op = cls(name, target, arena, live, weights, parser.parse_region(arguments))
        op.attributes |= attributes.data if attributes is not None else {}
        return op

    def print(self, printer: Printer) -> None:
        printer.print_string(" ")
        printer.print_symbol_name(self.sym_name.data)
        with printer.in_parens():
            printer.print_list(self.body.block.args, printer.print_block_argument)
        printer.print_string(" target ")
        printer.print_attribute(self.target)
        for keyword in ("arena", "live", "weights"):
            size = cast(IntegerAttr[I64], self.properties[keyword])
            printer.print_string(f" {keyword} {size.value.data}")
        printer.print_op_attributes(self.attributes, print_keyword=True)
        printer.print_string(" ")
        printer.print_region(self.body, print_entry_block_args=False)


class PlacedOp(IRDLOperation):
    """A memref at a fixed place of a larger memory."""

    offset = prop_def(I64_ATTR)
    output = result_def(BUFFER)

    @property
    def first_byte(self) -> int:
        """Where it begins."""
        return self.offset.value.data

    def require_inside(self, size: int, what: str) -> None:
        """Raise VerifyException unless it lies in a memory of ``size`` bytes."""
        last = self.first_byte + byte_size(self.output.type)
        if last > size:
            raise VerifyException(f"bytes [{self.first_byte}, {last}) leave the {what} of {size} bytes")

    def verify_(self) -> None:
        _require_buffer(self.output.type, "a place in memory")
        if self.first_byte < 0 or self.first_byte % ALIGNMENT:
            raise VerifyException(f"offset must be a multiple of {ALIGNMENT}, got {self.first_byte}")


@irdl_op_definition
class SliceOp(PlacedOp):
    """A buffer: bytes of the arena from an offset on."""

    name = "plan.slice"

    traits = traits_def(Pure())
    assembly_format = "`at` $offset attr-dict `:` type($output)"

    def __init__(self, offset: int, kind: Buffer) -> None:
        super().__init__(properties={"offset": _i64(offset)}, result_types=[kind])


@irdl_op_definition
class WeightOp(PlacedOp):
    """Constants of the store, packed as ``lowering/packing.py`` says, at an offset of the weight blob."""

    name = "plan.weight"

    keys = prop_def(ArrayAttr[StringAttr])
    packing = prop_def(StringAttr)
    parameters = opt_prop_def(DenseArrayBase.constr(i64))

    traits = traits_def(Pure())
    assembly_format = "$keys `packing` $packing ($parameters^)? `at` $offset attr-dict `:` type($output)"

    def __init__(
        self, keys: Sequence[str], packing: str, parameters: Sequence[int], offset: int, kind: Buffer
    ) -> None:
        super().__init__(
            properties={
                "keys": ArrayAttr([StringAttr(key) for key in keys]),
                "packing": StringAttr(packing),
                "parameters": DenseArrayBase.from_list(i64, parameters) if parameters else None,
                "offset": _i64(offset),
            },
            result_types=[kind],
        )

    def packing_parameters(self) -> tuple[int, ...]:
        """What the packing is told besides the arrays."""
        return () if self.parameters is None else tuple(self.parameters.get_values())


@irdl_op_definition
class ViewOp(IRDLOperation):
    """The same memory with another shape, or a contiguous part of it, from a byte on."""

    name = "plan.view"

    source = operand_def(BUFFER)
    offset = prop_def(I64_ATTR)
    output = result_def(BUFFER)

    traits = traits_def(Pure())
    assembly_format = "$source `at` $offset attr-dict `:` type($source) `to` type($output)"

    def __init__(self, source: SSAValue, offset: int, kind: Buffer) -> None:
        super().__init__(operands=[source], properties={"offset": _i64(offset)}, result_types=[kind])

    def verify_(self) -> None:
        source, output = self.source.type, self.output.type
        assert isa(source, Buffer)
        assert isa(output, Buffer)
        _require_buffer(output, "a view")
        if source.element_type != output.element_type:
            raise VerifyException(f"a view keeps the element type {source.element_type}, got {output}")
        first = self.offset.value.data
        last = first + byte_size(output)
        if first < 0 or first % element_bytes(output) or last > byte_size(source):
            raise VerifyException(f"bytes [{first}, {last}) are not whole elements of {source}")


@irdl_op_definition
class LaunchOp(IRDLOperation):
    """Run a kernel: it reads ``ins`` and writes ``outs``.

    ``config`` is fixed when the kernel is compiled; ``scalars`` (i64) are passed, so that launches that
    differ in them alone share a kernel.
    """

    name = "plan.launch"

    kernel = prop_def(StringAttr)
    ins = var_operand_def(BUFFER)
    outs = var_operand_def(BUFFER)
    config = opt_prop_def(DictionaryAttr)
    scalars = opt_prop_def(DictionaryAttr)

    irdl_options = (AttrSizedOperandSegments(as_property=True),)
    assembly_format = (
        "$kernel (`ins` `(` $ins^ `:` type($ins) `)`)? `outs` `(` $outs `:` type($outs) `)`"
        " (`config` $config^)? (`scalars` $scalars^)? attr-dict"
    )

    def __init__(
        self,
        kernel: str,
        ins: Sequence[SSAValue],
        outs: Sequence[SSAValue],
        config: Mapping[str, int | str],
        scalars: Mapping[str, int],
    ) -> None:
        attributes = {k: StringAttr(v) if isinstance(v, str) else _i64(v) for k, v in config.items()}
        super().__init__(
            operands=[list(ins), list(outs)],
            properties={
                "kernel": StringAttr(kernel),
                "config": DictionaryAttr(dict(sorted(attributes.items()))) if config else None,
                "scalars": DictionaryAttr({k: _i64(v) for k, v in sorted(scalars.items())})
                if scalars
                else None,
            },
        )

    def config_values(self) -> dict[str, int | str]:
        """The config as Python values."""
        values: dict[str, int | str] = {}
        for name, value in _entries(self.config).items():
            if isinstance(value, StringAttr):
                values[name] = value.data
            else:
                assert isa(value, IntegerAttr)
                values[name] = value.value.data
        return values

    def scalar_values(self) -> dict[str, int]:
        """The scalars as Python integers."""
        values: dict[str, int] = {}
        for name, value in _entries(self.scalars).items():
            assert isa(value, IntegerAttr)
            values[name] = value.value.data
        return values

    def verify_(self) -> None:
        if not self.outs:
            raise VerifyException("a launch writes at least one memref")
        for name, value in _entries(self.config).items():
            if not isinstance(value, StringAttr) and not isa(value, IntegerAttr):
                raise VerifyException(f"config '{name}' must be an integer or a string, got {value}")
        for name, value in _entries(self.scalars).items():
            if not isa(value, IntegerAttr) or value.type != i64:
                raise VerifyException(f"scalar '{name}' must be an i64, got {value}")


Plan = Dialect("plan", [LaunchOp, ProgramOp, SliceOp, ViewOp, WeightOp], [])
