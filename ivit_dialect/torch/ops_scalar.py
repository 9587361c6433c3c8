"""Lists, tuples, arithmetic on scalars, and sizes that are known at run time only."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

from xdsl.dialects.builtin import AffineMapAttr, IntegerAttr, StringAttr, i64
from xdsl.ir import Attribute, Operation, SSAValue
from xdsl.irdl import (
    IRDLOperation,
    irdl_op_definition,
    operand_def,
    prop_def,
    result_def,
    traits_def,
    var_operand_def,
    var_result_def,
)
from xdsl.parser import Parser
from xdsl.printer import Printer
from xdsl.traits import Pure
from xdsl.utils.exceptions import VerifyException

from ivit_dialect.torch.base import Bool, Float, Int, IntList, Scalar, Tensor, TorchOp
from ivit_dialect.torch.types import IntType, ListType, TupleType, ValueTensorType


class ConstructOp(TorchOp):
    """Base of the ops that build a list or a tuple: ``%a, %b : (A, B) -> R``."""

    elements = var_operand_def()

    @classmethod
    def parse(cls, parser: Parser) -> Self:
        position = parser.pos
        operands = parser.parse_optional_undelimited_comma_separated_list(
            parser.parse_optional_unresolved_operand, parser.parse_unresolved_operand
        )
        attributes = parser.parse_optional_attr_dict()
        parser.parse_punctuation(":")
        types = parser.parse_function_type()
        return cls.create(
            operands=parser.resolve_operands(operands or (), types.inputs.data, position),
            result_types=types.outputs.data,
            attributes=attributes,
        )

    def print(self, printer: Printer) -> None:
        if self.operands:
            printer.print_string(" ")
            printer.print_list(self.operands, printer.print_ssa_value)
        printer.print_op_attributes(self.attributes)
        printer.print_string(" : ")
        printer.print_operation_type(self)


@irdl_op_definition
class PrimListConstructOp(ConstructOp):
    """``torch.prim.ListConstruct %a, %b : (!torch.int, !torch.int) -> !torch.list<int>``."""

    name = "torch.prim.ListConstruct"

    result = result_def(ListType)

    def __init__(self, elements: Sequence[SSAValue | Operation], result_type: ListType) -> None:
        IRDLOperation.__init__(self, operands=[elements], result_types=[result_type])

    def verify_(self) -> None:
        contained = self.result.type.contained
        for element in self.elements:
            if isinstance(contained, ValueTensorType):
                fits = isinstance(element.type, ValueTensorType)
            else:
                fits = not isinstance(contained, IntType) or isinstance(element.type, IntType)
            if not fits:
                raise VerifyException(f"a list of {contained} must not hold {element.type}")


@irdl_op_definition
class PrimTupleConstructOp(ConstructOp):
    """``torch.prim.TupleConstruct %a, %b : (A, B) -> !torch.tuple<A, B>``."""

    name = "torch.prim.TupleConstruct"

    result = result_def(TupleType)

    def __init__(self, elements: Sequence[SSAValue | Operation], result_type: TupleType) -> None:
        IRDLOperation.__init__(self, operands=[elements], result_types=[result_type])


@irdl_op_definition
class PrimListUnpackOp(TorchOp):
    """``%a, %b = torch.prim.ListUnpack %list : !torch.list<vtensor> -> A, B``."""

    name = "torch.prim.ListUnpack"

    input = operand_def(ListType)
    elements = var_result_def()

    def __init__(self, input: SSAValue | Operation, result_types: Sequence[Attribute]) -> None:
        IRDLOperation.__init__(self, operands=[input], result_types=[result_types])


@irdl_op_definition
class PrimTupleUnpackOp(TorchOp):
    """``%a, %b = torch.prim.TupleUnpack %tuple : !torch.tuple<A, B> -> A, B``."""

    name = "torch.prim.TupleUnpack"

    input = operand_def(TupleType)
    elements = var_result_def()

    def __init__(self, input: SSAValue | Operation, result_types: Sequence[Attribute]) -> None:
        IRDLOperation.__init__(self, operands=[input], result_types=[result_types])


@irdl_op_definition
class Aten__Getitem__TOp(TorchOp):
    """Element ``idx`` of a list; a negative index counts from the end."""

    name = "torch.aten.__getitem__.t"

    list = operand_def(ListType)
    idx = operand_def(Int)
    result = result_def()


@irdl_op_definition
class AtenSizeIntOp(TorchOp):
    """The size of one dimension."""

    name = "torch.aten.size.int"

    input = operand_def(Tensor)
    dim = operand_def(Int)
    result = result_def(Int)


@irdl_op_definition
class AtenSizeOp(TorchOp):
    """All sizes, as a list."""

    name = "torch.aten.size"

    input = operand_def(Tensor)
    result = result_def(IntList)


class IntBinaryOp(TorchOp):
    """Base of the int × int → int ops."""

    a = operand_def(Int)
    b = operand_def(Int)
    result = result_def(Int)


@irdl_op_definition
class AtenAddIntOp(IntBinaryOp):
    name = "torch.aten.add.int"


@irdl_op_definition
class AtenSubIntOp(IntBinaryOp):
    name = "torch.aten.sub.int"


@irdl_op_definition
class AtenMulIntOp(IntBinaryOp):
    name = "torch.aten.mul.int"


@irdl_op_definition
class AtenFloordivIntOp(IntBinaryOp):
    """⌊a / b⌋."""

    name = "torch.aten.floordiv.int"


@irdl_op_definition
class AtenRemainderIntOp(IntBinaryOp):
    """a mod b, with the sign of b."""

    name = "torch.aten.remainder.int"


@irdl_op_definition
class AtenNegIntOp(TorchOp):
    name = "torch.aten.neg.int"

    a = operand_def(Int)
    result = result_def(Int)


@irdl_op_definition
class AtenFloatScalarOp(TorchOp):
    """An int or a float as a float."""

    name = "torch.aten.Float.Scalar"

    a = operand_def(Scalar)
    result = result_def(Float)


@irdl_op_definition
class PrimNumToTensorScalarOp(TorchOp):
    """A number as a tensor of rank 0."""

    name = "torch.prim.NumToTensor.Scalar"

    a = operand_def(Scalar)
    result = result_def(Tensor)


@irdl_op_definition
class AtenItemOp(TorchOp):
    """The value of a tensor of one element."""

    name = "torch.aten.item"

    input = operand_def(Tensor)
    result = result_def(Scalar)


@irdl_op_definition
class TensorStaticInfoCastOp(TorchOp):
    """``torch.tensor_static_info_cast %x : A to B``: the same tensor with more or less static type."""

    name = "torch.tensor_static_info_cast"

    operand = operand_def(Tensor)
    result = result_def(Tensor)

    def __init__(self, operand: SSAValue | Operation, result_type: ValueTensorType) -> None:
        IRDLOperation.__init__(self, operands=[operand], result_types=[result_type])

    @classmethod
    def parse(cls, parser: Parser) -> Self:
        operand = parser.parse_unresolved_operand()
        attributes = parser.parse_optional_attr_dict()
        parser.parse_punctuation(":")
        operand_type = parser.parse_type()
        parser.parse_keyword("to")
        result_type = parser.parse_type()
        return cls.create(
            operands=[parser.resolve_operand(operand, operand_type)],
            result_types=[result_type],
            attributes=attributes,
        )

    def print(self, printer: Printer) -> None:
        printer.print_string(" ")
        printer.print_ssa_value(self.operand)
        printer.print_op_attributes(self.attributes)
        printer.print_string(" : ")
        printer.print_attribute(self.operand.type)
        printer.print_string(" to ")
        printer.print_attribute(self.result.type)


@irdl_op_definition
class RuntimeAssertOp(IRDLOperation):
    """``torch.runtime.assert %condition, "message"``: run time stops where the condition is false."""

    name = "torch.runtime.assert"

    condition = operand_def(Bool)
    message = prop_def(StringAttr)

    assembly_format = "$condition `,` $message attr-dict"

    def __init__(self, condition: SSAValue | Operation, message: str) -> None:
        super().__init__(operands=[condition], properties={"message": StringAttr(message)})


@irdl_op_definition
class SymbolicIntOp(IRDLOperation):
    """``torch.symbolic_int "s0" {min_val = 1, max_val = 64} : !torch.int``: a size of the inputs.

    Its value is bound by the ``torch.bind_symbolic_shape`` ops that use it.
    """

    name = "torch.symbolic_int"

    symbol_name = prop_def(StringAttr)
    min_val = prop_def(IntegerAttr)
    max_val = prop_def(IntegerAttr)
    result = result_def(Int)

    traits = traits_def(Pure())

    def __init__(self, symbol_name: str, min_val: int, max_val: int) -> None:
        super().__init__(
            properties={
                "symbol_name": StringAttr(symbol_name),
                "min_val": IntegerAttr(min_val, i64),
                "max_val": IntegerAttr(max_val, i64),
            },
            result_types=[IntType()],
        )

    @classmethod
    def parse(cls, parser: Parser) -> Self:
        symbol_name = parser.parse_str_literal()
        position = parser.pos
        attributes = parser.parse_optional_attr_dict()
        low, high = attributes.pop("min_val", None), attributes.pop("max_val", None)
        if not isinstance(low, IntegerAttr) or not isinstance(high, IntegerAttr):
            parser.raise_error("torch.symbolic_int needs {min_val = …, max_val = …}", position, parser.pos)
        op = cls(symbol_name, low.value.data, high.value.data)
        op.attributes |= attributes
        parser.parse_punctuation(":")
        parser.parse_type()
        return op

    def print(self, printer: Printer) -> None:
        printer.print_string(" ")
        printer.print_string_literal(self.symbol_name.data)
        printer.print_string(
            f" {{min_val = {self.min_val.value.data}, max_val = {self.max_val.value.data}}} : "
        )
        printer.print_attribute(self.result.type)


@irdl_op_definition
class BindSymbolicShapeOp(IRDLOperation):
    """``torch.bind_symbolic_shape %x, [%s0], affine_map<()[s0] -> (s0, 3)> : !torch.vtensor<[?,3],f32>``.

    States the sizes of a tensor as functions of symbols.
    """

    name = "torch.bind_symbolic_shape"

    operand = operand_def(Tensor)
    shape_symbols = var_operand_def(Int)
    shape_expressions = prop_def(AffineMapAttr)

    def __init__(
        self,
        operand: SSAValue | Operation,
        shape_symbols: Sequence[SSAValue | Operation],
        shape_expressions: AffineMapAttr,
    ) -> None:
        super().__init__(
            operands=[operand, shape_symbols], properties={"shape_expressions": shape_expressions}
        )

    @classmethod
    def parse(cls, parser: Parser) -> Self:
        operand = parser.parse_unresolved_operand()
        parser.parse_punctuation(",")
        symbols = parser.parse_comma_separated_list(parser.Delimiter.SQUARE, parser.parse_unresolved_operand)
        parser.parse_punctuation(",")
        position = parser.pos
        expressions = parser.parse_attribute()
        if not isinstance(expressions, AffineMapAttr):
            parser.raise_error("torch.bind_symbolic_shape needs an affine_map", position, parser.pos)
        attributes = parser.parse_optional_attr_dict()
        parser.parse_punctuation(":")
        operand_type = parser.parse_type()
        op = cls(
            parser.resolve_operand(operand, operand_type),
            [parser.resolve_operand(symbol, IntType()) for symbol in symbols],
            expressions,
        )
        op.attributes |= attributes
        return op

    def print(self, printer: Printer) -> None:
        printer.print_string(" ")
        printer.print_ssa_value(self.operand)
        printer.print_string(", [")
        printer.print_list(self.shape_symbols, printer.print_ssa_value)
        printer.print_string("], ")
        printer.print_attribute(self.shape_expressions)
        printer.print_op_attributes(self.attributes)
        printer.print_string(" : ")
        printer.print_attribute(self.operand.type)


OPS_SCALAR: tuple[type[IRDLOperation], ...] = (
    PrimListConstructOp,
    PrimTupleConstructOp,
    PrimListUnpackOp,
    PrimTupleUnpackOp,
    Aten__Getitem__TOp,
    AtenSizeIntOp,
    AtenSizeOp,
    AtenAddIntOp,
    AtenSubIntOp,
    AtenMulIntOp,
    AtenFloordivIntOp,
    AtenRemainderIntOp,
    AtenNegIntOp,
    AtenFloatScalarOp,
    PrimNumToTensorScalarOp,
    AtenItemOp,
    TensorStaticInfoCastOp,
    RuntimeAssertOp,
    SymbolicIntOp,
    BindSymbolicShapeOp,
)
