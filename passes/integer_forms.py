"""What ``quantize`` cannot take, found before a float run: ops without an integer form, causal attention."""

from __future__ import annotations

from xdsl.dialects.func import FuncOp, ReturnOp
from xdsl.ir import Operation, SSAValue

from ivit_dialect.torch.constants import constant_bool
from ivit_dialect.torch.ops_nn import AtenScaledDotProductAttentionOp
from passes.graph.movement import MOVEMENT
from passes.graph.trace_ops import HANDLERS
from passes.ranges import describe
from passes.wording import CAUSAL, NO_INTEGER_FORM


def check_integer_forms(function: FuncOp) -> None:
    """ValueError, one line with op and location, at the first op on activations that has no integer form."""
    activations: set[SSAValue] = set(function.body.block.args)
    for op in function.body.block.ops:
        if activations.isdisjoint(op.operands):
            continue
        why = _why_not(op)
        if why is not None:
            raise ValueError(f"{describe(op)}: {why}")
        activations.update(op.results)


def _why_not(op: Operation) -> str | None:
    if not isinstance(op, (*HANDLERS, *MOVEMENT, ReturnOp)):
        return NO_INTEGER_FORM
    if isinstance(op, AtenScaledDotProductAttentionOp) and constant_bool(op.is_causal):
        return CAUSAL
    return None
