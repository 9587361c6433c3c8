"""Emits the dialect's primitives, their result shapes worked out, for the decomposition passes."""

from __future__ import annotations

from dataclasses import dataclass, field

from xdsl.dialects.builtin import IntegerType, TensorType, i64
from xdsl.ir import Operation, SSAValue

from ivit_dialect.ops.arithmetic import (
    AddiOp,
    BroadcastOp,
    FloorDivOp,
    MaxiOp,
    MuliOp,
    ReduceKind,
    ReduceOp,
    RoundingShiftRightOp,
    ShiftRightOp,
    SubiOp,
    broadcast_shape,
)
from ivit_dialect.ops.elementwise import SplatOp
from ivit_dialect.types import IntegerTensor, tensor_types


def with_element(value: SSAValue, element: IntegerType) -> IntegerTensor:
    """The type of ``value`` with another element type."""
    (type_,) = tensor_types(value)
    return TensorType(element, type_.get_shape())


@dataclass
class Primitives:
    """Ops in the order of their making; every method appends one and gives back its result.

    All get the location of ``source``, the op that they replace.
    """

    source: Operation
    ops: list[Operation] = field(default_factory=list[Operation])

    def emit(self, op: Operation) -> SSAValue:
        """Append ``op``; its first result."""
        op.location = self.source.location
        self.ops.append(op)
        return op.results[0]

    def splat(self, value: int) -> SSAValue:
        """``value`` as an i64 that broadcasts over anything."""
        return self.emit(SplatOp(value, TensorType(i64, (1,))))

    def addi(self, lhs: SSAValue, rhs: SSAValue, element: IntegerType) -> SSAValue:
        """``lhs + rhs``."""
        return self._binary(AddiOp, lhs, rhs, element)

    def subi(self, lhs: SSAValue, rhs: SSAValue, element: IntegerType) -> SSAValue:
        """``lhs - rhs``."""
        return self._binary(SubiOp, lhs, rhs, element)

    def muli(self, lhs: SSAValue, rhs: SSAValue, element: IntegerType) -> SSAValue:
        """``lhs * rhs``."""
        return self._binary(MuliOp, lhs, rhs, element)

    def maxi(self, lhs: SSAValue, rhs: SSAValue, element: IntegerType) -> SSAValue:
        """The larger of the two."""
        return self._binary(MaxiOp, lhs, rhs, element)

    def floor_div(self, lhs: SSAValue, rhs: SSAValue, element: IntegerType) -> SSAValue:
        """``floor(lhs / rhs)``."""
        return self._binary(FloorDivOp, lhs, rhs, element)

    def shift_right(self, lhs: SSAValue, rhs: SSAValue, element: IntegerType) -> SSAValue:
        """``lhs >> rhs``."""
        return self._binary(ShiftRightOp, lhs, rhs, element)

    def rounding_shift_right(self, lhs: SSAValue, rhs: SSAValue, element: IntegerType) -> SSAValue:
        """``(lhs + 2^(rhs-1)) >> rhs``."""
        return self._binary(RoundingShiftRightOp, lhs, rhs, element)

    def row_sum(self, value: SSAValue, element: IntegerType) -> SSAValue:
        """The sum over the last dimension, kept with extent 1."""
        return self._reduce_row(ReduceKind.SUM, value, element)

    def row_max(self, value: SSAValue, element: IntegerType) -> SSAValue:
        """The largest value of the last dimension, kept with extent 1."""
        return self._reduce_row(ReduceKind.MAX, value, element)

    def _binary(self, op: type[BroadcastOp], lhs: SSAValue, rhs: SSAValue, element: IntegerType) -> SSAValue:
        shape = broadcast_shape(*tensor_types(lhs, rhs))
        return self.emit(op(lhs, rhs, TensorType(element, shape)))

    def _reduce_row(self, kind: ReduceKind, value: SSAValue, element: IntegerType) -> SSAValue:
        (type_,) = tensor_types(value)
        shape = (*type_.get_shape()[:-1], 1)
        return self.emit(ReduceOp(kind, value, type_.get_num_dims() - 1, TensorType(element, shape)))
