"""The interpreter's implementations of I-BERT's ops."""

from __future__ import annotations

from xdsl.interpreter import Interpreter, InterpreterFunctions, PythonValues, impl, register_impls

from ivit_dialect import reference
from ivit_dialect.implementations.ivit_ops import format_of, integer
from ivit_dialect.ops.ibert import IbertGeluOp, IbertLayerNormOp, IbertSoftmaxOp


@register_impls
class IbertFunctions(InterpreterFunctions):
    """Ops of the family ``ibert``."""

    @impl(IbertSoftmaxOp)
    def softmax(self, interpreter: Interpreter, op: IbertSoftmaxOp, args: PythonValues) -> PythonValues:
        polynomial = integer(op.x0), integer(op.b), integer(op.c), integer(op.n)
        return (reference.ibert_softmax(args[0], *polynomial, integer(op.bits), format_of(op.output)),)

    @impl(IbertGeluOp)
    def gelu(self, interpreter: Interpreter, op: IbertGeluOp, args: PythonValues) -> PythonValues:
        constants = integer(op.b), integer(op.c), integer(op.one), integer(op.shift)
        return (reference.ibert_gelu(args[0], *constants),)

    @impl(IbertLayerNormOp)
    def layernorm(self, interpreter: Interpreter, op: IbertLayerNormOp, args: PythonValues) -> PythonValues:
        shifts = integer(op.shift), integer(op.variance_shift)
        return (reference.ibert_layernorm(args[0], args[1], args[2], *shifts, format_of(op.output)),)
