"""The interpreter's implementation of L1 LayerNorm."""

from __future__ import annotations

from xdsl.interpreter import Interpreter, InterpreterFunctions, PythonValues, impl, register_impls

from ivit_dialect import reference
from ivit_dialect.implementations.ivit_ops import format_of, integer
from ivit_dialect.ops.l1 import L1LayerNormOp


@register_impls
class L1Functions(InterpreterFunctions):
    """Ops of the family ``l1``."""

    @impl(L1LayerNormOp)
    def l1_layernorm(self, interpreter: Interpreter, op: L1LayerNormOp, args: PythonValues) -> PythonValues:
        return (reference.l1_layernorm(args[0], args[1], args[2], integer(op.shift), format_of(op.output)),)
