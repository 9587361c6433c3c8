"""Runs an integer function on torch tensors, op by op; bit for bit what the interpreter gives."""

# pyright: strict, reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# (torch is only partly typed)

from __future__ import annotations

import torch
from torch import Tensor
from xdsl.dialects.builtin import ModuleOp
from xdsl.dialects.func import FuncOp, ReturnOp
from xdsl.interpreter import Interpreter
from xdsl.ir import Operation, SSAValue

from ivit.qat.kernels import KERNELS
from ivit_dialect.interpreter import interpreter_of
from ivit_dialect.ops.elementwise import ConstantOp
from ivit_dialect.store import WeightStore

Values = dict[SSAValue, Tensor]


class Program:
    """The integer function ``function``, with its constants ``store``."""

    def __init__(self, function: FuncOp, store: WeightStore) -> None:
        self.function = function
        self.store = store
        self._interpreter: Interpreter | None = None

    def run(self, images: Tensor) -> tuple[Tensor, Values]:
        """The result for integer images [N, H, W, C], and every tensor on the way.

        ValueError for an op that has no integer form.
        """
        block = self.function.body.block
        values: Values = {block.args[0]: images}
        with torch.no_grad(), torch.autocast(images.device.type, enabled=False):
            for op in block.ops:
                if isinstance(op, ReturnOp):
                    return values[op.arguments[0]], values
                results = self._run(op, tuple(values[operand] for operand in op.operands), images.device)
                values.update(zip(op.results, results, strict=True))
        raise ValueError("the function does not return")

    def _run(self, op: Operation, args: tuple[Tensor, ...], device: torch.device) -> tuple[Tensor, ...]:
        if isinstance(op, ConstantOp):
            return (torch.from_numpy(self.store[op.key.data]).to(device),)
        kernel = KERNELS.get(type(op))
        if kernel is None:
            return self._interpret(op, args, device)
        result = kernel(op, *args)
        return result if isinstance(result, tuple) else (result,)

    def _interpret(self, op: Operation, args: tuple[Tensor, ...], device: torch.device) -> tuple[Tensor, ...]:
        """By the NumPy reference."""
        if self._interpreter is None:
            self._interpreter = interpreter_of(ModuleOp([]), self.store)
        arrays = tuple(arg.cpu().numpy() for arg in args)
        results = self._interpreter.run_op(op, arrays)
        return tuple(torch.from_numpy(result).to(device) for result in results)
