"""Scalar constants and tensor literals."""

from __future__ import annotations

import struct
from typing import Self

from xdsl.dialects.builtin import (
    BoolAttr,
    DenseIntOrFPElementsAttr,
    DenseResourceAttr,
    FloatAttr,
    IntegerAttr,
    StringAttr,
    TensorType,
    f64,
    i64,
)
from xdsl.irdl import IRDLOperation, irdl_op_definition, prop_def, result_def, traits_def
from xdsl.parser import Parser
from xdsl.printer import Printer
from xdsl.traits import ConstantLike, Pure
from xdsl.utils.exceptions import VerifyException
from xdsl.utils.hints import isa

from ivit_dialect.torch.types import (
    BoolType,
    DeviceType,
    FloatType,
    IntType,
    NoneType,
    StringType,
    ValueTensorType,
)


class ConstantOp(IRDLOperation):
    """Base of the scalar constants."""

    traits = traits_def(Pure(), ConstantLike())


@irdl_op_definition
class ConstantIntOp(ConstantOp):
    """``torch.constant.int 5``; must fit a signed 64-bit integer."""

    name = "torch.constant.int"

    value = prop_def(IntegerAttr)
    result = result_def(IntType)

    def __init__(self, value: int) -> None:
        super().__init__(properties={"value": IntegerAttr(value, i64)}, result_types=[IntType()])

    @property
    def data(self) -> int:
        return self.value.value.data

    @classmethod
    def parse(cls, parser: Parser) -> Self:
        attributes = parser.parse_optional_attr_dict()
        position = parser.pos
        value = parser.parse_integer(allow_boolean=False)
        if not -(2**63) <= value < 2**63:
            parser.raise_error("torch.constant.int must fit a signed 64-bit integer", position, parser.pos)
        op = cls(value)
        op.attributes |= attributes | parser.parse_optional_attr_dict()
        return op

    def print(self, printer: Printer) -> None:
        printer.print_string(f" {self.data}")
        printer.print_op_attributes(self.attributes)


@irdl_op_definition
class ConstantFloatOp(ConstantOp):
    """``torch.constant.float 1.000000e+00``: a float64; infinities and NaN are printed as bits."""

    name = "torch.constant.float"

    value = prop_def(FloatAttr)
    result = result_def(FloatType)

    def __init__(self, value: float) -> None:
        super().__init__(properties={"value": FloatAttr(value, f64)}, result_types=[FloatType()])

    @property
    def data(self) -> float:
        return self.value.value.data

    @classmethod
    def parse(cls, parser: Parser) -> Self:
        position = parser.pos
        is_bits = parser.lexer.input.slice(position, position + 2) in ("0x", "0X")
        value = parser.parse_number(allow_boolean=False)
        if is_bits:
            if not isinstance(value, int) or value >= 2**64:
                parser.raise_error(
                    "the bits of a torch.constant.float must fit 64 bits", position, parser.pos
                )
            value = struct.unpack("<d", value.to_bytes(8, "little"))[0]
        op = cls(float(value))
        op.attributes |= parser.parse_optional_attr_dict()
        return op

    def print(self, printer: Printer) -> None:
        printer.print_string(" ")
        printer.print_float(self.data, f64)
        printer.print_op_attributes(self.attributes)


@irdl_op_definition
class ConstantBoolOp(ConstantOp):
    """``torch.constant.bool true``."""

    name = "torch.constant.bool"

    value = prop_def(BoolAttr)
    result = result_def(BoolType)

    def __init__(self, value: bool) -> None:
        super().__init__(properties={"value": BoolAttr.from_bool(value)}, result_types=[BoolType()])

    @property
    def data(self) -> bool:
        return bool(self.value.value.data)

    @classmethod
    def parse(cls, parser: Parser) -> Self:
        attributes = parser.parse_optional_attr_dict()
        op = cls(parser.parse_boolean())
        op.attributes |= attributes | parser.parse_optional_attr_dict()
        return op

    def print(self, printer: Printer) -> None:
        printer.print_string(" true" if self.data else " false")
        printer.print_op_attributes(self.attributes)


class ConstantTextOp(ConstantOp):
    """Base of the constants that are a string literal."""

    value = prop_def(StringAttr)

    @property
    def data(self) -> str:
        return self.value.data

    def print(self, printer: Printer) -> None:
        printer.print_string(" ")
        printer.print_string_literal(self.data)
        printer.print_op_attributes(self.attributes)


@irdl_op_definition
class ConstantStrOp(ConstantTextOp):
    """``torch.constant.str "none"``."""

    name = "torch.constant.str"

    result = result_def(StringType)

    def __init__(self, value: str) -> None:
        super().__init__(properties={"value": StringAttr(value)}, result_types=[StringType()])

    @classmethod
    def parse(cls, parser: Parser) -> Self:
        op = cls(parser.parse_str_literal())
        op.attributes |= parser.parse_optional_attr_dict()
        return op


@irdl_op_definition
class ConstantDeviceOp(ConstantTextOp):
    """``torch.constant.device "cpu"``."""

    name = "torch.constant.device"

    result = result_def(DeviceType)

    def __init__(self, value: str) -> None:
        super().__init__(properties={"value": StringAttr(value)}, result_types=[DeviceType()])

    @classmethod
    def parse(cls, parser: Parser) -> Self:
        op = cls(parser.parse_str_literal())
        op.attributes |= parser.parse_optional_attr_dict()
        return op


@irdl_op_definition
class ConstantNoneOp(ConstantOp):
    """``torch.constant.none``."""

    name = "torch.constant.none"

    result = result_def(NoneType)

    def __init__(self) -> None:
        super().__init__(result_types=[NoneType()])

    @classmethod
    def parse(cls, parser: Parser) -> Self:
        op = cls()
        op.attributes |= parser.parse_optional_attr_dict()
        return op

    def print(self, printer: Printer) -> None:
        printer.print_op_attributes(self.attributes)


@irdl_op_definition
class ValueTensorLiteralOp(ConstantOp):
    """``torch.vtensor.literal(dense_resource<key> : tensor<10xf32>) : !torch.vtensor<[10],f32>``.

    ``dense_resource`` names a tensor of the weight store; ``dense`` carries small data itself.
    """

    name = "torch.vtensor.literal"

    value = prop_def(DenseIntOrFPElementsAttr | DenseResourceAttr)
    result = result_def(ValueTensorType)

    def __init__(
        self, value: DenseIntOrFPElementsAttr | DenseResourceAttr, result_type: ValueTensorType
    ) -> None:
        super().__init__(properties={"value": value}, result_types=[result_type])

    @property
    def key(self) -> str | None:
        """The store key, or None for a literal that carries its data itself."""
        return self.value.resource_handle.data if isinstance(self.value, DenseResourceAttr) else None

    @classmethod
    def parse(cls, parser: Parser) -> Self:
        with parser.in_parens():
            position = parser.pos
            value = parser.parse_attribute()
            if not isa(value, DenseIntOrFPElementsAttr | DenseResourceAttr):
                parser.raise_error("expected dense<…> or dense_resource<…>", position, parser.pos)
        attributes = parser.parse_optional_attr_dict()
        parser.parse_punctuation(":")
        position = parser.pos
        result_type = parser.parse_type()
        if not isinstance(result_type, ValueTensorType):
            parser.raise_error("expected a !torch.vtensor type", position, parser.pos)
        op = cls(value, result_type)
        op.attributes |= attributes
        return op

    def print(self, printer: Printer) -> None:
        with printer.in_parens():
            self._print_value(printer)
        printer.print_op_attributes(self.attributes)
        printer.print_string(" : ")
        printer.print_attribute(self.result.type)

    def _print_value(self, printer: Printer) -> None:
        if self.key is None:
            printer.print_attribute(self.value)
            return
        printer.print_string("dense_resource<")
        printer.print_identifier_or_string_literal(self.key)
        printer.print_string("> : ")
        printer.print_attribute(self.value.get_type())

    def verify_(self) -> None:
        tensor = self.value.get_type()
        if not isa(tensor, TensorType):
            raise VerifyException(f"a literal holds a tensor, got {tensor}")
        result = self.result.type
        if result.sizes != tensor.get_shape() or result.dtype != tensor.get_element_type():
            raise VerifyException(f"a literal of {tensor} must not have the type {result}")


OPS_CONSTANT: tuple[type[IRDLOperation], ...] = (
    ConstantIntOp,
    ConstantFloatOp,
    ConstantBoolOp,
    ConstantStrOp,
    ConstantDeviceOp,
    ConstantNoneOp,
    ValueTensorLiteralOp,
)
