"""Removes ``ivit`` ops that a rewrite has left without users."""

from __future__ import annotations

from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Operation

from ivit_dialect.ops.elementwise import ConstantOp


def erase_dead(module: ModuleOp) -> None:
    """Remove ``ivit`` ops whose results nothing uses, users before producers."""
    for op in reversed(list(module.walk())):
        if op.name.startswith("ivit.") and _dead(op):
            op.detach()
            op.erase()


def erase_dead_constants(module: ModuleOp) -> None:
    """Remove ``ivit.constant`` ops that nothing uses."""
    for op in list(module.walk()):
        if isinstance(op, ConstantOp) and _dead(op):
            op.detach()
            op.erase()


def _dead(op: Operation) -> bool:
    return all(result.first_use is None for result in op.results)
