"""Shape ops: views, permutations, slices, joins, splits, gathers; copies and aliases."""

from __future__ import annotations

from xdsl.irdl import irdl_op_definition, operand_def, result_def

from ivit_dialect.torch.base import (
    Bool,
    Int,
    IntList,
    OptionalFloat,
    OptionalInt,
    Scalar,
    String,
    Tensor,
    TensorList,
    TorchOp,
)
from ivit_dialect.torch.shape_checks import PermutingOp, RegroupingOp, SizedViewOp


@irdl_op_definition
class AtenViewOp(SizedViewOp):
    name = "torch.aten.view"

    input = operand_def(Tensor)
    size = operand_def(IntList)
    result = result_def(Tensor)


@irdl_op_definition
class Aten_UnsafeViewOp(SizedViewOp):
    name = "torch.aten._unsafe_view"

    input = operand_def(Tensor)
    size = operand_def(IntList)
    result = result_def(Tensor)


@irdl_op_definition
class AtenReshapeOp(SizedViewOp):
    name = "torch.aten.reshape"

    input = operand_def(Tensor)
    shape = operand_def(IntList)
    result = result_def(Tensor)


@irdl_op_definition
class AtenPermuteOp(PermutingOp):
    name = "torch.aten.permute"

    input = operand_def(Tensor)
    dims = operand_def(IntList)
    result = result_def(Tensor)


@irdl_op_definition
class AtenTransposeIntOp(TorchOp):
    name = "torch.aten.transpose.int"

    input = operand_def(Tensor)
    dim0 = operand_def(Int)
    dim1 = operand_def(Int)
    result = result_def(Tensor)


@irdl_op_definition
class AtenTOp(TorchOp):
    name = "torch.aten.t"

    input = operand_def(Tensor)
    result = result_def(Tensor)


@irdl_op_definition
class AtenSelectIntOp(TorchOp):
    name = "torch.aten.select.int"

    input = operand_def(Tensor)
    dim = operand_def(Int)
    index = operand_def(Int)
    result = result_def(Tensor)


@irdl_op_definition
class AtenSliceTensorOp(TorchOp):
    name = "torch.aten.slice.Tensor"

    input = operand_def(Tensor)
    dim = operand_def(Int)
    start = operand_def(OptionalInt)
    end = operand_def(OptionalInt)
    step = operand_def(Int)
    result = result_def(Tensor)


@irdl_op_definition
class AtenNarrowOp(TorchOp):
    name = "torch.aten.narrow"

    input = operand_def(Tensor)
    dim = operand_def(Int)
    start = operand_def(Int)
    length = operand_def(Int)
    result = result_def(Tensor)


@irdl_op_definition
class AtenSqueezeOp(RegroupingOp):
    name = "torch.aten.squeeze"

    input = operand_def(Tensor)
    result = result_def(Tensor)


@irdl_op_definition
class AtenSqueezeDimOp(RegroupingOp):
    name = "torch.aten.squeeze.dim"

    input = operand_def(Tensor)
    dim = operand_def(Int)
    result = result_def(Tensor)


@irdl_op_definition
class PrimsSqueezeOp(RegroupingOp):
    """Without the ``dimensions``, which are of size one."""

    name = "torch.prims.squeeze"

    input = operand_def(Tensor)
    dimensions = operand_def(IntList)
    result = result_def(Tensor)


@irdl_op_definition
class AtenUnsqueezeOp(RegroupingOp):
    name = "torch.aten.unsqueeze"

    input = operand_def(Tensor)
    dim = operand_def(Int)
    result = result_def(Tensor)


@irdl_op_definition
class AtenFlattenUsingIntsOp(RegroupingOp):
    name = "torch.aten.flatten.using_ints"

    input = operand_def(Tensor)
    start_dim = operand_def(Int)
    end_dim = operand_def(Int)
    result = result_def(Tensor)


@irdl_op_definition
class AtenUnflattenIntOp(RegroupingOp):
    name = "torch.aten.unflatten.int"

    input = operand_def(Tensor)
    dim = operand_def(Int)
    sizes = operand_def(IntList)
    result = result_def(Tensor)


@irdl_op_definition
class AtenExpandOp(TorchOp):
    name = "torch.aten.expand"

    input = operand_def(Tensor)
    size = operand_def(IntList)
    implicit = operand_def(Bool)
    result = result_def(Tensor)


@irdl_op_definition
class AtenExpandAsOp(TorchOp):
    name = "torch.aten.expand_as"

    input = operand_def(Tensor)
    other = operand_def(Tensor)
    result = result_def(Tensor)


@irdl_op_definition
class AtenBroadcastToOp(TorchOp):
    name = "torch.aten.broadcast_to"

    input = operand_def(Tensor)
    size = operand_def(IntList)
    result = result_def(Tensor)


@irdl_op_definition
class AtenRepeatOp(TorchOp):
    name = "torch.aten.repeat"

    input = operand_def(Tensor)
    repeats = operand_def(IntList)
    result = result_def(Tensor)


@irdl_op_definition
class AtenCatOp(TorchOp):
    name = "torch.aten.cat"

    tensors = operand_def(TensorList)
    dim = operand_def(Int)
    result = result_def(Tensor)


@irdl_op_definition
class AtenStackOp(TorchOp):
    name = "torch.aten.stack"

    tensors = operand_def(TensorList)
    dim = operand_def(Int)
    result = result_def(Tensor)


@irdl_op_definition
class AtenSplitTensorOp(TorchOp):
    name = "torch.aten.split.Tensor"

    input = operand_def(Tensor)
    split_size = operand_def(Int)
    dim = operand_def(Int)
    result = result_def(TensorList)


@irdl_op_definition
class AtenSplitWithSizesOp(TorchOp):
    name = "torch.aten.split_with_sizes"

    input = operand_def(Tensor)
    split_sizes = operand_def(IntList)
    dim = operand_def(Int)
    result = result_def(TensorList)


@irdl_op_definition
class AtenChunkOp(TorchOp):
    name = "torch.aten.chunk"

    input = operand_def(Tensor)
    chunks = operand_def(Int)
    dim = operand_def(Int)
    result = result_def(TensorList)


@irdl_op_definition
class AtenUnbindIntOp(TorchOp):
    name = "torch.aten.unbind.int"

    input = operand_def(Tensor)
    dim = operand_def(Int)
    result = result_def(TensorList)


@irdl_op_definition
class AtenIndexTensorOp(TorchOp):
    name = "torch.aten.index.Tensor"

    input = operand_def(Tensor)
    indices = operand_def(TensorList)
    result = result_def(Tensor)


@irdl_op_definition
class AtenIndexTensorHackedTwinOp(TorchOp):
    name = "torch.aten.index.Tensor_hacked_twin"

    input = operand_def(Tensor)
    indices = operand_def(TensorList)
    result = result_def(Tensor)


@irdl_op_definition
class AtenIndexSelectOp(TorchOp):
    name = "torch.aten.index_select"

    input = operand_def(Tensor)
    dim = operand_def(Int)
    index = operand_def(Tensor)
    result = result_def(Tensor)


@irdl_op_definition
class AtenGatherOp(TorchOp):
    name = "torch.aten.gather"

    input = operand_def(Tensor)
    dim = operand_def(Int)
    index = operand_def(Tensor)
    sparse_grad = operand_def(Bool)
    result = result_def(Tensor)


@irdl_op_definition
class AtenConstantPadNdOp(TorchOp):
    name = "torch.aten.constant_pad_nd"

    input = operand_def(Tensor)
    pad = operand_def(IntList)
    value = operand_def(Scalar)
    result = result_def(Tensor)


@irdl_op_definition
class AtenPadOp(TorchOp):
    name = "torch.aten.pad"

    input = operand_def(Tensor)
    pad = operand_def(IntList)
    mode = operand_def(String)
    value = operand_def(OptionalFloat)
    result = result_def(Tensor)


@irdl_op_definition
class AtenCloneOp(TorchOp):
    name = "torch.aten.clone"

    input = operand_def(Tensor)
    memory_format = operand_def(OptionalInt)
    result = result_def(Tensor)


@irdl_op_definition
class AtenContiguousOp(TorchOp):
    name = "torch.aten.contiguous"

    input = operand_def(Tensor)
    memory_format = operand_def(Int)
    result = result_def(Tensor)


@irdl_op_definition
class AtenDetachOp(TorchOp):
    name = "torch.aten.detach"

    input = operand_def(Tensor)
    result = result_def(Tensor)


@irdl_op_definition
class AtenAliasOp(TorchOp):
    name = "torch.aten.alias"

    input = operand_def(Tensor)
    result = result_def(Tensor)


@irdl_op_definition
class AtenLiftFreshCopyOp(TorchOp):
    name = "torch.aten.lift_fresh_copy"

    input = operand_def(Tensor)
    result = result_def(Tensor)


OPS_SHAPE: tuple[type[TorchOp], ...] = (
    AtenViewOp,
    Aten_UnsafeViewOp,
    AtenReshapeOp,
    AtenPermuteOp,
    AtenTransposeIntOp,
    AtenTOp,
    AtenSelectIntOp,
    AtenSliceTensorOp,
    AtenNarrowOp,
    AtenSqueezeOp,
    AtenSqueezeDimOp,
    PrimsSqueezeOp,
    AtenUnsqueezeOp,
    AtenFlattenUsingIntsOp,
    AtenUnflattenIntOp,
    AtenExpandOp,
    AtenExpandAsOp,
    AtenBroadcastToOp,
    AtenRepeatOp,
    AtenCatOp,
    AtenStackOp,
    AtenSplitTensorOp,
    AtenSplitWithSizesOp,
    AtenChunkOp,
    AtenUnbindIntOp,
    AtenIndexTensorOp,
    AtenIndexTensorHackedTwinOp,
    AtenIndexSelectOp,
    AtenGatherOp,
    AtenConstantPadNdOp,
    AtenPadOp,
    AtenCloneOp,
    AtenContiguousOp,
    AtenDetachOp,
    AtenAliasOp,
    AtenLiftFreshCopyOp,
)
