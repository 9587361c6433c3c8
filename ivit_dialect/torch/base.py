"""What all ops of the torch mirror share: operand constraints, constructor, custom syntax.

torch-mlir's default custom form is ``%r = torch.aten.op %a, %b {attributes} : A, B -> R``; several
results are listed without parentheses (``%v, %i = torch.aten.max.dim … -> V, I``). The operands and
results of each class are named and ordered as in the aten schema, except that ``self`` is ``input``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Self, TypeAlias

from xdsl.ir import Attribute, Operation, SSAValue
from xdsl.irdl import BaseAttr, IRDLOperation, ParamAttrConstraint, traits_def
from xdsl.parser import Parser
from xdsl.printer import Printer
from xdsl.traits import Pure

from ivit_dialect.torch.types import (
    BoolType,
    DeviceType,
    FloatType,
    IntType,
    ListType,
    NoneType,
    NumberType,
    OptionalType,
    StringType,
    ValueTensorType,
)

Tensor: TypeAlias = ValueTensorType
Int: TypeAlias = IntType
Float: TypeAlias = FloatType
Bool: TypeAlias = BoolType
String: TypeAlias = StringType
Scalar: TypeAlias = IntType | FloatType | NumberType | BoolType
OptionalTensor: TypeAlias = ValueTensorType | NoneType | OptionalType
OptionalInt: TypeAlias = IntType | NoneType | OptionalType
OptionalFloat: TypeAlias = FloatType | NoneType | OptionalType
OptionalBool: TypeAlias = BoolType | NoneType | OptionalType
OptionalScalar: TypeAlias = Scalar | NoneType | OptionalType
OptionalString: TypeAlias = StringType | NoneType | OptionalType
OptionalDevice: TypeAlias = DeviceType | NoneType | OptionalType
OptionalList: TypeAlias = ListType | NoneType | OptionalType

IntList = ParamAttrConstraint(ListType, (BaseAttr(IntType),))
TensorList: TypeAlias = ListType


class TorchOp(IRDLOperation):
    """Base of the mirror's ops: free of side effects, in torch-mlir's default custom form."""

    traits = traits_def(Pure())

    def __init__(
        self,
        operands: Sequence[SSAValue | Operation],
        result_types: Sequence[Attribute],
        attributes: Mapping[str, Attribute] | None = None,
    ) -> None:
        super().__init__(operands=operands, result_types=result_types, attributes=dict(attributes or {}))

    @classmethod
    def parse(cls, parser: Parser) -> Self:
        position = parser.pos
        operands = parser.parse_optional_undelimited_comma_separated_list(
            parser.parse_optional_unresolved_operand, parser.parse_unresolved_operand
        )
        attributes = parser.parse_optional_attr_dict()
        types: Sequence[Attribute] = ()
        if parser.parse_optional_punctuation(":") is not None:
            types = parse_types(parser)
        result_types: Sequence[Attribute] = ()
        if parser.parse_optional_punctuation("->") is not None:
            result_types = parse_types(parser)
        return cls.create(
            operands=parser.resolve_operands(operands or (), types, position),
            result_types=result_types,
            attributes=attributes,
        )

    def print(self, printer: Printer) -> None:
        if self.operands:
            printer.print_string(" ")
            printer.print_list(self.operands, printer.print_ssa_value)
        if self.attributes:
            printer.print_op_attributes(self.attributes)
        if self.operands:
            printer.print_string(" : ")
            printer.print_list(self.operand_types, printer.print_attribute)
        if self.results:
            printer.print_string(" -> ")
            printer.print_list(self.result_types, printer.print_attribute)


def parse_types(parser: Parser) -> Sequence[Attribute]:
    """One or more types, with or without parentheses."""
    types = parser.parse_optional_comma_separated_list(parser.Delimiter.PAREN, parser.parse_type)
    if types is not None:
        return types
    return parser.parse_comma_separated_list(parser.Delimiter.NONE, parser.parse_type)
