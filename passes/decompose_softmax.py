"""``decompose-softmax``: row maximum, rescaling, lookup and row sum. Bit-exact.

``ivit.normalized_softmax`` goes the same way, and on to a ``row_requant``; ``ivit.threshold_softmax``
stays: its comparisons are no primitives of the dialect.
"""

from __future__ import annotations

from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp, i32, i64
from xdsl.ir import SSAValue
from xdsl.passes import ModulePass
from xdsl.pattern_rewriter import (
    GreedyRewritePatternApplier,
    PatternRewriter,
    PatternRewriteWalker,
    RewritePattern,
    op_type_rewrite_pattern,
)

from ivit_dialect.ops.elementwise import LookupOp, RowRequantOp
from ivit_dialect.ops.nonlinear import SoftmaxOp
from ivit_dialect.ops.probabilities import ONE_Q16, NormalizedSoftmaxOp, unit_shift
from ivit_dialect.types import tensor_types, ui8
from passes.primitives import Primitives, with_element

LAST_INDEX = 255


def table_index(p: Primitives, op: SoftmaxOp | NormalizedSoftmaxOp) -> SSAValue:
    """``min(255, ((max(x) - x) * b + 2^(c-1)) >> c)`` in ui8."""
    below = p.subi(p.row_max(op.input, i32), op.input, i64)
    product = p.muli(below, _multiplier(p, op), i64)
    index = p.rounding_shift_right(product, p.splat(op.shift.value.data), i64)
    # min(255, i) = 255 - max(0, 255 - i)
    last = p.splat(LAST_INDEX)
    room = p.maxi(p.subi(last, index, i64), p.splat(0), i64)
    return p.subi(last, room, ui8)


def _multiplier(p: Primitives, op: SoftmaxOp | NormalizedSoftmaxOp) -> SSAValue:
    """As it broadcasts over the scores."""
    if op.multipliers is None:
        assert op.multiplier is not None, "the verifier asks for one of the two"
        return p.splat(op.multiplier.value.data)
    return op.multipliers


class _SoftmaxPattern(RewritePattern):
    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: SoftmaxOp, rewriter: PatternRewriter) -> None:
        p = Primitives(op)
        codes = p.emit(LookupOp(table_index(p, op), op.table, with_element(op.input, ui8)))
        total = p.row_sum(codes, i32)
        rewriter.replace(op, p.ops, [codes, total])


class _NormalizedSoftmaxPattern(RewritePattern):
    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: NormalizedSoftmaxOp, rewriter: PatternRewriter) -> None:
        p, unit = Primitives(op), op.unit.value.data
        exponentials = p.emit(LookupOp(table_index(p, op), op.table, with_element(op.input, i32)))
        (output,) = tensor_types(op.output)
        # Of any int32 the sum might not fit 32 bits; of exponentials it does.
        total = p.addi(p.row_sum(exponentials, i64), p.splat(0), i32)
        shift = unit_shift(unit)
        p.emit(RowRequantOp(exponentials, total, unit << shift, ONE_Q16, shift, output))
        rewriter.replace(op, p.ops)


@dataclass(frozen=True)
class DecomposeSoftmaxPass(ModulePass):
    """See the module's docstring."""

    name = "decompose-softmax"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        patterns = GreedyRewritePatternApplier([_SoftmaxPattern(), _NormalizedSoftmaxPattern()])
        PatternRewriteWalker(patterns, apply_recursively=False).rewrite_module(op)
