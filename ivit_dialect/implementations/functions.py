"""Functions in the interpreter: calls and returns.

xDSL has the same, in a package that imports an interpreter and the dialects of every machine it knows, which
takes longer than all of a small compilation's own imports.
"""

from __future__ import annotations

from xdsl.dialects import func
from xdsl.interpreter import (
    Interpreter,
    InterpreterFunctions,
    PythonValues,
    ReturnedValues,
    TerminatorValue,
    impl,
    impl_callable,
    impl_terminator,
    register_impls,
)


@register_impls
class FunctionFunctions(InterpreterFunctions):
    """``func.func``, ``func.call`` and ``func.return``."""

    @impl_callable(func.FuncOp)
    def enter(self, interpreter: Interpreter, op: func.FuncOp, args: PythonValues) -> PythonValues:
        if not op.body.blocks:
            return interpreter.call_external(op.sym_name.data, op, args)
        return interpreter.run_ssacfg_region(op.body, args, op.sym_name.data)

    @impl(func.CallOp)
    def call(self, interpreter: Interpreter, op: func.CallOp, args: PythonValues) -> PythonValues:
        return interpreter.call_op(op.callee, args)

    @impl_terminator(func.ReturnOp)
    def leave(
        self, interpreter: Interpreter, op: func.ReturnOp, args: PythonValues
    ) -> tuple[TerminatorValue, PythonValues]:
        return ReturnedValues(args), ()
