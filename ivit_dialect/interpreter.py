"""Runs ``ivit`` modules on NumPy arrays, op by op, by the reference functions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray
from xdsl.dialects.builtin import ModuleOp, ShapedType
from xdsl.interpreter import Interpreter, PythonValues
from xdsl.ir import Operation

from ivit_dialect.entry import ENTRY, entry_function
from ivit_dialect.implementations.floating import FloatFunctions
from ivit_dialect.implementations.fqvit import FqvitFunctions
from ivit_dialect.implementations.functions import FunctionFunctions
from ivit_dialect.implementations.ibert import IbertFunctions
from ivit_dialect.implementations.ivit_ops import IvitFunctions, TensorFunctions, require_array
from ivit_dialect.implementations.l1 import L1Functions
from ivit_dialect.implementations.probabilities import ProbabilityFunctions
from ivit_dialect.load import location_text
from ivit_dialect.reference.ranges import IntegerArray
from ivit_dialect.store import WeightStore

Observer = Callable[[Operation, tuple[NDArray[Any], ...]], None]
"""Gets every op, in the order of execution, with its results."""


@dataclass
class Watch(Interpreter.Listener):
    """Checks results against the op's types, passes them on, and remembers the op at hand for errors."""

    observe: Observer | None
    current: Operation | None = None

    def will_interpret_op(self, op: Operation, args: PythonValues) -> None:
        self.current = op

    def did_interpret_op(self, op: Operation, results: PythonValues) -> None:
        for value, result in zip(results, op.results, strict=True):
            if isinstance(result.type, ShapedType):
                require_array(value, result.type, op.name)
        if self.observe is not None:
            self.observe(op, results)


def interpreter_of(module: ModuleOp, store: WeightStore, *listeners: Interpreter.Listener) -> Interpreter:
    """xDSL's interpreter with an implementation of every op that integer modules are made of."""
    interpreter = Interpreter(module, listeners=listeners)
    interpreter.register_implementations(FunctionFunctions())
    interpreter.register_implementations(TensorFunctions())
    interpreter.register_implementations(IvitFunctions(store))
    interpreter.register_implementations(ProbabilityFunctions())
    interpreter.register_implementations(IbertFunctions())
    interpreter.register_implementations(L1Functions())
    interpreter.register_implementations(FqvitFunctions())
    interpreter.register_implementations(FloatFunctions(store))
    return interpreter


def call(
    module: ModuleOp,
    store: WeightStore,
    args: tuple[IntegerArray, ...],
    *,
    function: str = ENTRY,
    observe: Observer | None = None,
) -> tuple[IntegerArray, ...]:
    """Call ``@function`` on ``args``, whose shapes and dtypes are those of its arguments.

    Raises ValueError for arguments or store entries of another type, OverflowError where an op's value leaves
    its documented range, InterpretationError for an op that the interpreter does not know.
    """
    entry = entry_function(module, function)
    inputs = entry.function_type.inputs.data
    if len(args) != len(inputs):
        raise ValueError(f"@{function} takes {len(inputs)} arguments, got {len(args)}")
    for index, (value, expected) in enumerate(zip(args, inputs, strict=True)):
        require_array(value, expected, f"argument {index} of @{function}")
    watch = Watch(observe)
    interpreter = interpreter_of(module, store, watch)
    try:
        return interpreter.call_op(entry, args)
    except (OverflowError, ValueError) as error:
        kind = OverflowError if isinstance(error, OverflowError) else ValueError
        where = "" if watch.current is None else f"{location_text(watch.current)}: "
        # Not chained: xDSL notes the text of the whole module on the original.
        raise kind(f"{where}{error}") from None


def run_all(module: ModuleOp, store: WeightStore, x: IntegerArray, observe: Observer) -> IntegerArray:
    """``run``, with ``observe(op, results)`` called after each op."""
    (result,) = call(module, store, (x,), observe=observe)
    return result


def run(module: ModuleOp, store: WeightStore, x: IntegerArray) -> IntegerArray:
    """The result of ``@main`` on integer images ``x`` [N, H, W, C]; raises what ``call`` raises."""
    (result,) = call(module, store, (x,))
    return result
