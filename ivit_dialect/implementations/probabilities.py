"""The interpreter's implementations of probabilities in few bits, and of the product with their codes."""

from __future__ import annotations

from xdsl.interpreter import Interpreter, InterpreterFunctions, PythonValues, impl, register_impls

from ivit_dialect import reference
from ivit_dialect.implementations.ivit_ops import integer
from ivit_dialect.ops.shift_matmul import ShiftMatmulOp


@register_impls
class ProbabilityFunctions(InterpreterFunctions):
    """Softmaxes whose rows are divided at once, and ``shift_matmul``."""

    @impl(ShiftMatmulOp)
    def shift_matmul(self, interpreter: Interpreter, op: ShiftMatmulOp, args: PythonValues) -> PythonValues:
        return (reference.shift_matmul(args[0], args[1], args[2], integer(op.eta)),)
