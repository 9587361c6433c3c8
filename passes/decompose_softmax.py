"""``decompose-softmax``: ``ivit.softmax`` becomes row maximum, rescaling, lookup and row sum. Bit-exact."""

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

from ivit_dialect.ops.elementwise import LookupOp
from ivit_dialect.ops.nonlinear import SoftmaxOp
from ivit_dialect.types import ui8
from passes.primitives import Primitives, with_element

LAST_INDEX = 255


class _SoftmaxPattern(RewritePattern):
    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: SoftmaxOp, rewriter: PatternRewriter) -> None:
        p = Primitives(op)
        below = p.subi(p.row_max(op.input, i32), op.input, i64)
        product = p.muli(below, p.splat(op.multiplier.value.data), i64)
        index = p.rounding_shift_right(product, p.splat(op.shift.value.data), i64)
        # min(255, i) = 255 - max(0, 255 - i)
        last = p.splat(LAST_INDEX)
        room = p.maxi(p.subi(last, index, i64), p.splat(0), i64)
        codes = p.emit(LookupOp(p.subi(last, room, ui8), op.table, with_element(op.input, ui8)))
        total = p.row_sum(codes, i32)
        rewriter.replace(op, p.ops, [codes, total])


@dataclass(frozen=True)
class DecomposeSoftmaxPass(ModulePass):
    """See the module's docstring."""

    name = "decompose-softmax"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        PatternRewriteWalker(_SoftmaxPattern(), apply_recursively=False).rewrite_module(op)
