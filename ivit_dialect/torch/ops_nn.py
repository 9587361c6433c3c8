"""Layers: convolution, matrix products, normalisation, softmax, attention and activations."""

from __future__ import annotations

from xdsl.irdl import irdl_op_definition, operand_def, result_def

from ivit_dialect.torch.base import (
    Bool,
    Float,
    Int,
    IntList,
    OptionalFloat,
    OptionalInt,
    OptionalTensor,
    Scalar,
    String,
    Tensor,
    TorchOp,
)


@irdl_op_definition
class AtenConvolutionOp(TorchOp):
    name = "torch.aten.convolution"

    input = operand_def(Tensor)
    weight = operand_def(Tensor)
    bias = operand_def(OptionalTensor)
    stride = operand_def(IntList)
    padding = operand_def(IntList)
    dilation = operand_def(IntList)
    transposed = operand_def(Bool)
    output_padding = operand_def(IntList)
    groups = operand_def(Int)
    result = result_def(Tensor)


@irdl_op_definition
class AtenConv2dOp(TorchOp):
    name = "torch.aten.conv2d"

    input = operand_def(Tensor)
    weight = operand_def(Tensor)
    bias = operand_def(OptionalTensor)
    stride = operand_def(IntList)
    padding = operand_def(IntList)
    dilation = operand_def(IntList)
    groups = operand_def(Int)
    result = result_def(Tensor)


@irdl_op_definition
class AtenLinearOp(TorchOp):
    name = "torch.aten.linear"

    input = operand_def(Tensor)
    weight = operand_def(Tensor)
    bias = operand_def(OptionalTensor)
    result = result_def(Tensor)


@irdl_op_definition
class AtenAddmmOp(TorchOp):
    name = "torch.aten.addmm"

    input = operand_def(Tensor)
    mat1 = operand_def(Tensor)
    mat2 = operand_def(Tensor)
    beta = operand_def(Scalar)
    alpha = operand_def(Scalar)
    result = result_def(Tensor)


@irdl_op_definition
class AtenMmOp(TorchOp):
    name = "torch.aten.mm"

    input = operand_def(Tensor)
    mat2 = operand_def(Tensor)
    result = result_def(Tensor)


@irdl_op_definition
class AtenBmmOp(TorchOp):
    name = "torch.aten.bmm"

    input = operand_def(Tensor)
    mat2 = operand_def(Tensor)
    result = result_def(Tensor)


@irdl_op_definition
class AtenBaddbmmOp(TorchOp):
    name = "torch.aten.baddbmm"

    input = operand_def(Tensor)
    batch1 = operand_def(Tensor)
    batch2 = operand_def(Tensor)
    beta = operand_def(Scalar)
    alpha = operand_def(Scalar)
    result = result_def(Tensor)


@irdl_op_definition
class AtenMatmulOp(TorchOp):
    name = "torch.aten.matmul"

    input = operand_def(Tensor)
    other = operand_def(Tensor)
    result = result_def(Tensor)


@irdl_op_definition
class AtenLayerNormOp(TorchOp):
    name = "torch.aten.layer_norm"

    input = operand_def(Tensor)
    normalized_shape = operand_def(IntList)
    weight = operand_def(OptionalTensor)
    bias = operand_def(OptionalTensor)
    eps = operand_def(Float)
    cudnn_enable = operand_def(Bool)
    result = result_def(Tensor)


@irdl_op_definition
class AtenNativeLayerNormOp(TorchOp):
    name = "torch.aten.native_layer_norm"

    input = operand_def(Tensor)
    normalized_shape = operand_def(IntList)
    weight = operand_def(OptionalTensor)
    bias = operand_def(OptionalTensor)
    eps = operand_def(Float)
    result = result_def(Tensor)
    mean = result_def(Tensor)
    rstd = result_def(Tensor)


@irdl_op_definition
class AtenSoftmaxIntOp(TorchOp):
    name = "torch.aten.softmax.int"

    input = operand_def(Tensor)
    dim = operand_def(Int)
    dtype = operand_def(OptionalInt)
    result = result_def(Tensor)


@irdl_op_definition
class Aten_SoftmaxOp(TorchOp):
    name = "torch.aten._softmax"

    input = operand_def(Tensor)
    dim = operand_def(Int)
    half_to_float = operand_def(Bool)
    result = result_def(Tensor)


@irdl_op_definition
class AtenScaledDotProductAttentionOp(TorchOp):
    name = "torch.aten.scaled_dot_product_attention"

    query = operand_def(Tensor)
    key = operand_def(Tensor)
    value = operand_def(Tensor)
    attn_mask = operand_def(OptionalTensor)
    dropout_p = operand_def(Float)
    is_causal = operand_def(Bool)
    scale = operand_def(OptionalFloat)
    enable_gqa = operand_def(Bool)
    result = result_def(Tensor)


@irdl_op_definition
class AtenGeluOp(TorchOp):
    name = "torch.aten.gelu"

    input = operand_def(Tensor)
    approximate = operand_def(String)
    result = result_def(Tensor)


@irdl_op_definition
class AtenReluOp(TorchOp):
    name = "torch.aten.relu"

    input = operand_def(Tensor)
    result = result_def(Tensor)


@irdl_op_definition
class AtenSiluOp(TorchOp):
    name = "torch.aten.silu"

    input = operand_def(Tensor)
    result = result_def(Tensor)


@irdl_op_definition
class AtenSigmoidOp(TorchOp):
    name = "torch.aten.sigmoid"

    input = operand_def(Tensor)
    result = result_def(Tensor)


@irdl_op_definition
class AtenDropoutOp(TorchOp):
    name = "torch.aten.dropout"

    input = operand_def(Tensor)
    p = operand_def(Float)
    train = operand_def(Bool)
    result = result_def(Tensor)


@irdl_op_definition
class AtenEmbeddingOp(TorchOp):
    name = "torch.aten.embedding"

    weight = operand_def(Tensor)
    indices = operand_def(Tensor)
    padding_idx = operand_def(Int)
    scale_grad_by_freq = operand_def(Bool)
    sparse = operand_def(Bool)
    result = result_def(Tensor)


OPS_NN: tuple[type[TorchOp], ...] = (
    AtenConvolutionOp,
    AtenConv2dOp,
    AtenLinearOp,
    AtenAddmmOp,
    AtenMmOp,
    AtenBmmOp,
    AtenBaddbmmOp,
    AtenMatmulOp,
    AtenLayerNormOp,
    AtenNativeLayerNormOp,
    AtenSoftmaxIntOp,
    Aten_SoftmaxOp,
    AtenScaledDotProductAttentionOp,
    AtenGeluOp,
    AtenReluOp,
    AtenSiluOp,
    AtenSigmoidOp,
    AtenDropoutOp,
    AtenEmbeddingOp,
)
