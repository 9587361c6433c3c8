"""Rewrites that keep what an op carries: where it came from, and attributes that no pass here knows."""

from __future__ import annotations

from dataclasses import dataclass

from xdsl.dialects.builtin import UnknownLoc
from xdsl.ir import Operation
from xdsl.pattern_rewriter import PatternRewriter, RewritePattern

from ivit_dialect.load import location_text

OWN_PREFIX = "ivit."
"""Of discardable attributes that state facts about the very op that carries them (``ivit.accumulator``)."""


@dataclass
class KeepLocation(RewritePattern):
    """Runs ``pattern`` and gives the ops that it inserts the matched op's location, if they have none."""

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


def replace_keeping(rewriter: PatternRewriter, op: Operation, new: Operation, *absorbed: Operation) -> None:
    """Replace ``op`` by ``new``, which also does the work of the ops ``absorbed``.

    ``new`` gets the discardable attributes and the location of all of them, see ``inherit``.
    """
    inherit(new, *absorbed, op)
    rewriter.replace(op, new)


def inherit(new: Operation, *sources: Operation) -> None:
    """Give ``new`` the first known location of ``sources``, and their discardable attributes.

    Where two have an attribute of one name the later one wins, and ``new``'s own over both. Facts about an
    op (``ivit.*``) go only to an op of its kind, for which they stay true: an epilogue does not change the
    accumulator before it.
    """
    own = dict(new.attributes)
    for source in sources:
        if isinstance(new.location, UnknownLoc):
            new.location = source.location
        for name, attribute in source.attributes.items():
            if not name.startswith(OWN_PREFIX) or type(source) is type(new):
                new.attributes[name] = attribute
    new.attributes.update(own)


def describe_result(op: Operation) -> str:
    """``op`` for messages: ``file:line: ivit.linear %block0_fc1``, as far as it has a location and a name."""
    where = "" if isinstance(op.location, UnknownLoc) else f"{location_text(op)}: "
    hint = op.results[0].name_hint if op.results else None
    return f"{where}{op.name}" if hint is None else f"{where}{op.name} %{hint}"
