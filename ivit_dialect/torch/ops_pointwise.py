"""Element-wise arithmetic and functions."""

from __future__ import annotations

from xdsl.irdl import irdl_op_definition, operand_def, result_def

from ivit_dialect.torch.base import (
    OptionalScalar,
    OptionalString,
    Scalar,
    Tensor,
    TorchOp,
)


@irdl_op_definition
class AtenAddTensorOp(TorchOp):
    name = "torch.aten.add.Tensor"

    input = operand_def(Tensor)
    other = operand_def(Tensor)
    alpha = operand_def(Scalar)
    result = result_def(Tensor)


@irdl_op_definition
class AtenAddScalarOp(TorchOp):
    name = "torch.aten.add.Scalar"

    input = operand_def(Tensor)
    other = operand_def(Scalar)
    alpha = operand_def(Scalar)
    result = result_def(Tensor)


@irdl_op_definition
class AtenSubTensorOp(TorchOp):
    name = "torch.aten.sub.Tensor"

    input = operand_def(Tensor)
    other = operand_def(Tensor)
    alpha = operand_def(Scalar)
    result = result_def(Tensor)


@irdl_op_definition
class AtenSubScalarOp(TorchOp):
    name = "torch.aten.sub.Scalar"

    input = operand_def(Tensor)
    other = operand_def(Scalar)
    alpha = operand_def(Scalar)
    result = result_def(Tensor)


@irdl_op_definition
class AtenRsubScalarOp(TorchOp):
    name = "torch.aten.rsub.Scalar"

    input = operand_def(Tensor)
    other = operand_def(Scalar)
    alpha = operand_def(Scalar)
    result = result_def(Tensor)


@irdl_op_definition
class AtenMulTensorOp(TorchOp):
    name = "torch.aten.mul.Tensor"

    input = operand_def(Tensor)
    other = operand_def(Tensor)
    result = result_def(Tensor)


@irdl_op_definition
class AtenMulScalarOp(TorchOp):
    name = "torch.aten.mul.Scalar"

    input = operand_def(Tensor)
    other = operand_def(Scalar)
    result = result_def(Tensor)


@irdl_op_definition
class AtenDivTensorOp(TorchOp):
    name = "torch.aten.div.Tensor"

    input = operand_def(Tensor)
    other = operand_def(Tensor)
    result = result_def(Tensor)


@irdl_op_definition
class AtenDivScalarOp(TorchOp):
    name = "torch.aten.div.Scalar"

    input = operand_def(Tensor)
    other = operand_def(Scalar)
    result = result_def(Tensor)


@irdl_op_definition
class AtenDivTensorModeOp(TorchOp):
    name = "torch.aten.div.Tensor_mode"

    input = operand_def(Tensor)
    other = operand_def(Tensor)
    rounding_mode = operand_def(OptionalString)
    result = result_def(Tensor)


@irdl_op_definition
class AtenDivScalarModeOp(TorchOp):
    name = "torch.aten.div.Scalar_mode"

    input = operand_def(Tensor)
    other = operand_def(Scalar)
    rounding_mode = operand_def(OptionalString)
    result = result_def(Tensor)


@irdl_op_definition
class AtenAddcmulOp(TorchOp):
    name = "torch.aten.addcmul"

    input = operand_def(Tensor)
    tensor1 = operand_def(Tensor)
    tensor2 = operand_def(Tensor)
    value = operand_def(Scalar)
    result = result_def(Tensor)


@irdl_op_definition
class AtenNegOp(TorchOp):
    name = "torch.aten.neg"

    input = operand_def(Tensor)
    result = result_def(Tensor)


@irdl_op_definition
class AtenAbsOp(TorchOp):
    name = "torch.aten.abs"

    input = operand_def(Tensor)
    result = result_def(Tensor)


@irdl_op_definition
class AtenReciprocalOp(TorchOp):
    name = "torch.aten.reciprocal"

    input = operand_def(Tensor)
    result = result_def(Tensor)


@irdl_op_definition
class AtenRsqrtOp(TorchOp):
    name = "torch.aten.rsqrt"

    input = operand_def(Tensor)
    result = result_def(Tensor)


@irdl_op_definition
class AtenSqrtOp(TorchOp):
    name = "torch.aten.sqrt"

    input = operand_def(Tensor)
    result = result_def(Tensor)


@irdl_op_definition
class AtenExpOp(TorchOp):
    name = "torch.aten.exp"

    input = operand_def(Tensor)
    result = result_def(Tensor)


@irdl_op_definition
class AtenLogOp(TorchOp):
    name = "torch.aten.log"

    input = operand_def(Tensor)
    result = result_def(Tensor)


@irdl_op_definition
class AtenErfOp(TorchOp):
    name = "torch.aten.erf"

    input = operand_def(Tensor)
    result = result_def(Tensor)


@irdl_op_definition
class AtenTanhOp(TorchOp):
    name = "torch.aten.tanh"

    input = operand_def(Tensor)
    result = result_def(Tensor)


@irdl_op_definition
class AtenFloorOp(TorchOp):
    name = "torch.aten.floor"

    input = operand_def(Tensor)
    result = result_def(Tensor)


@irdl_op_definition
class AtenCeilOp(TorchOp):
    name = "torch.aten.ceil"

    input = operand_def(Tensor)
    result = result_def(Tensor)


@irdl_op_definition
class AtenPowTensorScalarOp(TorchOp):
    name = "torch.aten.pow.Tensor_Scalar"

    input = operand_def(Tensor)
    exponent = operand_def(Scalar)
    result = result_def(Tensor)


@irdl_op_definition
class AtenPowTensorTensorOp(TorchOp):
    name = "torch.aten.pow.Tensor_Tensor"

    input = operand_def(Tensor)
    exponent = operand_def(Tensor)
    result = result_def(Tensor)


@irdl_op_definition
class AtenPowScalarOp(TorchOp):
    name = "torch.aten.pow.Scalar"

    input = operand_def(Scalar)
    exponent = operand_def(Tensor)
    result = result_def(Tensor)


@irdl_op_definition
class AtenMaximumOp(TorchOp):
    name = "torch.aten.maximum"

    input = operand_def(Tensor)
    other = operand_def(Tensor)
    result = result_def(Tensor)


@irdl_op_definition
class AtenMinimumOp(TorchOp):
    name = "torch.aten.minimum"

    input = operand_def(Tensor)
    other = operand_def(Tensor)
    result = result_def(Tensor)


@irdl_op_definition
class AtenClampOp(TorchOp):
    name = "torch.aten.clamp"

    input = operand_def(Tensor)
    min = operand_def(OptionalScalar)
    max = operand_def(OptionalScalar)
    result = result_def(Tensor)


@irdl_op_definition
class AtenClampMinOp(TorchOp):
    name = "torch.aten.clamp_min"

    input = operand_def(Tensor)
    min = operand_def(Scalar)
    result = result_def(Tensor)


@irdl_op_definition
class AtenClampMaxOp(TorchOp):
    name = "torch.aten.clamp_max"

    input = operand_def(Tensor)
    max = operand_def(Scalar)
    result = result_def(Tensor)


OPS_POINTWISE: tuple[type[TorchOp], ...] = (
    AtenAddTensorOp,
    AtenAddScalarOp,
    AtenSubTensorOp,
    AtenSubScalarOp,
    AtenRsubScalarOp,
    AtenMulTensorOp,
    AtenMulScalarOp,
    AtenDivTensorOp,
    AtenDivScalarOp,
    AtenDivTensorModeOp,
    AtenDivScalarModeOp,
    AtenAddcmulOp,
    AtenNegOp,
    AtenAbsOp,
    AtenReciprocalOp,
    AtenRsqrtOp,
    AtenSqrtOp,
    AtenExpOp,
    AtenLogOp,
    AtenErfOp,
    AtenTanhOp,
    AtenFloorOp,
    AtenCeilOp,
    AtenPowTensorScalarOp,
    AtenPowTensorTensorOp,
    AtenPowScalarOp,
    AtenMaximumOp,
    AtenMinimumOp,
    AtenClampOp,
    AtenClampMinOp,
    AtenClampMaxOp,
)
