"""Constructors of torch ops with their constant operands; each returns ops in order, the result last."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

from xdsl.ir import Operation, SSAValue

from ivit_dialect.torch.ops_constant import (
    ConstantBoolOp,
    ConstantFloatOp,
    ConstantIntOp,
    ConstantNoneOp,
)
from ivit_dialect.torch.ops_nn import (
    AtenLayerNormOp,
    AtenLinearOp,
    AtenScaledDotProductAttentionOp,
    AtenSoftmaxIntOp,
)
from ivit_dialect.torch.ops_reduce import AtenMeanDimOp
from ivit_dialect.torch.ops_scalar import PrimListConstructOp
from ivit_dialect.torch.ops_shape import AtenPermuteOp, AtenSelectIntOp, AtenViewOp
from ivit_dialect.torch.types import IntType, ListType, ValueTensorType

Sizes: TypeAlias = tuple[int | None, ...]
INT_LIST = ListType(IntType())


def tensor_type(value: SSAValue) -> ValueTensorType:
    """The tensor type of ``value``; TypeError where it is not a tensor."""
    if not isinstance(value.type, ValueTensorType):
        raise TypeError(f"expected a torch tensor, got {value.type}")
    return value.type


def sizes_of(value: SSAValue) -> Sizes:
    """The sizes of ``value``, None for one only known at run time; ValueError where the rank is unknown."""
    sizes = tensor_type(value).sizes
    if sizes is None:
        raise ValueError(f"a tensor of unknown rank is not supported: {value.type}")
    return sizes


def int_list(values: Sequence[int]) -> list[Operation]:
    constants = [ConstantIntOp(value) for value in values]
    return [*constants, PrimListConstructOp(constants, INT_LIST)]


def view(x: SSAValue, sizes: Sizes) -> list[Operation]:
    """``x`` seen with ``sizes``; at most one size may be unknown, and is written -1."""
    shape = int_list([-1 if size is None else size for size in sizes])
    return [*shape, AtenViewOp([x, shape[-1]], [tensor_type(x).with_sizes(sizes)])]


def permute(x: SSAValue, dims: Sequence[int]) -> list[Operation]:
    sizes = sizes_of(x)
    order = int_list(dims)
    result = tensor_type(x).with_sizes([sizes[dim] for dim in dims])
    return [*order, AtenPermuteOp([x, order[-1]], [result])]


def select(x: SSAValue, dim: int, index: int) -> list[Operation]:
    sizes = sizes_of(x)
    constants = [ConstantIntOp(dim), ConstantIntOp(index)]
    result = tensor_type(x).with_sizes([*sizes[:dim], *sizes[dim + 1 :]])
    return [*constants, AtenSelectIntOp([x, *constants], [result])]


def linear(x: SSAValue, weight: SSAValue, bias: SSAValue | None) -> list[Operation]:
    """x [..., C], weight [O, C], bias [O] -> [..., O]."""
    before: list[Operation] = [] if bias is not None else [ConstantNoneOp()]
    result = tensor_type(x).with_sizes([*sizes_of(x)[:-1], sizes_of(weight)[0]])
    return [*before, AtenLinearOp([x, weight, bias if bias is not None else before[0].results[0]], [result])]


def layer_norm(x: SSAValue, weight: SSAValue | None, bias: SSAValue | None, eps: float) -> list[Operation]:
    """LayerNorm over the last dimension."""
    width = sizes_of(x)[-1]
    if width is None:
        raise ValueError("layer_norm over a dimension of unknown size is not supported")
    shape, epsilon, none, cudnn = (
        int_list([width]),
        ConstantFloatOp(eps),
        ConstantNoneOp(),
        ConstantBoolOp(False),
    )
    affine = [none.result if value is None else value for value in (weight, bias)]
    return [*shape, epsilon, none, cudnn, AtenLayerNormOp([x, shape[-1], *affine, epsilon, cudnn], [x.type])]


def softmax(x: SSAValue, dim: int) -> list[Operation]:
    axis, none = ConstantIntOp(dim), ConstantNoneOp()
    return [axis, none, AtenSoftmaxIntOp([x, axis, none], [x.type])]


def attention(query: SSAValue, key: SSAValue, value: SSAValue, scale: float | None) -> list[Operation]:
    """softmax(query keyᵀ · scale) value; a ``scale`` of None is 1/√D."""
    result = tensor_type(query).with_sizes([*sizes_of(query)[:-1], sizes_of(value)[-1]])
    none, dropout, false = ConstantNoneOp(), ConstantFloatOp(0.0), ConstantBoolOp(False)
    factor = none if scale is None else ConstantFloatOp(scale)
    before: list[Operation] = [none, dropout, false] if scale is None else [none, dropout, false, factor]
    op = AtenScaledDotProductAttentionOp([query, key, value, none, dropout, false, factor, false], [result])
    return [*before, op]


def mean(x: SSAValue, dims: Sequence[int], keepdim: bool, result: ValueTensorType) -> list[Operation]:
    axes, keep, none = int_list(dims), ConstantBoolOp(keepdim), ConstantNoneOp()
    return [*axes, keep, none, AtenMeanDimOp([x, axes[-1], keep, none], [result])]
