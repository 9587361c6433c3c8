"""New ops are where the op was that they replace, so that later refusals still point into the source."""

from __future__ import annotations

from dataclasses import dataclass

from xdsl.dialects.builtin import UnknownLoc
from xdsl.ir import Operation
from xdsl.pattern_rewriter import PatternRewriter, RewritePattern


@dataclass
class KeepLocation(RewritePattern):
    """Runs ``pattern`` and gives the ops that it inserts the matched op's location."""

    pattern: RewritePattern

    def match_and_rewrite(self, op: Operation, rewriter: PatternRewriter, /) -> None:
        location, inserted = op.location, list[Operation]()
        rewriter.operation_insertion_handler.append(inserted.append)
        try:
            self.pattern.match_and_rewrite(op, rewriter)
        finally:
            rewriter.operation_insertion_handler.remove(inserted.append)
        for new in inserted:
            if isinstance(new.location, UnknownLoc):
                new.location = location
