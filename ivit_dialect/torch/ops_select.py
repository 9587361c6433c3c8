"""Comparison, logic, selection and conversion of elements."""

from __future__ import annotations

from xdsl.irdl import irdl_op_definition, operand_def, result_def

from ivit_dialect.torch.base import (
    Bool,
    Int,
    OptionalBool,
    OptionalDevice,
    OptionalInt,
    Scalar,
    Tensor,
    TorchOp,
)


@irdl_op_definition
class AtenEqTensorOp(TorchOp):
    name = "torch.aten.eq.Tensor"

    input = operand_def(Tensor)
    other = operand_def(Tensor)
    result = result_def(Tensor)


@irdl_op_definition
class AtenEqScalarOp(TorchOp):
    name = "torch.aten.eq.Scalar"

    input = operand_def(Tensor)
    other = operand_def(Scalar)
    result = result_def(Tensor)


@irdl_op_definition
class AtenNeTensorOp(TorchOp):
    name = "torch.aten.ne.Tensor"

    input = operand_def(Tensor)
    other = operand_def(Tensor)
    result = result_def(Tensor)


@irdl_op_definition
class AtenNeScalarOp(TorchOp):
    name = "torch.aten.ne.Scalar"

    input = operand_def(Tensor)
    other = operand_def(Scalar)
    result = result_def(Tensor)


@irdl_op_definition
class AtenLtTensorOp(TorchOp):
    name = "torch.aten.lt.Tensor"

    input = operand_def(Tensor)
    other = operand_def(Tensor)
    result = result_def(Tensor)


@irdl_op_definition
class AtenLtScalarOp(TorchOp):
    name = "torch.aten.lt.Scalar"

    input = operand_def(Tensor)
    other = operand_def(Scalar)
    result = result_def(Tensor)


@irdl_op_definition
class AtenLeTensorOp(TorchOp):
    name = "torch.aten.le.Tensor"

    input = operand_def(Tensor)
    other = operand_def(Tensor)
    result = result_def(Tensor)


@irdl_op_definition
class AtenLeScalarOp(TorchOp):
    name = "torch.aten.le.Scalar"

    input = operand_def(Tensor)
    other = operand_def(Scalar)
    result = result_def(Tensor)


@irdl_op_definition
class AtenGtTensorOp(TorchOp):
    name = "torch.aten.gt.Tensor"

    input = operand_def(Tensor)
    other = operand_def(Tensor)
    result = result_def(Tensor)


@irdl_op_definition
class AtenGtScalarOp(TorchOp):
    name = "torch.aten.gt.Scalar"

    input = operand_def(Tensor)
    other = operand_def(Scalar)
    result = result_def(Tensor)


@irdl_op_definition
class AtenGeTensorOp(TorchOp):
    name = "torch.aten.ge.Tensor"

    input = operand_def(Tensor)
    other = operand_def(Tensor)
    result = result_def(Tensor)


@irdl_op_definition
class AtenGeScalarOp(TorchOp):
    name = "torch.aten.ge.Scalar"

    input = operand_def(Tensor)
    other = operand_def(Scalar)
    result = result_def(Tensor)


@irdl_op_definition
class AtenLogicalAndOp(TorchOp):
    name = "torch.aten.logical_and"

    input = operand_def(Tensor)
    other = operand_def(Tensor)
    result = result_def(Tensor)


@irdl_op_definition
class AtenLogicalNotOp(TorchOp):
    name = "torch.aten.logical_not"

    input = operand_def(Tensor)
    result = result_def(Tensor)


@irdl_op_definition
class AtenBitwiseAndTensorOp(TorchOp):
    name = "torch.aten.bitwise_and.Tensor"

    input = operand_def(Tensor)
    other = operand_def(Tensor)
    result = result_def(Tensor)


@irdl_op_definition
class AtenBitwiseOrTensorOp(TorchOp):
    name = "torch.aten.bitwise_or.Tensor"

    input = operand_def(Tensor)
    other = operand_def(Tensor)
    result = result_def(Tensor)


@irdl_op_definition
class AtenIsnanOp(TorchOp):
    name = "torch.aten.isnan"

    input = operand_def(Tensor)
    result = result_def(Tensor)


@irdl_op_definition
class AtenWhereSelfOp(TorchOp):
    name = "torch.aten.where.self"

    condition = operand_def(Tensor)
    input = operand_def(Tensor)
    other = operand_def(Tensor)
    result = result_def(Tensor)


@irdl_op_definition
class AtenWhereScalarSelfOp(TorchOp):
    name = "torch.aten.where.ScalarSelf"

    condition = operand_def(Tensor)
    input = operand_def(Scalar)
    other = operand_def(Tensor)
    result = result_def(Tensor)


@irdl_op_definition
class AtenWhereScalarOtherOp(TorchOp):
    name = "torch.aten.where.ScalarOther"

    condition = operand_def(Tensor)
    input = operand_def(Tensor)
    other = operand_def(Scalar)
    result = result_def(Tensor)


@irdl_op_definition
class AtenMaskedFillScalarOp(TorchOp):
    name = "torch.aten.masked_fill.Scalar"

    input = operand_def(Tensor)
    mask = operand_def(Tensor)
    value = operand_def(Scalar)
    result = result_def(Tensor)


@irdl_op_definition
class AtenToDtypeOp(TorchOp):
    name = "torch.aten.to.dtype"

    input = operand_def(Tensor)
    dtype = operand_def(Int)
    non_blocking = operand_def(Bool)
    copy = operand_def(Bool)
    memory_format = operand_def(OptionalInt)
    result = result_def(Tensor)


@irdl_op_definition
class AtenToDtypeLayoutOp(TorchOp):
    name = "torch.aten.to.dtype_layout"

    input = operand_def(Tensor)
    dtype = operand_def(OptionalInt)
    layout = operand_def(OptionalInt)
    device = operand_def(OptionalDevice)
    pin_memory = operand_def(OptionalBool)
    non_blocking = operand_def(Bool)
    copy = operand_def(Bool)
    memory_format = operand_def(OptionalInt)
    result = result_def(Tensor)


@irdl_op_definition
class Aten_ToCopyOp(TorchOp):
    name = "torch.aten._to_copy"

    input = operand_def(Tensor)
    dtype = operand_def(OptionalInt)
    layout = operand_def(OptionalInt)
    device = operand_def(OptionalDevice)
    pin_memory = operand_def(OptionalBool)
    non_blocking = operand_def(Bool)
    memory_format = operand_def(OptionalInt)
    result = result_def(Tensor)


@irdl_op_definition
class AtenTypeAsOp(TorchOp):
    name = "torch.aten.type_as"

    input = operand_def(Tensor)
    other = operand_def(Tensor)
    result = result_def(Tensor)


OPS_SELECT: tuple[type[TorchOp], ...] = (
    AtenEqTensorOp,
    AtenEqScalarOp,
    AtenNeTensorOp,
    AtenNeScalarOp,
    AtenLtTensorOp,
    AtenLtScalarOp,
    AtenLeTensorOp,
    AtenLeScalarOp,
    AtenGtTensorOp,
    AtenGtScalarOp,
    AtenGeTensorOp,
    AtenGeScalarOp,
    AtenLogicalAndOp,
    AtenLogicalNotOp,
    AtenBitwiseAndTensorOp,
    AtenBitwiseOrTensorOp,
    AtenIsnanOp,
    AtenWhereSelfOp,
    AtenWhereScalarSelfOp,
    AtenWhereScalarOtherOp,
    AtenMaskedFillScalarOp,
    AtenToDtypeOp,
    AtenToDtypeLayoutOp,
    Aten_ToCopyOp,
    AtenTypeAsOp,
)
