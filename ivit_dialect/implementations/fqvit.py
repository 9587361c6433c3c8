"""The interpreter's implementations of FQ-ViT's ops."""

from __future__ import annotations

from xdsl.interpreter import Interpreter, InterpreterFunctions, PythonValues, impl, register_impls

from ivit_dialect import reference
from ivit_dialect.implementations.ivit_ops import format_of, integer
from ivit_dialect.ops.fqvit import LogIntSoftmaxOp, PtfLayerNormOp


@register_impls
class FqvitFunctions(InterpreterFunctions):
    """Ops of the family ``fqvit``."""

    @impl(LogIntSoftmaxOp)
    def log_int_softmax(
        self, interpreter: Interpreter, op: LogIntSoftmaxOp, args: PythonValues
    ) -> PythonValues:
        constants = (integer(prop) for prop in (op.x0, op.b, op.c, op.n, op.bits))
        return (reference.log_int_softmax(args[0], *constants),)

    @impl(PtfLayerNormOp)
    def ptf_layernorm(self, interpreter: Interpreter, op: PtfLayerNormOp, args: PythonValues) -> PythonValues:
        x, factors, scale, offset = args
        constants = integer(op.shift), integer(op.zero_point), integer(op.epsilon)
        return (reference.ptf_layernorm(x, factors, scale, offset, *constants, format_of(op.output)),)
