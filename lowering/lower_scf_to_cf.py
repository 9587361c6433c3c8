"""``lower-scf-to-cf``: structured control flow to branches.

xDSL's ``convert-scf-to-cf`` with ``scf.while`` added; the loops must go together, since one of them lowered
inside another leaves a body of several blocks, which is not valid IR.
"""

from __future__ import annotations

from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects import cf, scf
from xdsl.dialects.builtin import ModuleOp
from xdsl.passes import ModulePass
from xdsl.pattern_rewriter import (
    GreedyRewritePatternApplier,
    PatternRewriter,
    PatternRewriteWalker,
    RewritePattern,
    op_type_rewrite_pattern,
)
from xdsl.rewriter import BlockInsertPoint, InsertPoint
from xdsl.transforms.convert_scf_to_cf import ForLowering, IfLowering, SwitchLowering

from lowering.dialect_conversion import refuse_rest


class WhileLowering(RewritePattern):
    """``before`` decides and hands its values to ``after`` or, at the end, to what follows; then back."""

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: scf.WhileOp, rewriter: PatternRewriter) -> None:
        init_block = op.parent
        before, after = op.before_region.first_block, op.after_region.first_block
        before_end, after_end = op.before_region.last_block, op.after_region.last_block
        assert init_block is not None
        assert before is not None
        assert after is not None
        assert before_end is not None
        assert after_end is not None
        condition, back = before_end.last_op, after_end.last_op
        assert isinstance(condition, scf.ConditionOp)
        assert isinstance(back, scf.YieldOp)

        end_block = init_block.split_before(op)
        rewriter.inline_region(op.before_region, BlockInsertPoint.before(end_block))
        rewriter.inline_region(op.after_region, BlockInsertPoint.before(end_block))
        rewriter.insert(cf.BranchOp(before, *op.arguments), InsertPoint.at_end(init_block))
        values = condition.args
        rewriter.replace(op, [], values)
        rewriter.replace(condition, cf.ConditionalBranchOp(condition.condition, after, values, end_block, ()))
        rewriter.replace(back, cf.BranchOp(before, *back.arguments))


@dataclass(frozen=True)
class LowerScfToCfPass(ModulePass):
    """Lowers ``scf.for``, ``scf.if``, ``scf.while`` and ``scf.index_switch`` to ``cf``."""

    name = "lower-scf-to-cf"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        patterns = GreedyRewritePatternApplier(
            [SwitchLowering(), IfLowering(), ForLowering(), WhileLowering()], dce_enabled=False
        )
        PatternRewriteWalker(patterns).rewrite_module(op)
        refuse_rest(op, "scf", lambda _: "kernels are sequential inside a thread; use scf.for")
