"""The integer function run op by op, with values put in where the caller has better ones."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

from numpy.typing import NDArray
from xdsl.dialects.builtin import ModuleOp
from xdsl.dialects.func import ReturnOp
from xdsl.interpreter import Interpreter
from xdsl.ir import SSAValue

from ivit_dialect.entry import entry_function
from ivit_dialect.interpreter import interpreter_of
from ivit_dialect.store import WeightStore

Visit: TypeAlias = Callable[[SSAValue, NDArray[Any]], NDArray[Any] | None]
"""Gets a value as it was computed; what it returns, if anything, takes the value's place for later ops."""


class Runner:
    """Runs ``@main`` of a module, at a dynamic batch; values are dropped after their last use."""

    def __init__(self, module: ModuleOp, store: WeightStore) -> None:
        self._interpreter: Interpreter = interpreter_of(module, store)
        self._block = entry_function(module).body.block
        self._last = {operand: op for op in self._block.ops for operand in op.operands}

    @property
    def results(self) -> list[SSAValue]:
        """Every value that an op computes, in order."""
        return [result for op in self._block.ops for result in op.results]

    def run(self, images: NDArray[Any], visit: Visit) -> NDArray[Any]:
        """The result for integer images [N, H, W, C]; ``visit`` sees every tensor that an op computes."""
        values: dict[SSAValue, Any] = {self._block.args[0]: images}
        for op in self._block.ops:
            operands = tuple(values[operand] for operand in op.operands)
            if isinstance(op, ReturnOp):
                return operands[0]
            for result, value in zip(op.results, self._interpreter.run_op(op, operands), strict=True):
                better = visit(result, value)
                values[result] = value if better is None else better
            for operand in set(op.operands):
                if self._last[operand] is op:
                    del values[operand]
        raise ValueError("@main does not return")
