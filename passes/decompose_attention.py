"""``decompose-attention``: ``ivit.attention`` becomes the chain of ops that it stands for. Bit-exact.

The inverse of ``fuse-attention``.
"""

from __future__ import annotations

from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects.builtin import IntegerType, ModuleOp, TensorType, i8, i16, i32
from xdsl.ir import SSAValue
from xdsl.passes import ModulePass
from xdsl.pattern_rewriter import (
    PatternRewriter,
    PatternRewriteWalker,
    RewritePattern,
    op_type_rewrite_pattern,
)

from ivit_dialect.ops.attention import DELTA_MIN_DIVISOR, AttentionOp, DeltaSoftmaxAttr, ShiftmaxAttr
from ivit_dialect.ops.elementwise import RequantOp, RowRequantOp
from ivit_dialect.ops.linear import MatmulOp
from ivit_dialect.ops.nonlinear import ShiftmaxOp, SoftmaxOp
from ivit_dialect.ops.shape import MergeHeadsOp, SplitHeadsOp
from ivit_dialect.types import IntegerTensor, tensor_types
from passes.primitives import Primitives, with_element


def _delta_context(
    p: Primitives,
    scores: SSAValue,
    value: SSAValue,
    op: AttentionOp,
    softmax: DeltaSoftmaxAttr,
    out: IntegerType,
) -> SSAValue:
    assert op.table is not None, "the verifier asks for a table"
    multiplier, shift, dividend, context_shift = softmax.values()
    codes = SoftmaxOp(scores, op.table, op.multipliers or multiplier, shift)
    p.emit(codes)
    context = p.emit(MatmulOp(codes.codes, value, with_element(value, i32)))
    return p.emit(
        RowRequantOp(context, codes.sum, dividend, DELTA_MIN_DIVISOR, context_shift, with_element(value, out))
    )


def _shiftmax_context(
    p: Primitives, scores: SSAValue, value: SSAValue, softmax: ShiftmaxAttr, out: IntegerType
) -> SSAValue:
    multiplier, shift, x0, n, bits, context_multiplier, context_shift = softmax.values()
    narrowed = p.emit(RequantOp(scores, multiplier, shift, with_element(scores, i8)))
    probabilities = p.emit(ShiftmaxOp(narrowed, x0, n, bits, with_element(scores, i16)))
    context = p.emit(MatmulOp(probabilities, value, with_element(value, i32)))
    return p.emit(RequantOp(context, context_multiplier, context_shift, with_element(value, out)))


class _AttentionPattern(RewritePattern):
    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: AttentionOp, rewriter: PatternRewriter) -> None:
        p = Primitives(op)
        merged, output = tensor_types(op.query, op.output)
        batch, tokens, width = merged.get_shape()
        heads = op.heads.value.data
        split = (batch, heads, tokens, width // heads)
        query, key, value = (
            p.emit(SplitHeadsOp(x, TensorType(type_.element_type, split)))
            for x, type_ in zip(op.operands, tensor_types(op.query, op.key, op.value), strict=False)
        )
        scores_type: IntegerTensor = TensorType(i32, (batch, heads, tokens, tokens))
        scores = p.emit(MatmulOp(query, key, scores_type, transpose_b=True))
        if isinstance(op.softmax, DeltaSoftmaxAttr):
            context = _delta_context(p, scores, value, op, op.softmax, output.element_type)
        else:
            context = _shiftmax_context(p, scores, value, op.softmax, output.element_type)
        p.emit(MergeHeadsOp(context, output))
        rewriter.replace(op, p.ops)


@dataclass(frozen=True)
class DecomposeAttentionPass(ModulePass):
    """See the module's docstring."""

    name = "decompose-attention"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        PatternRewriteWalker(_AttentionPattern(), apply_recursively=False).rewrite_module(op)
