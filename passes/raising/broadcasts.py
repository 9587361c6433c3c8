"""Operands that are broadcast before an elementwise op, which broadcasts by itself."""

from __future__ import annotations

from xdsl.ir import Operation, SSAValue
from xdsl.pattern_rewriter import PatternRewriter, RewritePattern

from ivit_dialect.torch.ops_pointwise import (
    AtenAddTensorOp,
    AtenDivTensorOp,
    AtenMulTensorOp,
    AtenSubTensorOp,
)
from ivit_dialect.torch.ops_shape import AtenBroadcastToOp
from passes.raising.build import Sizes, sizes_of

ELEMENTWISE = (AtenAddTensorOp, AtenSubTensorOp, AtenMulTensorOp, AtenDivTensorOp)


class DropBroadcast(RewritePattern):
    """``x - broadcast_to(mean)`` is ``x - mean`` where the other operand alone has the result's sizes."""

    def match_and_rewrite(self, op: Operation, rewriter: PatternRewriter, /) -> None:
        if not isinstance(op, ELEMENTWISE):
            return
        operands = [op.input, op.other]
        for index, other in ((1, op.input), (0, op.other)):
            broadcast = operands[index].owner
            if not isinstance(broadcast, AtenBroadcastToOp) or sizes_of(other) != sizes_of(op.result):
                continue
            if not _aligned(broadcast.input, sizes_of(op.result)):
                continue
            operands[index] = broadcast.input
            changed = type(op).create(operands=[*operands, *op.operands[2:]], result_types=[op.result.type])
            rewriter.replace(op, changed)
            return


def _aligned(value: SSAValue, sizes: Sizes) -> bool:
    """Whether each size of ``value``, from the last on, is 1 or that of ``sizes``."""
    own = sizes_of(value)
    return len(own) <= len(sizes) and all(
        size in (1, wanted) for size, wanted in zip(reversed(own), reversed(sizes), strict=False)
    )
