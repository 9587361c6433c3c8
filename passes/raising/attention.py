"""Attention written out, softmax(q kᵀ · scale) v, is ``scaled_dot_product_attention`` on [N, H, T, D].

torch-mlir guards the softmax against rows of −∞ (``where(all(scores == −∞), 0, softmax)``). Finite inputs
make no such row, so the guard goes.
"""

from __future__ import annotations

import math

from xdsl.ir import Operation, SSAValue
from xdsl.pattern_rewriter import PatternRewriter, RewritePattern, op_type_rewrite_pattern

from ivit_dialect.torch.constants import (
    constant_bool,
    constant_int,
    constant_ints,
    constant_number,
    is_none,
)
from ivit_dialect.torch.ops_nn import (
    Aten_SoftmaxOp,
    AtenMatmulOp,
    AtenScaledDotProductAttentionOp,
    AtenSoftmaxIntOp,
)
from ivit_dialect.torch.ops_pointwise import (
    AtenDivScalarOp,
    AtenDivTensorOp,
    AtenExpOp,
    AtenMulScalarOp,
    AtenSubTensorOp,
)
from ivit_dialect.torch.ops_reduce import (
    AtenAllDimOp,
    AtenAmaxOp,
    AtenAnyDimOp,
    AtenMaxDimOp,
    AtenSumDimIntListOp,
)
from ivit_dialect.torch.ops_select import AtenEqScalarOp, AtenLogicalNotOp, AtenWhereSelfOp
from ivit_dialect.torch.ops_shape import AtenPermuteOp, AtenSelectIntOp, AtenSliceTensorOp, AtenViewOp
from ivit_dialect.torch.types import ValueTensorType
from passes.raising import build
from passes.raising.build import sizes_of, tensor_type
from passes.raising.layout import Layout
from passes.raising.shapes import broadcast
from passes.raising.uniform import UniformValues

# One rounding to float32 of 1/√D, or the product of two square roots of it, is the default scale.
SCALE_TOLERANCE = 1e-7


class RaiseSoftmax(RewritePattern):
    """exp(x − max) / sum(exp(x − max))."""

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: AtenDivTensorOp, rewriter: PatternRewriter, /) -> None:
        exp, total = op.input.owner, op.other.owner
        if not isinstance(exp, AtenExpOp) or not isinstance(total, AtenSumDimIntListOp):
            return
        shifted, dims = exp.input.owner, constant_ints(total.dim)
        if total.input is not op.input or dims is None or len(dims) != 1:
            return
        if constant_bool(total.keepdim) is not True or not isinstance(shifted, AtenSubTensorOp):
            return
        dim = dims[0] % len(sizes_of(op.input))
        if constant_number(shifted.alpha) != 1 or not _is_maximum(shifted.other, shifted.input, dim):
            return
        rewriter.replace(op, build.softmax(shifted.input, dim))


def _is_maximum(value: SSAValue, x: SSAValue, dim: int) -> bool:
    op = value.owner
    if isinstance(op, AtenMaxDimOp):
        found, kept = constant_int(op.dim), op.keepdim
    elif isinstance(op, AtenAmaxOp):
        dims, kept = constant_ints(op.dim), op.keepdim
        found = dims[0] if dims is not None and len(dims) == 1 else None
    else:
        return False
    if op.input is not x or found is None or constant_bool(kept) is not True:
        return False
    return found % len(sizes_of(x)) == dim and value is op.results[0]


class NormaliseSoftmax(RewritePattern):
    """``_softmax`` and ``softmax.int`` to the operand's own type, the dimension counted from the front."""

    def match_and_rewrite(self, op: Operation, rewriter: PatternRewriter, /) -> None:
        if not isinstance(op, Aten_SoftmaxOp | AtenSoftmaxIntOp) or op.result.type != op.input.type:
            return
        dim = constant_int(op.dim)
        if dim is None:
            return
        wanted = dim % len(sizes_of(op.input))
        if isinstance(op, AtenSoftmaxIntOp) and dim == wanted and is_none(op.dtype):
            return
        rewriter.replace(op, build.softmax(op.input, wanted))


class DropSoftmaxGuard(RewritePattern):
    """where(all(x == −∞), 0, softmax(x)) is softmax(x) for finite x; also as not any(not x == −∞)."""

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: AtenWhereSelfOp, rewriter: PatternRewriter, /) -> None:
        condition = _all_of(op.condition)
        if condition is None or not isinstance(op.other.owner, AtenSoftmaxIntOp):
            return
        compared = condition.owner
        if not isinstance(compared, AtenEqScalarOp) or constant_number(compared.other) != -math.inf:
            return
        if compared.input is op.other.owner.input and op.other.type == op.result.type:
            rewriter.replace(op, [], [op.other])


def _all_of(value: SSAValue) -> SSAValue | None:
    """The x of all(x), which may be spelled not any(not x); None where ``value`` is neither."""
    op = value.owner
    if isinstance(op, AtenAllDimOp):
        return op.input
    found = op.input.owner if isinstance(op, AtenLogicalNotOp) else None
    inner = found.input.owner if isinstance(found, AtenAnyDimOp) else None
    return inner.input if isinstance(inner, AtenLogicalNotOp) else None


class FoldUniformWhere(RewritePattern):
    """``where`` with a condition that is the same everywhere."""

    def __init__(self, uniform: UniformValues) -> None:
        self.uniform = uniform

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: AtenWhereSelfOp, rewriter: PatternRewriter, /) -> None:
        condition = self.uniform.of(op.condition)
        if condition is None:
            return
        chosen = op.input if condition else op.other
        if chosen.type == op.result.type:
            rewriter.replace(op, [], [chosen])
        elif None not in sizes_of(op.result)[1:]:
            ops = broadcast(op, chosen, tensor_type(op.result))
            if ops is not None:
                rewriter.replace(op, ops)


class SinkScale(RewritePattern):
    """A scalar factor moves past views, permutes, selects and slices, towards the product that uses it."""

    def match_and_rewrite(self, op: Operation, rewriter: PatternRewriter, /) -> None:
        if not isinstance(op, AtenViewOp | AtenPermuteOp | AtenSelectIntOp | AtenSliceTensorOp):
            return
        scaled = op.input.owner
        if not isinstance(scaled, AtenMulScalarOp | AtenDivScalarOp):
            return
        moved = op.clone()
        moved.operands[0] = scaled.input
        factor = type(scaled).create(
            operands=[moved.results[0], scaled.other], result_types=[op.results[0].type]
        )
        rewriter.replace(op, [moved, factor])


class RaiseAttention(RewritePattern):
    """matmul(softmax(matmul(q · a, kᵀ · b) · c), v), with views that regroup batch and heads in between."""

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: AtenMatmulOp, rewriter: PatternRewriter, /) -> None:
        softmax = _through_views(op.input).owner
        if not isinstance(softmax, AtenSoftmaxIntOp):
            return
        if constant_int(softmax.dim) != len(sizes_of(softmax.input)) - 1:
            return
        scores, outer = _unscaled(softmax.input)
        product = scores.owner
        if not isinstance(product, AtenMatmulOp):
            return
        query, left = _unscaled(product.input)
        key_transposed, right = _unscaled(product.other)
        if sizes_of(query)[:-2] != sizes_of(op.other)[:-2] or len(sizes_of(query)) not in (3, 4):
            return
        rank = len(sizes_of(query))
        key = build.permute(key_transposed, [*range(rank - 2), rank - 1, rank - 2])
        scale = _nondefault(left * right * outer, sizes_of(query)[-1])
        ops = build.attention(query, key[-1].results[0], op.other, scale)
        rewriter.replace(op, [*key, *ops])


def _through_views(value: SSAValue) -> SSAValue:
    """``value`` before views that keep the last two dimensions."""
    while isinstance(value.owner, AtenViewOp):
        inner = value.owner.input
        if sizes_of(inner)[-2:] != sizes_of(value)[-2:]:
            break
        value = inner
    return value


def _unscaled(value: SSAValue) -> tuple[SSAValue, float]:
    """``value`` without scalar factors (nor views of matrices under them), and their product."""
    factor = 1.0
    while True:
        inner = value
        op = inner.owner
        if not isinstance(op, AtenMulScalarOp | AtenDivScalarOp):
            op = _through_views(inner).owner
        if not isinstance(op, AtenMulScalarOp | AtenDivScalarOp):
            through = _through_views(value)
            return (through, factor) if isinstance(through.owner, AtenMatmulOp) else (value, factor)
        number = constant_number(op.other)
        if number is None or number == 0:
            return value, factor
        factor = factor * number if isinstance(op, AtenMulScalarOp) else factor / number
        value = op.input


def _nondefault(scale: float, depth: int | None) -> float | None:
    """``scale``, or None where it is 1/√depth."""
    if depth is None:
        return scale
    default = 1 / math.sqrt(depth)
    return None if abs(scale - default) <= SCALE_TOLERANCE * default else scale


class NormaliseAttention(RewritePattern):
    """Attention without the mask that masks nothing, and with the default scale left out."""

    def __init__(self, uniform: UniformValues) -> None:
        self.uniform = uniform

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: AtenScaledDotProductAttentionOp, rewriter: PatternRewriter, /) -> None:
        scale = None if is_none(op.scale) else constant_number(op.scale)
        if not self._is_plain(op) or (scale is None and not is_none(op.scale)):
            return
        wanted = None if scale is None else _nondefault(scale, sizes_of(op.query)[-1])
        if is_none(op.attn_mask) and wanted == scale:
            return
        rewriter.replace(op, build.attention(op.query, op.key, op.value, wanted))

    def _is_plain(self, op: AtenScaledDotProductAttentionOp) -> bool:
        if constant_number(op.dropout_p) != 0 or constant_bool(op.is_causal) is not False:
            return False
        if constant_bool(op.enable_gqa) is not False:
            return False
        if is_none(op.attn_mask):
            return True
        keeps_all = 1.0 if _is_bool(op.attn_mask) else 0.0
        return self.uniform.of(op.attn_mask) == keeps_all


def _is_bool(value: SSAValue) -> bool:
    return isinstance(value.type, ValueTensorType) and str(value.type.dtype) == "i1"


class SplitBatchFromHeads(RewritePattern):
    """Attention on [N·H, T, D] works on [N, H, T, D]."""

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: AtenScaledDotProductAttentionOp, rewriter: PatternRewriter, /) -> None:
        if len(sizes_of(op.query)) != 3 or not is_none(op.attn_mask):
            return
        groups = sizes_of(op.query)[0]
        heads = groups
        if groups is None:
            layout = Layout.of(op.query)
            if layout is None:
                return
            heads = math.prod(factor.size for factor in layout.dims[0] if factor.size is not None)
        batch = None if groups is None else 1
        ops: list[Operation] = []
        split: list[SSAValue] = []
        for value in (op.query, op.key, op.value):
            ops += build.view(value, (batch, heads, *sizes_of(value)[1:]))
            split.append(ops[-1].results[0])
        scale = None if is_none(op.scale) else constant_number(op.scale)
        ops += build.attention(split[0], split[1], split[2], scale)
        rewriter.replace(op, [*ops, *build.view(ops[-1].results[0], sizes_of(op.result))])
