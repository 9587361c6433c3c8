"""``decompose-shiftgelu``: ``ivit.shiftgelu`` becomes shifts, a row maximum, shiftexp, intdiv. Bit-exact."""

from __future__ import annotations

from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp, i16, i32
from xdsl.ir import SSAValue
from xdsl.passes import ModulePass
from xdsl.pattern_rewriter import (
    PatternRewriter,
    PatternRewriteWalker,
    RewritePattern,
    op_type_rewrite_pattern,
)

from ivit_dialect.ops.nonlinear import IntDivOp, ShiftExpOp, ShiftGeluOp
from ivit_dialect.reference.gelu import SIGMOID_BITS
from passes.primitives import Primitives, with_element


class _ShiftGeluPattern(RewritePattern):
    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: ShiftGeluOp, rewriter: PatternRewriter) -> None:
        p = Primitives(op)

        def shiftexp(value: SSAValue) -> SSAValue:
            exponential = ShiftExpOp(value, op.x0.value.data, op.n.value.data, with_element(value, i32))
            return p.emit(exponential)

        scaled: SSAValue = op.input
        for shift in (1, 3, 4):
            scaled = p.addi(scaled, p.shift_right(op.input, p.splat(shift), i32), i32)
        zero = p.splat(0)
        top = p.maxi(p.row_max(scaled, i32), zero, i32)
        exponentials = shiftexp(p.subi(scaled, top, i32))
        total = p.addi(exponentials, shiftexp(p.subi(zero, top, i32)), i32)
        sigmoid = p.emit(IntDivOp(exponentials, total, SIGMOID_BITS, with_element(exponentials, i32)))
        p.muli(op.input, sigmoid, i16)
        rewriter.replace(op, p.ops)


@dataclass(frozen=True)
class DecomposeShiftGeluPass(ModulePass):
    """See the module's docstring."""

    name = "decompose-shiftgelu"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        PatternRewriteWalker(_ShiftGeluPattern(), apply_recursively=False).rewrite_module(op)
