"""The ``arith_ext`` dialect: arith's casts, comparison and selection on vectors.

xDSL's ``arith.extsi``, ``extui``, ``trunci``, ``cmpi`` and ``select`` verify on scalars only, whereas MLIR's
take vectors too. These ops are MLIR's, lane by lane, under a name of our own: ``arith_ext.extsi`` on
``vector<16xi8>`` is ``arith.extsi`` on each lane. The functions at the end choose the right op for a scalar
or a vector, so that one body serves both.
"""

from __future__ import annotations

from abc import ABC
from collections.abc import Sequence
from typing import ClassVar

from xdsl.dialects import arith
from xdsl.dialects.builtin import (
    I64,
    IntegerAttr,
    IntegerType,
    SignlessIntegerConstraint,
    VectorType,
    i1,
    i64,
)
from xdsl.ir import Attribute, Dialect, Operation, SSAValue
from xdsl.irdl import (
    IRDLOperation,
    VarConstraint,
    irdl_op_definition,
    operand_def,
    prop_def,
    result_def,
    traits_def,
)
from xdsl.parser import Parser
from xdsl.printer import Printer
from xdsl.traits import Pure
from xdsl.utils.exceptions import VerifyException

from ivit_dialect.hints import isa

IntegerVector = VectorType.constr(SignlessIntegerConstraint)


def _lanes_and_width(attr: Attribute) -> tuple[tuple[int, ...], int]:
    assert isa(attr, VectorType[IntegerType])
    return attr.get_shape(), attr.element_type.width.data


class VectorCastOp(IRDLOperation, ABC):
    """A cast of each lane; operand and result have the same number of lanes."""

    input = operand_def(IntegerVector)
    result = result_def(IntegerVector)

    traits = traits_def(Pure())

    assembly_format = "$input attr-dict `:` type($input) `to` type($result)"

    WIDENS: ClassVar[bool]

    def __init__(self, value: SSAValue | Operation, result_type: Attribute):
        super().__init__(operands=[value], result_types=[result_type])

    def verify_(self) -> None:
        in_shape, in_width = _lanes_and_width(self.input.type)
        out_shape, out_width = _lanes_and_width(self.result.type)
        if in_shape != out_shape:
            raise VerifyException(
                f"operand and result must have the same shape, got {self.input.type} and {self.result.type}"
            )
        if (out_width > in_width) != self.WIDENS or in_width == out_width:
            relation = "wider" if self.WIDENS else "narrower"
            raise VerifyException(
                f"result lanes must be {relation} than the operand's, "
                f"got {self.input.type} and {self.result.type}"
            )


@irdl_op_definition
class ExtSIOp(VectorCastOp):
    """Sign extension of each lane."""

    name = "arith_ext.extsi"
    WIDENS: ClassVar = True


@irdl_op_definition
class ExtUIOp(VectorCastOp):
    """Zero extension of each lane."""

    name = "arith_ext.extui"
    WIDENS: ClassVar = True


@irdl_op_definition
class TruncIOp(VectorCastOp):
    """The low bits of each lane (wraps, does not saturate)."""

    name = "arith_ext.trunci"
    WIDENS: ClassVar = False


@irdl_op_definition
class CmpiOp(IRDLOperation):
    """Compares lane by lane; predicates and their numbers are those of ``arith.cmpi``."""

    T: ClassVar = VarConstraint("T", IntegerVector)

    name = "arith_ext.cmpi"

    predicate = prop_def(IntegerAttr[I64])
    lhs = operand_def(T)
    rhs = operand_def(T)
    result = result_def(VectorType.constr(IntegerType(1)))

    traits = traits_def(Pure())

    def __init__(self, lhs: SSAValue | Operation, rhs: SSAValue | Operation, predicate: str):
        lhs = SSAValue.get(lhs)
        assert isa(lhs.type, VectorType)
        super().__init__(
            operands=[lhs, rhs],
            result_types=[VectorType(i1, lhs.type.get_shape())],
            properties={"predicate": IntegerAttr(arith.CMPI_COMPARISON_OPERATIONS.index(predicate), i64)},
        )

    def verify_(self) -> None:
        if not 0 <= self.predicate.value.data < len(arith.CMPI_COMPARISON_OPERATIONS):
            raise VerifyException(f"unknown predicate number {self.predicate.value.data}")
        if _lanes_and_width(self.lhs.type)[0] != _lanes_and_width(self.result.type)[0]:
            raise VerifyException(
                f"operand and result must have the same shape, got {self.lhs.type} and {self.result.type}"
            )

    @classmethod
    def parse(cls, parser: Parser) -> CmpiOp:
        predicate = parser.parse_optional_keyword_in(set(arith.CMPI_COMPARISON_OPERATIONS))
        if predicate is None:
            parser.raise_error(f"expected a predicate, one of {', '.join(arith.CMPI_COMPARISON_OPERATIONS)}")
        parser.parse_punctuation(",")
        unresolved = [parser.parse_unresolved_operand()]
        parser.parse_punctuation(",")
        unresolved.append(parser.parse_unresolved_operand())
        attributes = parser.parse_optional_attr_dict()
        parser.parse_punctuation(":")
        operand_type = parser.parse_type()
        if not isa(operand_type, VectorType):
            parser.raise_error("expected a vector type (arith.cmpi compares scalars)")
        lhs, rhs = parser.resolve_operands(unresolved, 2 * [operand_type], parser.pos)
        op = cls(lhs, rhs, predicate)
        op.attributes |= attributes
        return op

    def print(self, printer: Printer) -> None:
        printer.print_string(f" {arith.CMPI_COMPARISON_OPERATIONS[self.predicate.value.data]}, ")
        printer.print_ssa_value(self.lhs)
        printer.print_string(", ")
        printer.print_ssa_value(self.rhs)
        printer.print_op_attributes(self.attributes)
        printer.print_string(" : ")
        printer.print_attribute(self.lhs.type)


@irdl_op_definition
class SelectOp(IRDLOperation):
    """Each lane from ``lhs`` where the lane of ``cond`` is 1, from ``rhs`` where it is 0."""

    T: ClassVar = VarConstraint("T", IntegerVector)

    name = "arith_ext.select"

    cond = operand_def(VectorType.constr(IntegerType(1)))
    lhs = operand_def(T)
    rhs = operand_def(T)
    result = result_def(T)

    traits = traits_def(Pure())

    assembly_format = "$cond `,` $lhs `,` $rhs attr-dict `:` type($cond) `,` type($result)"

    def __init__(self, cond: SSAValue | Operation, lhs: SSAValue | Operation, rhs: SSAValue | Operation):
        super().__init__(operands=[cond, lhs, rhs], result_types=[SSAValue.get(lhs).type])

    def verify_(self) -> None:
        if _lanes_and_width(self.cond.type)[0] != _lanes_and_width(self.result.type)[0]:
            raise VerifyException(
                f"condition and result must have the same shape, got {self.cond.type} and {self.result.type}"
            )


OPERATIONS: Sequence[type[IRDLOperation]] = (CmpiOp, ExtSIOp, ExtUIOp, SelectOp, TruncIOp)

ArithExt = Dialect("arith_ext", list(OPERATIONS), [])


def extsi(value: SSAValue | Operation, result_type: Attribute) -> arith.ExtSIOp | ExtSIOp:
    """Sign extension to ``result_type``, scalar or vector."""
    if isa(result_type, IntegerType):
        return arith.ExtSIOp(value, result_type)
    return ExtSIOp(value, result_type)


def extui(value: SSAValue | Operation, result_type: Attribute) -> arith.ExtUIOp | ExtUIOp:
    """Zero extension to ``result_type``, scalar or vector."""
    if isa(result_type, IntegerType):
        return arith.ExtUIOp(value, result_type)
    return ExtUIOp(value, result_type)


def trunci(value: SSAValue | Operation, result_type: Attribute) -> arith.TruncIOp | TruncIOp:
    """The low bits as ``result_type``, scalar or vector."""
    if isa(result_type, IntegerType):
        return arith.TruncIOp(value, result_type)
    return TruncIOp(value, result_type)


def cmpi(lhs: SSAValue | Operation, rhs: SSAValue | Operation, predicate: str) -> arith.CmpiOp | CmpiOp:
    """Comparison by ``predicate`` (``eq``, ``slt``, ``ult``, …), scalar or vector."""
    if isa(SSAValue.get(lhs).type, VectorType):
        return CmpiOp(lhs, rhs, predicate)
    return arith.CmpiOp(lhs, rhs, predicate)


def select(
    cond: SSAValue | Operation, lhs: SSAValue | Operation, rhs: SSAValue | Operation
) -> arith.SelectOp | SelectOp:
    """``cond ? lhs : rhs``; a scalar condition chooses whole values, a vector condition chooses lanes."""
    if isa(SSAValue.get(cond).type, VectorType):
        return SelectOp(cond, lhs, rhs)
    return arith.SelectOp(cond, lhs, rhs)
