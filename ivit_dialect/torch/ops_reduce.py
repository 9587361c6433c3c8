"""Reductions over dimensions, with cumulative sums."""

from __future__ import annotations

from xdsl.irdl import irdl_op_definition, operand_def, result_def

from ivit_dialect.torch.base import (
    Bool,
    Int,
    IntList,
    OptionalInt,
    OptionalList,
    OptionalScalar,
    Scalar,
    Tensor,
    TorchOp,
)


@irdl_op_definition
class AtenSumOp(TorchOp):
    name = "torch.aten.sum"

    input = operand_def(Tensor)
    dtype = operand_def(OptionalInt)
    result = result_def(Tensor)


@irdl_op_definition
class AtenSumDimIntListOp(TorchOp):
    name = "torch.aten.sum.dim_IntList"

    input = operand_def(Tensor)
    dim = operand_def(OptionalList)
    keepdim = operand_def(Bool)
    dtype = operand_def(OptionalInt)
    result = result_def(Tensor)


@irdl_op_definition
class AtenMeanOp(TorchOp):
    name = "torch.aten.mean"

    input = operand_def(Tensor)
    dtype = operand_def(OptionalInt)
    result = result_def(Tensor)


@irdl_op_definition
class AtenMeanDimOp(TorchOp):
    name = "torch.aten.mean.dim"

    input = operand_def(Tensor)
    dim = operand_def(OptionalList)
    keepdim = operand_def(Bool)
    dtype = operand_def(OptionalInt)
    result = result_def(Tensor)


@irdl_op_definition
class AtenVarOp(TorchOp):
    name = "torch.aten.var"

    input = operand_def(Tensor)
    unbiased = operand_def(Bool)
    result = result_def(Tensor)


@irdl_op_definition
class AtenVarDimOp(TorchOp):
    name = "torch.aten.var.dim"

    input = operand_def(Tensor)
    dim = operand_def(OptionalList)
    unbiased = operand_def(Bool)
    keepdim = operand_def(Bool)
    result = result_def(Tensor)


@irdl_op_definition
class AtenVarCorrectionOp(TorchOp):
    name = "torch.aten.var.correction"

    input = operand_def(Tensor)
    dim = operand_def(OptionalList)
    correction = operand_def(OptionalScalar)
    keepdim = operand_def(Bool)
    result = result_def(Tensor)


@irdl_op_definition
class AtenVarMeanCorrectionOp(TorchOp):
    name = "torch.aten.var_mean.correction"

    input = operand_def(Tensor)
    dim = operand_def(OptionalList)
    correction = operand_def(OptionalScalar)
    keepdim = operand_def(Bool)
    variance = result_def(Tensor)
    mean = result_def(Tensor)


@irdl_op_definition
class AtenStdDimOp(TorchOp):
    name = "torch.aten.std.dim"

    input = operand_def(Tensor)
    dim = operand_def(OptionalList)
    unbiased = operand_def(Bool)
    keepdim = operand_def(Bool)
    result = result_def(Tensor)


@irdl_op_definition
class AtenStdCorrectionOp(TorchOp):
    name = "torch.aten.std.correction"

    input = operand_def(Tensor)
    dim = operand_def(OptionalList)
    correction = operand_def(OptionalScalar)
    keepdim = operand_def(Bool)
    result = result_def(Tensor)


@irdl_op_definition
class AtenLinalgVectorNormOp(TorchOp):
    name = "torch.aten.linalg_vector_norm"

    input = operand_def(Tensor)
    ord = operand_def(Scalar)
    dim = operand_def(OptionalList)
    keepdim = operand_def(Bool)
    dtype = operand_def(OptionalInt)
    result = result_def(Tensor)


@irdl_op_definition
class AtenMaxOp(TorchOp):
    name = "torch.aten.max"

    input = operand_def(Tensor)
    result = result_def(Tensor)


@irdl_op_definition
class AtenMaxDimOp(TorchOp):
    name = "torch.aten.max.dim"

    input = operand_def(Tensor)
    dim = operand_def(Int)
    keepdim = operand_def(Bool)
    values = result_def(Tensor)
    indices = result_def(Tensor)


@irdl_op_definition
class AtenMinOp(TorchOp):
    name = "torch.aten.min"

    input = operand_def(Tensor)
    result = result_def(Tensor)


@irdl_op_definition
class AtenMinDimOp(TorchOp):
    name = "torch.aten.min.dim"

    input = operand_def(Tensor)
    dim = operand_def(Int)
    keepdim = operand_def(Bool)
    values = result_def(Tensor)
    indices = result_def(Tensor)


@irdl_op_definition
class AtenAmaxOp(TorchOp):
    name = "torch.aten.amax"

    input = operand_def(Tensor)
    dim = operand_def(IntList)
    keepdim = operand_def(Bool)
    result = result_def(Tensor)


@irdl_op_definition
class AtenAminOp(TorchOp):
    name = "torch.aten.amin"

    input = operand_def(Tensor)
    dim = operand_def(IntList)
    keepdim = operand_def(Bool)
    result = result_def(Tensor)


@irdl_op_definition
class AtenArgmaxOp(TorchOp):
    name = "torch.aten.argmax"

    input = operand_def(Tensor)
    dim = operand_def(OptionalInt)
    keepdim = operand_def(Bool)
    result = result_def(Tensor)


@irdl_op_definition
class AtenAnyDimOp(TorchOp):
    name = "torch.aten.any.dim"

    input = operand_def(Tensor)
    dim = operand_def(Int)
    keepdim = operand_def(Bool)
    result = result_def(Tensor)


@irdl_op_definition
class AtenAllOp(TorchOp):
    name = "torch.aten.all"

    input = operand_def(Tensor)
    result = result_def(Tensor)


@irdl_op_definition
class AtenAllDimOp(TorchOp):
    name = "torch.aten.all.dim"

    input = operand_def(Tensor)
    dim = operand_def(Int)
    keepdim = operand_def(Bool)
    result = result_def(Tensor)


@irdl_op_definition
class AtenCumsumOp(TorchOp):
    name = "torch.aten.cumsum"

    input = operand_def(Tensor)
    dim = operand_def(Int)
    dtype = operand_def(OptionalInt)
    result = result_def(Tensor)


OPS_REDUCE: tuple[type[TorchOp], ...] = (
    AtenSumOp,
    AtenSumDimIntListOp,
    AtenMeanOp,
    AtenMeanDimOp,
    AtenVarOp,
    AtenVarDimOp,
    AtenVarCorrectionOp,
    AtenVarMeanCorrectionOp,
    AtenStdDimOp,
    AtenStdCorrectionOp,
    AtenLinalgVectorNormOp,
    AtenMaxOp,
    AtenMaxDimOp,
    AtenMinOp,
    AtenMinDimOp,
    AtenAmaxOp,
    AtenAminOp,
    AtenArgmaxOp,
    AtenAnyDimOp,
    AtenAllOp,
    AtenAllDimOp,
    AtenCumsumOp,
)
