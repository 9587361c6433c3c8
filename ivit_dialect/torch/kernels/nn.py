"""Kernels of the layers."""

from __future__ import annotations

import numpy as np
from xdsl.ir import Operation

from ivit_dialect.torch import ops_nn as torch
from ivit_dialect.torch.kernels import floating
from ivit_dialect.torch.kernels.table import Array, KernelTable, Number, result_dtype

KERNELS = KernelTable()


@KERNELS.of(torch.AtenConvolutionOp)
def convolution(
    op: Operation,
    x: Array,
    weight: Array,
    bias: Array | None,
    stride: list[int],
    padding: list[int],
    dilation: list[int],
    transposed: bool,
    output_padding: list[int],
    groups: int,
) -> Array:
    if transposed:
        raise ValueError("transposed convolutions are not supported")
    return conv2d(op, x, weight, bias, stride, padding, dilation, groups)


@KERNELS.of(torch.AtenConv2dOp)
def conv2d(
    op: Operation,
    x: Array,
    weight: Array,
    bias: Array | None,
    stride: list[int],
    padding: list[int],
    dilation: list[int],
    groups: int,
) -> Array:
    result = floating.convolution(x, weight, stride, padding, dilation, groups)
    return result if bias is None else result + bias.reshape(-1, 1, 1)


@KERNELS.of(torch.AtenLinearOp)
def linear(op: Operation, x: Array, weight: Array, bias: Array | None) -> Array:
    result = floating.matmul(x, weight.T)
    if bias is not None:
        result += bias
    return result


@KERNELS.of(torch.AtenMmOp, torch.AtenBmmOp, torch.AtenMatmulOp)
def matmul(op: Operation, a: Array, b: Array) -> Array:
    return floating.matmul(a, b)


@KERNELS.of(torch.AtenAddmmOp, torch.AtenBaddbmmOp)
def addmm(op: Operation, x: Array, a: Array, b: Array, beta: Number, alpha: Number) -> Array:
    product = floating.matmul(a, b)
    return product * alpha + x * beta if beta else product * alpha


@KERNELS.of(torch.AtenLayerNormOp)
def layer_norm(
    op: Operation,
    x: Array,
    shape: list[int],
    weight: Array | None,
    bias: Array | None,
    eps: float,
    cudnn_enable: bool,
) -> Array:
    return native_layer_norm(op, x, shape, weight, bias, eps)[0]


@KERNELS.of(torch.AtenNativeLayerNormOp)
def native_layer_norm(
    op: Operation, x: Array, shape: list[int], weight: Array | None, bias: Array | None, eps: float
) -> tuple[Array, Array, Array]:
    if tuple(shape) != x.shape[x.ndim - len(shape) :]:
        raise ValueError(f"normalized shape {shape} does not end {x.shape}")
    result, mean, inverse = floating.normalize(x, len(shape), eps)
    if weight is not None:
        result *= weight
    if bias is not None:
        result += bias
    return result, mean, inverse


@KERNELS.of(torch.AtenSoftmaxIntOp, torch.Aten_SoftmaxOp)
def softmax(op: Operation, x: Array, dim: int, dtype: int | None) -> Array:
    return floating.softmax(x.astype(result_dtype(op), copy=False), dim)


@KERNELS.of(torch.AtenScaledDotProductAttentionOp)
def scaled_dot_product_attention(
    op: Operation,
    query: Array,
    key: Array,
    value: Array,
    mask: Array | None,
    dropout_p: float,
    is_causal: bool,
    scale: float | None,
    enable_gqa: bool,
) -> Array:
    if dropout_p:
        raise ValueError("attention dropout is on: call model.eval() before the export")
    if enable_gqa:
        repeats = query.shape[-3] // key.shape[-3]
        key, value = np.repeat(key, repeats, axis=-3), np.repeat(value, repeats, axis=-3)
    return floating.attention(query, key, value, mask, is_causal, scale)


@KERNELS.of(torch.AtenGeluOp)
def gelu(op: Operation, x: Array, approximate: str) -> Array:
    if approximate not in ("none", "tanh"):
        raise ValueError(f"gelu approximation '{approximate}' is neither 'none' nor 'tanh'")
    return floating.gelu_tanh(x) if approximate == "tanh" else floating.gelu(x)


@KERNELS.of(torch.AtenReluOp)
def relu(op: Operation, x: Array) -> Array:
    return np.maximum(x, 0)


@KERNELS.of(torch.AtenSigmoidOp)
def sigmoid(op: Operation, x: Array) -> Array:
    return floating.sigmoid(x)


@KERNELS.of(torch.AtenSiluOp)
def silu(op: Operation, x: Array) -> Array:
    return x * floating.sigmoid(x)


@KERNELS.of(torch.AtenDropoutOp)
def dropout(op: Operation, x: Array, p: float, train: bool) -> Array:
    if train and p:
        raise ValueError("dropout is on: call model.eval() before the export")
    return x


@KERNELS.of(torch.AtenEmbeddingOp)
def embedding(
    op: Operation, weight: Array, indices: Array, padding_idx: int, scale_grad_by_freq: bool, sparse: bool
) -> Array:
    return weight[indices]
