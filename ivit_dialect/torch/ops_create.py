"""Ops that make a tensor: ranges, constants, empties."""

from __future__ import annotations

from xdsl.irdl import irdl_op_definition, operand_def, result_def

from ivit_dialect.torch.base import (
    IntList,
    OptionalBool,
    OptionalDevice,
    OptionalInt,
    Scalar,
    Tensor,
    TorchOp,
)


@irdl_op_definition
class AtenArangeOp(TorchOp):
    name = "torch.aten.arange"

    end = operand_def(Scalar)
    dtype = operand_def(OptionalInt)
    layout = operand_def(OptionalInt)
    device = operand_def(OptionalDevice)
    pin_memory = operand_def(OptionalBool)
    result = result_def(Tensor)


@irdl_op_definition
class AtenArangeStartOp(TorchOp):
    name = "torch.aten.arange.start"

    start = operand_def(Scalar)
    end = operand_def(Scalar)
    dtype = operand_def(OptionalInt)
    layout = operand_def(OptionalInt)
    device = operand_def(OptionalDevice)
    pin_memory = operand_def(OptionalBool)
    result = result_def(Tensor)


@irdl_op_definition
class AtenArangeStartStepOp(TorchOp):
    name = "torch.aten.arange.start_step"

    start = operand_def(Scalar)
    end = operand_def(Scalar)
    step = operand_def(Scalar)
    dtype = operand_def(OptionalInt)
    layout = operand_def(OptionalInt)
    device = operand_def(OptionalDevice)
    pin_memory = operand_def(OptionalBool)
    result = result_def(Tensor)


@irdl_op_definition
class AtenEmptyMemoryFormatOp(TorchOp):
    name = "torch.aten.empty.memory_format"

    size = operand_def(IntList)
    dtype = operand_def(OptionalInt)
    layout = operand_def(OptionalInt)
    device = operand_def(OptionalDevice)
    pin_memory = operand_def(OptionalBool)
    memory_format = operand_def(OptionalInt)
    result = result_def(Tensor)


@irdl_op_definition
class AtenZerosOp(TorchOp):
    name = "torch.aten.zeros"

    size = operand_def(IntList)
    dtype = operand_def(OptionalInt)
    layout = operand_def(OptionalInt)
    device = operand_def(OptionalDevice)
    pin_memory = operand_def(OptionalBool)
    result = result_def(Tensor)


@irdl_op_definition
class AtenOnesOp(TorchOp):
    name = "torch.aten.ones"

    size = operand_def(IntList)
    dtype = operand_def(OptionalInt)
    layout = operand_def(OptionalInt)
    device = operand_def(OptionalDevice)
    pin_memory = operand_def(OptionalBool)
    result = result_def(Tensor)


@irdl_op_definition
class AtenFullOp(TorchOp):
    name = "torch.aten.full"

    size = operand_def(IntList)
    fill_value = operand_def(Scalar)
    dtype = operand_def(OptionalInt)
    layout = operand_def(OptionalInt)
    device = operand_def(OptionalDevice)
    pin_memory = operand_def(OptionalBool)
    result = result_def(Tensor)


@irdl_op_definition
class AtenZerosLikeOp(TorchOp):
    name = "torch.aten.zeros_like"

    input = operand_def(Tensor)
    dtype = operand_def(OptionalInt)
    layout = operand_def(OptionalInt)
    device = operand_def(OptionalDevice)
    pin_memory = operand_def(OptionalBool)
    memory_format = operand_def(OptionalInt)
    result = result_def(Tensor)


@irdl_op_definition
class AtenOnesLikeOp(TorchOp):
    name = "torch.aten.ones_like"

    input = operand_def(Tensor)
    dtype = operand_def(OptionalInt)
    layout = operand_def(OptionalInt)
    device = operand_def(OptionalDevice)
    pin_memory = operand_def(OptionalBool)
    memory_format = operand_def(OptionalInt)
    result = result_def(Tensor)


@irdl_op_definition
class AtenFullLikeOp(TorchOp):
    name = "torch.aten.full_like"

    input = operand_def(Tensor)
    fill_value = operand_def(Scalar)
    dtype = operand_def(OptionalInt)
    layout = operand_def(OptionalInt)
    device = operand_def(OptionalDevice)
    pin_memory = operand_def(OptionalBool)
    memory_format = operand_def(OptionalInt)
    result = result_def(Tensor)


@irdl_op_definition
class AtenNewZerosOp(TorchOp):
    name = "torch.aten.new_zeros"

    input = operand_def(Tensor)
    size = operand_def(IntList)
    dtype = operand_def(OptionalInt)
    layout = operand_def(OptionalInt)
    device = operand_def(OptionalDevice)
    pin_memory = operand_def(OptionalBool)
    result = result_def(Tensor)


@irdl_op_definition
class AtenNewOnesOp(TorchOp):
    name = "torch.aten.new_ones"

    input = operand_def(Tensor)
    size = operand_def(IntList)
    dtype = operand_def(OptionalInt)
    layout = operand_def(OptionalInt)
    device = operand_def(OptionalDevice)
    pin_memory = operand_def(OptionalBool)
    result = result_def(Tensor)


@irdl_op_definition
class AtenNewFullOp(TorchOp):
    name = "torch.aten.new_full"

    input = operand_def(Tensor)
    size = operand_def(IntList)
    fill_value = operand_def(Scalar)
    dtype = operand_def(OptionalInt)
    layout = operand_def(OptionalInt)
    device = operand_def(OptionalDevice)
    pin_memory = operand_def(OptionalBool)
    result = result_def(Tensor)


@irdl_op_definition
class AtenEmptyLikeOp(TorchOp):
    name = "torch.aten.empty_like"

    input = operand_def(Tensor)
    dtype = operand_def(OptionalInt)
    layout = operand_def(OptionalInt)
    device = operand_def(OptionalDevice)
    pin_memory = operand_def(OptionalBool)
    memory_format = operand_def(OptionalInt)
    result = result_def(Tensor)


@irdl_op_definition
class AtenScalarTensorOp(TorchOp):
    name = "torch.aten.scalar_tensor"

    s = operand_def(Scalar)
    dtype = operand_def(OptionalInt)
    layout = operand_def(OptionalInt)
    device = operand_def(OptionalDevice)
    pin_memory = operand_def(OptionalBool)
    result = result_def(Tensor)


OPS_CREATE: tuple[type[TorchOp], ...] = (
    AtenArangeOp,
    AtenArangeStartOp,
    AtenArangeStartStepOp,
    AtenEmptyMemoryFormatOp,
    AtenZerosOp,
    AtenOnesOp,
    AtenFullOp,
    AtenZerosLikeOp,
    AtenOnesLikeOp,
    AtenFullLikeOp,
    AtenNewZerosOp,
    AtenNewOnesOp,
    AtenNewFullOp,
    AtenEmptyLikeOp,
    AtenScalarTensorOp,
)
