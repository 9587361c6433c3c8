"""``decompose-layernorm``: ``ivit.layernorm`` becomes row sums, rsqrt, a shift and affine. Bit-exact."""

from __future__ import annotations

from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp, i32, i64
from xdsl.passes import ModulePass
from xdsl.pattern_rewriter import (
    PatternRewriter,
    PatternRewriteWalker,
    RewritePattern,
    op_type_rewrite_pattern,
)

from ivit_dialect.ops.elementwise import AffineOp
from ivit_dialect.ops.nonlinear import LAYERNORM_FRACTION_BITS, LayerNormOp, RsqrtOp
from ivit_dialect.types import tensor_types
from passes.primitives import Primitives, with_element


class _LayerNormPattern(RewritePattern):
    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: LayerNormOp, rewriter: PatternRewriter) -> None:
        p = Primitives(op)
        x, output = tensor_types(op.input, op.output)
        channels = p.splat(x.get_shape()[-1])
        total = p.row_sum(op.input, i64)
        squares = p.row_sum(p.muli(op.input, op.input, i32), i64)
        spread = p.subi(p.muli(squares, channels, i64), p.muli(total, total, i64), i64)
        variance = p.addi(spread, p.splat(op.epsilon.value.data), i64)
        root = RsqrtOp(variance, with_element(variance, i64))
        p.emit(root)
        centred = p.subi(p.muli(op.input, channels, i64), total, i64)
        shift = p.subi(root.exponent, p.splat(LAYERNORM_FRACTION_BITS), i64)
        normalised = p.rounding_shift_right(p.muli(centred, root.mantissa, i64), shift, i32)
        p.emit(AffineOp(normalised, op.scale, op.offset, op.shift.value.data, output))
        rewriter.replace(op, p.ops)


@dataclass(frozen=True)
class DecomposeLayerNormPass(ModulePass):
    """See the module's docstring."""

    name = "decompose-layernorm"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        PatternRewriteWalker(_LayerNormPattern(), apply_recursively=False).rewrite_module(op)
