"""The interpreter's implementations of probabilities in few bits, and of the product with their codes."""

from __future__ import annotations

from xdsl.interpreter import Interpreter, InterpreterFunctions, PythonValues, impl, register_impls

from ivit_dialect import reference
from ivit_dialect.implementations.ivit_ops import format_of, integer
from ivit_dialect.ops.probabilities import NormalizedSoftmaxOp, ThresholdSoftmaxOp
from ivit_dialect.ops.shift_matmul import ShiftMatmulOp


@register_impls
class ProbabilityFunctions(InterpreterFunctions):
    """Softmaxes whose rows are divided at once, and ``shift_matmul``."""

    @impl(NormalizedSoftmaxOp)
    def normalized_softmax(
        self, interpreter: Interpreter, op: NormalizedSoftmaxOp, args: PythonValues
    ) -> PythonValues:
        multiplier = integer(op.multiplier) if op.multipliers is None else args[2]
        constants = integer(op.shift), integer(op.unit), format_of(op.output)
        return (reference.normalized_softmax(args[0], args[1], multiplier, *constants),)

    @impl(ThresholdSoftmaxOp)
    def threshold_softmax(
        self, interpreter: Interpreter, op: ThresholdSoftmaxOp, args: PythonValues
    ) -> PythonValues:
        multiplier = integer(op.multiplier) if op.multipliers is None else args[3]
        constants = integer(op.shift), format_of(op.output)
        return (reference.threshold_softmax(args[0], args[1], args[2], multiplier, *constants),)

    @impl(ShiftMatmulOp)
    def shift_matmul(self, interpreter: Interpreter, op: ShiftMatmulOp, args: PythonValues) -> PythonValues:
        return (reference.shift_matmul(args[0], args[1], args[2], integer(op.eta)),)
