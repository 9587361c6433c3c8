"""Softmax, GELU and LayerNorm in float64 between integer tensors: the ``ivit_float`` dialect.

Not integer arithmetic: the yardstick that the integer forms are measured by.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import DTypeLike, NDArray

from ivit_dialect.reference.ranges import IntegerArray, as_int64, integer_limits

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class Grid:
    """``real = scale * (integer - zero_point)``."""

    scale: float
    zero_point: int = 0

    def real(self, x: IntegerArray) -> FloatArray:
        """The numbers that the integers ``x`` stand for."""
        return self.scale * (as_int64(x) - self.zero_point).astype(np.float64)

    def nearest(self, y: FloatArray, out: DTypeLike) -> IntegerArray:
        """``y`` as integers, rounded half up and clamped to ``out``."""
        low, high = integer_limits(out)
        codes = np.floor(y / self.scale + 0.5) + self.zero_point
        return np.clip(codes, low, high).astype(out)


def float_softmax(x: IntegerArray, source: Grid, target: Grid, out: DTypeLike) -> IntegerArray:
    """Softmax over the last dimension."""
    real = source.real(x)
    exponentials = np.exp(real - real.max(axis=-1, keepdims=True))
    return target.nearest(exponentials / exponentials.sum(axis=-1, keepdims=True), out)


def float_gelu(x: IntegerArray, source: Grid, target: Grid, out: DTypeLike, approximate: str) -> IntegerArray:
    """GELU, ``approximate`` as in torch: "none" or "tanh"; each integer that occurs is computed once."""
    codes, where = np.unique(x, return_inverse=True)
    gate = _tanh_gate if approximate == "tanh" else _erf_gate
    values = np.array([value * gate(value) for value in source.real(codes).tolist()])
    return target.nearest(values, out)[where].reshape(x.shape)


def float_layernorm(
    x: IntegerArray,
    weight: FloatArray,
    bias: FloatArray,
    epsilon: float,
    source: Grid,
    target: Grid,
    out: DTypeLike,
) -> IntegerArray:
    """LayerNorm over the last dimension. Rows of equal values give ``bias``, with ``epsilon`` 0 too."""
    real = source.real(x)
    centred = real - real.mean(axis=-1, keepdims=True)
    variance = np.mean(centred * centred, axis=-1, keepdims=True) + epsilon
    normalised = centred / np.sqrt(np.where(variance > 0.0, variance, 1.0))
    return target.nearest(normalised * weight + bias, out)


def _erf_gate(x: float) -> float:
    return 0.5 * (1.0 + math.erf(x / math.sqrt(2.0)))


def _tanh_gate(x: float) -> float:
    return 0.5 * (1.0 + math.tanh(math.sqrt(2.0 / math.pi) * (x + 0.044715 * x**3)))
