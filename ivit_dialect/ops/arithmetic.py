"""Broadcasting integer arithmetic and row reductions: what the composites decompose into."""

from __future__ import annotations

from abc import ABC

from xdsl.dialects.builtin import i64
from xdsl.dialects.utils import EnumAttribute
from xdsl.ir import Operation, SpacedOpaqueSyntaxAttribute, SSAValue
from xdsl.irdl import (
    IRDLOperation,
    irdl_attr_definition,
    irdl_op_definition,
    operand_def,
    prop_def,
    result_def,
    traits_def,
)
from xdsl.traits import Pure
from xdsl.utils.str_enum import StrEnum

from ivit_dialect.types import (
    I64_ATTR,
    INTEGER_TENSOR,
    IntegerTensor,
    i64_attr,
    integer_range,
    require,
    require_shape,
    shape_text,
    tensor_types,
)


def broadcast_shape(a: IntegerTensor, b: IntegerTensor) -> tuple[int, ...]:
    """The shape of ``a`` and ``b`` together under NumPy's broadcasting; VerifyException where they clash."""
    rank = max(a.get_num_dims(), b.get_num_dims())
    left = (1,) * (rank - a.get_num_dims()) + a.get_shape()
    right = (1,) * (rank - b.get_num_dims()) + b.get_shape()
    for m, n in zip(left, right, strict=True):
        require(
            m == n or 1 in (m, n),
            f"shapes do not broadcast: {shape_text(a.get_shape())} and {shape_text(b.get_shape())}",
        )
    return tuple(n if m == 1 else m for m, n in zip(left, right, strict=True))


class BroadcastOp(IRDLOperation, ABC):
    """Integer arithmetic with NumPy's broadcasting; the exact result must fit the result's type."""

    lhs = operand_def(INTEGER_TENSOR)
    rhs = operand_def(INTEGER_TENSOR)
    output = result_def(INTEGER_TENSOR)

    traits = traits_def(Pure())
    assembly_format = "$lhs `,` $rhs attr-dict `:` `(` type($lhs) `,` type($rhs) `)` `->` type($output)"

    def __init__(
        self, lhs: SSAValue | Operation, rhs: SSAValue | Operation, result_type: IntegerTensor
    ) -> None:
        super().__init__(operands=[lhs, rhs], result_types=[result_type])

    def verify_(self) -> None:
        a, b, y = tensor_types(self.lhs, self.rhs, self.output)
        expected = broadcast_shape(a, b)
        require_shape(y, expected, "output")


@irdl_op_definition
class AddiOp(BroadcastOp):
    """``lhs + rhs``."""

    name = "ivit.addi"


@irdl_op_definition
class SubiOp(BroadcastOp):
    """``lhs - rhs``."""

    name = "ivit.subi"


@irdl_op_definition
class MuliOp(BroadcastOp):
    """``lhs * rhs``."""

    name = "ivit.muli"


@irdl_op_definition
class MaxiOp(BroadcastOp):
    """The larger of the two."""

    name = "ivit.maxi"


@irdl_op_definition
class ShiftRightOp(BroadcastOp):
    """``lhs >> rhs``, arithmetic (floor); ``rhs`` in [0, 63]."""

    name = "ivit.shift_right"


@irdl_op_definition
class RoundingShiftRightOp(BroadcastOp):
    """``(lhs + 2^(rhs-1)) >> rhs``, arithmetic: round half up; ``rhs`` in [1, 62]."""

    name = "ivit.rounding_shift_right"


@irdl_op_definition
class FloorDivOp(BroadcastOp):
    """``floor(lhs / rhs)``; ``rhs`` is positive."""

    name = "ivit.floor_div"


class ReduceKind(StrEnum):
    """What a row reduction computes."""

    SUM = "sum"
    MAX = "max"


@irdl_attr_definition
class ReduceKindAttr(EnumAttribute[ReduceKind], SpacedOpaqueSyntaxAttribute):
    """``sum`` or ``max``."""

    name = "ivit.reduce_kind"


@irdl_op_definition
class ReduceOp(IRDLOperation):
    """Reduce one dimension to extent 1; the exact result must fit the result's type."""

    name = "ivit.reduce"

    kind = prop_def(ReduceKindAttr)
    input = operand_def(INTEGER_TENSOR)
    dimension = prop_def(I64_ATTR)
    output = result_def(INTEGER_TENSOR)

    traits = traits_def(Pure())
    assembly_format = "$kind $input `dim` $dimension attr-dict `:` type($input) `->` type($output)"

    def __init__(
        self,
        kind: ReduceKind,
        input: SSAValue | Operation,
        dimension: int,
        result_type: IntegerTensor,
    ) -> None:
        super().__init__(
            operands=[input],
            properties={"kind": ReduceKindAttr(kind), "dimension": i64_attr(dimension)},
            result_types=[result_type],
        )

    def verify_(self) -> None:
        x, y = tensor_types(self.input, self.output)
        dimension = self.dimension.value.data
        require(
            0 < dimension < x.get_num_dims(),
            f"dim must lie in [1, {x.get_num_dims() - 1}] (0 is the batch), got {dimension}",
        )
        expected = tuple(1 if i == dimension else d for i, d in enumerate(x.get_shape()))
        require_shape(y, expected, "output")
        if self.kind.data is ReduceKind.SUM:
            bound = x.get_shape()[dimension] * max(abs(v) for v in integer_range(x.element_type))
            require(
                bound <= integer_range(y.element_type)[1] or y.element_type == i64,
                f"a sum of {x.get_shape()[dimension]} values of {x.element_type} may not fit"
                f" {y.element_type}",
            )
