"""The interpreter's implementations of ``ivit_float``: a simulation, not integer arithmetic."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from xdsl.interpreter import Interpreter, InterpreterFunctions, PythonValues, impl, register_impls

from ivit_dialect.implementations.ivit_ops import format_of, integer
from ivit_dialect.ops.floating import (
    FloatConstantOp,
    FloatGeluOp,
    FloatLayerNormOp,
    FloatOp,
    FloatSoftmaxOp,
)
from ivit_dialect.reference.floating import Grid, float_gelu, float_layernorm, float_softmax
from ivit_dialect.store import WeightStore


@register_impls
@dataclass
class FloatFunctions(InterpreterFunctions):
    """Every op of the dialect; ``store`` holds LayerNorm's weights."""

    store: WeightStore

    @impl(FloatConstantOp)
    def constant(self, interpreter: Interpreter, op: FloatConstantOp, args: PythonValues) -> PythonValues:
        key = op.key.data
        if key not in self.store:
            raise ValueError(f"ivit_float.constant: the weight store has no tensor {key!r}")
        array: NDArray[Any] = self.store[key]
        if array.dtype != np.float64:
            raise ValueError(f"ivit_float.constant {key!r}: expected float64, got {array.dtype}")
        return (array,)

    @impl(FloatSoftmaxOp)
    def softmax(self, interpreter: Interpreter, op: FloatSoftmaxOp, args: PythonValues) -> PythonValues:
        return (float_softmax(args[0], *_grids(op), format_of(op.output)),)

    @impl(FloatGeluOp)
    def gelu(self, interpreter: Interpreter, op: FloatGeluOp, args: PythonValues) -> PythonValues:
        return (float_gelu(args[0], *_grids(op), format_of(op.output), op.approximate.data),)

    @impl(FloatLayerNormOp)
    def layernorm(self, interpreter: Interpreter, op: FloatLayerNormOp, args: PythonValues) -> PythonValues:
        x, weight, bias = args
        epsilon = op.epsilon.value.data
        return (float_layernorm(x, weight, bias, epsilon, *_grids(op), format_of(op.output)),)


def _grids(op: FloatOp) -> tuple[Grid, Grid]:
    """Of input and output."""
    source = Grid(op.input_scale.value.data, integer(op.input_zero_point))
    return source, Grid(op.output_scale.value.data, integer(op.output_zero_point))
