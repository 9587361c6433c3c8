"""``decompose-shiftmax``: ``ivit.shiftmax`` becomes row maximum, shiftexp, row sum and intdiv. Bit-exact."""

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

from ivit_dialect.ops.nonlinear import IntDivOp, ShiftExpOp, ShiftmaxOp
from ivit_dialect.types import tensor_types
from passes.primitives import Primitives, with_element


class _ShiftmaxPattern(RewritePattern):
    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: ShiftmaxOp, rewriter: PatternRewriter) -> None:
        p = Primitives(op)
        x0, n, bits = op.x0.value.data, op.n.value.data, op.bits.value.data
        below = p.subi(op.input, p.row_max(op.input, i32), i32)
        exponentials = p.emit(ShiftExpOp(below, x0, n, with_element(below, i32)))
        # The verifier of shiftmax bounds the sum by int32; the maximum with 1 only narrows it.
        total = p.maxi(p.row_sum(exponentials, i64), p.splat(1), i32)
        quotient = p.emit(IntDivOp(exponentials, total, bits, with_element(below, i32)))
        (output,) = tensor_types(op.output)
        p.addi(quotient, p.splat(0), output.element_type)
        rewriter.replace(op, p.ops)


@dataclass(frozen=True)
class DecomposeShiftmaxPass(ModulePass):
    """See the module's docstring."""

    name = "decompose-shiftmax"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        PatternRewriteWalker(_ShiftmaxPattern(), apply_recursively=False).rewrite_module(op)
