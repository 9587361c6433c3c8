"""``decompose-i-layernorm``: ``ivit.i_layernorm`` becomes row sums, Newton's root and affine. Bit-exact."""

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
from ivit_dialect.ops.nonlinear import INT32_MAX, ILayerNormOp, NewtonSqrtOp
from ivit_dialect.types import tensor_types
from passes.primitives import Primitives, with_element


class _ILayerNormPattern(RewritePattern):
    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: ILayerNormOp, rewriter: PatternRewriter) -> None:
        p = Primitives(op)
        x, output = tensor_types(op.input, op.output)
        channels = x.get_shape()[-1]
        doubled = p.muli(p.row_sum(op.input, i64), p.splat(2), i64)
        mean = p.floor_div(p.addi(doubled, p.splat(channels), i64), p.splat(2 * channels), i32)
        centred = p.subi(op.input, mean, i32)
        squares = p.row_sum(p.muli(centred, centred, i64), i64)
        root = p.emit(NewtonSqrtOp(squares, with_element(squares, i64)))
        reciprocal = p.floor_div(p.splat(INT32_MAX), root, i64)
        normalised = p.shift_right(p.muli(centred, reciprocal, i64), p.splat(1), i32)
        p.emit(AffineOp(normalised, op.scale, op.offset, op.shift.value.data, output))
        rewriter.replace(op, p.ops)


@dataclass(frozen=True)
class DecomposeILayerNormPass(ModulePass):
    """See the module's docstring."""

    name = "decompose-i-layernorm"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        PatternRewriteWalker(_ILayerNormPattern(), apply_recursively=False).rewrite_module(op)
