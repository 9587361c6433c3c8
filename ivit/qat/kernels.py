"""Each op of the integer level on torch tensors; those that training meets rarely go to the interpreter."""

# pyright: strict, reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# (torch is only partly typed)

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import torch
from torch import Tensor
from xdsl.dialects.builtin import IntegerType
from xdsl.dialects.tensor import CollapseShapeOp
from xdsl.ir import Operation, SSAValue

from ivit.qat import arithmetic
from ivit_dialect.implementations.ivit_ops import integer, scale
from ivit_dialect.ops.arithmetic import ReduceKind, ReduceOp
from ivit_dialect.ops.elementwise import AddOp, LookupOp, RequantOp, RowRequantOp
from ivit_dialect.ops.linear import Conv2dOp, LinearOp, MatmulOp
from ivit_dialect.ops.nonlinear import ILayerNormOp, LayerNormOp, ShiftGeluOp, ShiftmaxOp, SoftmaxOp
from ivit_dialect.ops.probabilities import NormalizedSoftmaxOp, ThresholdSoftmaxOp
from ivit_dialect.ops.shape import MergeHeadsOp, PrependTokensOp, SliceTokensOp, SplitHeadsOp
from ivit_dialect.ops.shift_matmul import ShiftMatmulOp
from ivit_dialect.reference.probabilities import QUOTIENT_BITS, THRESHOLD_BITS
from ivit_dialect.reference.shift_matmul import shift_weights
from ivit_dialect.types import most, tensor_types

Kernel: TypeAlias = Callable[..., "Tensor | tuple[Tensor, ...]"]
"""Takes the op and its operands' tensors."""
KERNELS: dict[type[Operation], Kernel] = {}


def _of(op: type[Operation]) -> Callable[[Kernel], Kernel]:
    def note(kernel: Kernel) -> Kernel:
        KERNELS[op] = kernel
        return kernel

    return note


def _check_plain(op: Operation, epilogue: tuple[Tensor, ...]) -> None:
    if epilogue:
        raise ValueError(f"{op.name}: training runs ops before they are fused, not after")


def _element(value: SSAValue) -> IntegerType:
    (type_,) = tensor_types(value)
    return type_.element_type


def _shape(value: SSAValue) -> tuple[int, ...]:
    (type_,) = tensor_types(value)
    return type_.get_shape()


def _most(value: SSAValue) -> int:
    (type_,) = tensor_types(value)
    return most(type_)


@_of(RequantOp)
def _requant(op: RequantOp, x: Tensor, multipliers: Tensor | None = None) -> Tensor:
    factor = integer(op.multiplier) if multipliers is None else multipliers.to(torch.int64)
    value = arithmetic.scaled(x, factor, integer(op.shift))
    if op.zero_point is not None:
        value.add_(integer(op.zero_point))
    return arithmetic.clamp(value, _element(op.output))


@_of(RowRequantOp)
def _row_requant(op: RowRequantOp, x: Tensor, divisor: Tensor) -> Tensor:
    factor = integer(op.dividend) // divisor.to(torch.int64)
    return arithmetic.clamp(arithmetic.scaled(x, factor, integer(op.shift)), _element(op.output))


@_of(AddOp)
def _add(op: AddOp, lhs: Tensor, rhs: Tensor) -> Tensor:
    left, right = scale(op.lhs_multiplier, op.lhs_shift), scale(op.rhs_multiplier, op.rhs_shift)
    a = lhs.to(torch.int64) if left is None else arithmetic.scaled(lhs, *left)
    b = rhs.to(torch.int64) if right is None else arithmetic.scaled(rhs, *right)
    return arithmetic.clamp(a + b, _element(op.output))


@_of(LookupOp)
def _lookup(op: LookupOp, x: Tensor, table: Tensor) -> Tensor:
    offset = len(table) // 2 if x.dtype.is_signed else 0
    return table[x.to(torch.int64) + offset]


@_of(LinearOp)
def _linear(op: LinearOp, x: Tensor, weight: Tensor, bias: Tensor, *epilogue: Tensor) -> Tensor:
    _check_plain(op, epilogue)
    return arithmetic.product(x, weight.t(), _most(op.input), _most(op.weight)).add_(bias)


@_of(Conv2dOp)
def _conv2d(op: Conv2dOp, x: Tensor, weight: Tensor, bias: Tensor, *epilogue: Tensor) -> Tensor:
    _check_plain(op, epilogue)
    batch, height, width, channels = x.shape
    outs, kernel_h, kernel_w, _ = weight.shape
    rows, columns = height // kernel_h, width // kernel_w
    tiles = x.reshape(batch, rows, kernel_h, columns, kernel_w, channels).transpose(2, 3)
    patches = tiles.reshape(batch, rows, columns, kernel_h * kernel_w * channels)
    flat = weight.reshape(outs, -1).t()
    return arithmetic.product(patches, flat, _most(op.input), _most(op.weight)).add_(bias)


@_of(MatmulOp)
def _matmul(op: MatmulOp, a: Tensor, b: Tensor) -> Tensor:
    if op.multiplier is not None:
        _check_plain(op, (a,))
    right = b if op.transpose_b is None else b.transpose(-1, -2)
    return arithmetic.product(a, right, _most(op.lhs), _most(op.rhs))


def _exponentials(
    op: SoftmaxOp | NormalizedSoftmaxOp | ThresholdSoftmaxOp, x: Tensor, table: Tensor, *by_head: Tensor
) -> Tensor:
    """``table`` at the differences from the row's maximum."""
    wide = x.to(torch.int64)
    multiplier = by_head[0].to(torch.int64) if by_head else integer(op.multiplier)
    below = arithmetic.scaled(wide.amax(-1, keepdim=True) - wide, multiplier, integer(op.shift))
    return table[below.clamp_(max=len(table) - 1)]


@_of(SoftmaxOp)
def _softmax(op: SoftmaxOp, x: Tensor, table: Tensor, *by_head: Tensor) -> tuple[Tensor, Tensor]:
    codes = _exponentials(op, x, table, *by_head)
    return codes, codes.sum(-1, keepdim=True, dtype=torch.int32)


@_of(NormalizedSoftmaxOp)
def _normalized_softmax(op: NormalizedSoftmaxOp, x: Tensor, table: Tensor, *by_head: Tensor) -> Tensor:
    e, unit = _exponentials(op, x, table, *by_head), integer(op.unit)
    shift = QUOTIENT_BITS - unit.bit_length()
    factor = (unit << shift) // e.sum(-1, keepdim=True)
    return arithmetic.clamp(arithmetic.scaled(e, factor, shift), _element(op.output))


@_of(ThresholdSoftmaxOp)
def _threshold_softmax(
    op: ThresholdSoftmaxOp, x: Tensor, table: Tensor, thresholds: Tensor, *by_head: Tensor
) -> Tensor:
    e = _exponentials(op, x, table, *by_head)
    total = e.sum(-1, keepdim=True)
    codes = torch.zeros_like(e, dtype=torch.uint8)
    for threshold in thresholds.tolist():
        codes += (total * threshold >> THRESHOLD_BITS).to(torch.int32) >= e
    return arithmetic.narrow(codes, _element(op.output))


@_of(ShiftMatmulOp)
def _shift_matmul(op: ShiftMatmulOp, codes: Tensor, values: Tensor, shifts: Tensor) -> Tensor:
    weights = torch.from_numpy(shift_weights(shifts.cpu().numpy(), integer(op.eta))).to(codes.device)
    most = int(weights.abs().max())
    return arithmetic.product(weights.float()[codes.int()], values, max(most, 1), _most(op.rhs))


@_of(ShiftmaxOp)
def _shiftmax(op: ShiftmaxOp, x: Tensor) -> Tensor:
    result = arithmetic.shiftmax(x, integer(op.x0), integer(op.n), integer(op.bits))
    return arithmetic.narrow(result, _element(op.output))


@_of(ShiftGeluOp)
def _shift_gelu(op: ShiftGeluOp, x: Tensor) -> Tensor:
    return arithmetic.shift_gelu(x, integer(op.x0), integer(op.n))


@_of(LayerNormOp)
def _layer_norm(op: LayerNormOp, x: Tensor, factors: Tensor, offset: Tensor) -> Tensor:
    rows = arithmetic.normalised(x, integer(op.epsilon))
    return arithmetic.affine(rows, factors, offset, integer(op.shift), _element(op.output))


@_of(ILayerNormOp)
def _i_layer_norm(op: ILayerNormOp, x: Tensor, factors: Tensor, offset: Tensor) -> Tensor:
    rows = arithmetic.i_normalised(x)
    return arithmetic.affine(rows, factors, offset, integer(op.shift), _element(op.output))


@_of(ReduceOp)
def _reduce(op: ReduceOp, x: Tensor) -> Tensor:
    wide, dimension = x.to(torch.int64), integer(op.dimension)
    is_sum = op.kind.data is ReduceKind.SUM
    result = wide.sum(dimension, keepdim=True) if is_sum else wide.amax(dimension, keepdim=True)
    return arithmetic.narrow(result, _element(op.output))


@_of(SplitHeadsOp)
def _split_heads(op: SplitHeadsOp, x: Tensor) -> Tensor:
    batch, tokens, width = x.shape
    heads = _shape(op.output)[1]
    return x.reshape(batch, tokens, heads, width // heads).transpose(1, 2)


@_of(MergeHeadsOp)
def _merge_heads(op: MergeHeadsOp, x: Tensor) -> Tensor:
    return x.transpose(1, 2).flatten(2)


@_of(PrependTokensOp)
def _prepend_tokens(op: PrependTokensOp, prefix: Tensor, x: Tensor) -> Tensor:
    return torch.cat([prefix.expand(len(x), -1, -1), x], 1)


@_of(SliceTokensOp)
def _slice_tokens(op: SliceTokensOp, x: Tensor) -> Tensor:
    return x.narrow(1, integer(op.offset), integer(op.size))


@_of(CollapseShapeOp)
def _collapse_shape(op: CollapseShapeOp, x: Tensor) -> Tensor:
    return x.reshape(len(x), *_shape(op.result)[1:])
