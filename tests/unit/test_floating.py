"""``ivit_float``: the simulated ops against sums and roots in Python, and rows that divide by nothing."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest

from ivit_dialect.interpreter import call
from ivit_dialect.load import parse_module
from ivit_dialect.reference.floating import Grid, float_gelu, float_layernorm, float_softmax
from ivit_dialect.store import StoreContext, WeightStore
from passes.quantization.scales import Scale
from passes.quantization.tables import gelu_table

INT8 = np.arange(-128, 128).astype(np.int8)
STEPS = [0.003, 0.02, 0.1, 0.7]


def nearest(value: float, scale: float, zero_point: int, low: int, high: int) -> int:
    return min(high, max(low, math.floor(value / scale + 0.5) + zero_point))


@pytest.mark.parametrize("step", STEPS)
def test_softmax(step: float) -> None:
    x = np.random.default_rng(1).integers(-3000, 3000, (5, 17)).astype(np.int32)
    x[0], x[1] = -(2**31), 2**31 - 1
    got = float_softmax(x, Grid(step), Grid(1 / 255), np.uint8)
    for row, result in zip(x.tolist(), got.tolist(), strict=True):
        exponentials = [math.exp(step * (value - max(row))) for value in row]
        total = math.fsum(exponentials)
        assert result == [nearest(e / total, 1 / 255, 0, 0, 255) for e in exponentials]


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("approximate", ["none", "tanh"])
def test_gelu_of_int8_is_the_table(step: float, approximate: str) -> None:
    """Both are GELU, rounded once: on the same integers they cannot differ."""
    source, target = Scale(step, -30), Scale(step / 2, 11)
    table = gelu_table(source, target, approximate)
    grids = Grid(source.step, source.zero_point), Grid(target.step, target.zero_point)
    got = float_gelu(INT8.reshape(16, 16), *grids, np.int8, approximate)
    np.testing.assert_array_equal(got.reshape(-1), table)


@pytest.mark.parametrize("epsilon", [0.0, 1e-6])
def test_layernorm(epsilon: float) -> None:
    rng = np.random.default_rng(2)
    x = rng.integers(-32768, 32768, (6, 24)).astype(np.int16)
    weight, bias = rng.normal(0, 2, 24), rng.normal(0, 2, 24)
    weight[:2], bias[2] = (0.0, -3.0), 1e6
    got = float_layernorm(x, weight, bias, epsilon, Grid(0.01, 7), Grid(0.02, -5), np.int8)
    for row, result in zip(x.tolist(), got.tolist(), strict=True):
        mean = Fraction(sum(row), len(row))
        variance = float(sum((value - mean) ** 2 for value in row) / len(row)) * 0.01**2 + epsilon
        want = [
            float(value - mean) * 0.01 / math.sqrt(variance) * w + b
            for value, w, b in zip(row, weight.tolist(), bias.tolist(), strict=True)
        ]
        assert result == [nearest(value, 0.02, -5, -128, 127) for value in want]


@pytest.mark.parametrize("epsilon", [0.0, 1e-6])
def test_layernorm_of_equal_values_is_the_bias(epsilon: float) -> None:
    x = np.repeat(np.array([[-32768], [0], [32767]], np.int16), 5, axis=1)
    bias = np.array([0.0, 1.0, -1.0, 0.25, 100.0])
    got = float_layernorm(x, np.full(5, 3.0), bias, epsilon, Grid(0.5), Grid(0.5), np.int8)
    assert got.tolist() == [[0, 2, -2, 1, 127]] * 3


TEXT = """
func.func @main(%x: tensor<?x4xi16>) -> tensor<?x4xui8> {
  %w = ivit_float.constant "w" : tensor<4xf64>
  %n = ivit_float.layernorm %x * %w + %w epsilon 0.0 scale 1.0 to 0.125
    : (tensor<?x4xi16>, tensor<4xf64>, tensor<4xf64>) -> tensor<?x4xi8>
  %g = ivit_float.gelu %n scale 0.125 to 0.0625 zero_point 1 approximate "none"
    : tensor<?x4xi8> -> tensor<?x4xi8>
  %y = ivit_float.softmax %g scale 0.0625 zero_point 1 to 0.00390625 : tensor<?x4xi8> -> tensor<?x4xui8>
  func.return %y : tensor<?x4xui8>
}
"""


def test_interpreter_runs_a_module() -> None:
    ctx = StoreContext(store=WeightStore({"w": np.array([1.0, 2.0, 0.0, -1.0])}))
    module = parse_module(TEXT, "test.mlir", ctx)
    x = np.array([[-3, -1, 1, 3], [9, 9, 9, 9]], np.int16)
    (got,) = call(module, ctx.store, (x,))
    # LayerNorm gives [-3, 9, 0, -19] / 8 and [8, 16, 0, -8] / 8,
    # GELU [-2, 16, 0, 0] / 16 and [13, 31, 0, -3] / 16
    assert got.tolist() == [[40, 124, 46, 46], [52, 161, 23, 19]]


def test_constants_are_float64() -> None:
    ctx = StoreContext(store=WeightStore({"w": np.ones(4)}))
    module = parse_module(TEXT, "test.mlir", ctx)
    x = np.zeros((1, 4), np.int16)
    with pytest.raises(ValueError, match="the weight store has no tensor 'w'"):
        call(module, WeightStore(), (x,))
    with pytest.raises(ValueError, match="'w': expected float64, got float32"):
        call(module, WeightStore({"w": np.ones(4, np.float32)}), (x,))
