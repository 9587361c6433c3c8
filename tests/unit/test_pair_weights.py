"""``pair-weights`` on whole modules: other orders of channels, the same bits."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from test_compile import call as call_native
from xdsl.dialects.builtin import IntegerAttr, ModuleOp, StringAttr, i64
from xdsl.ir import Attribute
from xdsl.utils.exceptions import PassFailedException

from ivit_dialect.interpreter import run
from ivit_dialect.load import parse_module
from ivit_dialect.ops.elementwise import ConstantOp
from ivit_dialect.ops.linear import LinearOp
from ivit_dialect.store import StoreContext, WeightStore
from lowering.compile import compile_program
from lowering.kernels.gemm import EXTRA_STEPS
from lowering.pair_weights import PairWeightsPass
from lowering.plan_memory import PlanMemoryPass
from lowering.targets import host_targets, target_by_name

AVX2 = "x86-64-avx2"
WIDTH, HIDDEN = 16, 32
BLOCK = """
func.func @main(%image: tensor<?x5x16xi8>) -> tensor<?x5x16xi8> {{
  %w = ivit.constant "w" : tensor<16x16xi8>
  %b = ivit.constant "b" : tensor<16xi32>
  %m = ivit.constant "m" : tensor<16xi32>
  %one = ivit.constant "one" : tensor<1xi32>
  %w1 = ivit.constant "w1" : tensor<32x16xi8>
  %b1 = ivit.constant "b1" : tensor<32xi32>
  %m1 = ivit.constant "m1" : tensor<32xi32>
  %w2 = ivit.constant "w2" : tensor<16x32xi8>
  %exp = ivit.constant "exp.table" : tensor<256xui8>
  %gelu = ivit.constant "gelu.table" : tensor<256xi8>
  %q = ivit.linear %image, %w, %b requant(%m shift 38 : tensor<16xi32>)
    : (tensor<?x5x16xi8>, tensor<16x16xi8>, tensor<16xi32>) -> tensor<?x5x16xi8>
  %k = ivit.linear %image, %w, %b requant(%one shift 38 : tensor<1xi32>) zero_point 3
    : (tensor<?x5x16xi8>, tensor<16x16xi8>, tensor<16xi32>) -> tensor<?x5x16xi8>
  %v = ivit.linear %image, %w, %b requant(%m shift 37 : tensor<16xi32>) zero_point 5
    : (tensor<?x5x16xi8>, tensor<16x16xi8>, tensor<16xi32>) -> tensor<?x5x16xi8>
  %a = ivit.attention %q, %k, {value} heads 2
    softmax #ivit.delta_softmax<
      multiplier = 1717986918, shift = 38, dividend = 274877906944, context_shift = 38>
    table(%exp : tensor<256xui8>)
    : (tensor<?x5x16xi8>, tensor<?x5x16xi8>, tensor<?x5x16xi8>) -> tensor<?x5x16xi8>
  %y = ivit.linear %a, %w, %b requant(%m shift 38 : tensor<16xi32>)
    residual(%image * 1100000000 shift 31 : tensor<?x5x16xi8>)
    : (tensor<?x5x16xi8>, tensor<16x16xi8>, tensor<16xi32>) -> tensor<?x5x16xi8>
  %g = ivit.linear %y, %w1, %b1 requant(%m1 shift 38 : tensor<32xi32>)
    lookup(%gelu : tensor<256xi8>) zero_point -91
    : (tensor<?x5x16xi8>, tensor<32x16xi8>, tensor<32xi32>) -> tensor<?x5x32xi8>
  %z = ivit.linear %g, %w2, %b requant(%m shift 39 : tensor<16xi32>)
    : (tensor<?x5x32xi8>, tensor<16x32xi8>, tensor<16xi32>) -> tensor<?x5x16xi8>
  func.return %z : tensor<?x5x16xi8>
}}
"""


def weights(deviation: float) -> WeightStore:
    """Normal weights within [-127, 127]."""
    rng = np.random.default_rng(3)

    def normal(*shape: int) -> NDArray[np.int8]:
        return np.clip(np.round(rng.normal(0, deviation, shape)), -127, 127).astype(np.int8)

    def draw(low: int, high: int, kind: Any, *shape: int) -> NDArray[Any]:
        return rng.integers(low, high, shape, np.int64).astype(kind)

    return WeightStore(
        {
            "w": normal(WIDTH, WIDTH),
            "b": draw(-999, 999, np.int32, WIDTH),
            "m": draw(1 << 29, 1 << 30, np.int32, WIDTH),
            "one": np.array([1 << 29], np.int32),
            "w1": normal(HIDDEN, WIDTH),
            "b1": draw(-999, 999, np.int32, HIDDEN),
            "m1": draw(1 << 29, 1 << 30, np.int32, HIDDEN),
            "w2": normal(WIDTH, HIDDEN),
            "exp.table": np.round(255 * np.exp(-np.arange(256) / 24)).astype(np.uint8),
            "gelu.table": draw(-128, 128, np.int8, 256),
        }
    )


def parsed(deviation: float, value: str = "%v") -> tuple[ModuleOp, StoreContext]:
    ctx = StoreContext(store=weights(deviation))
    return parse_module(BLOCK.format(value=value), "test.mlir", ctx), ctx


def paired(deviation: float, value: str = "%v") -> tuple[ModuleOp, StoreContext]:
    module, ctx = parsed(deviation, value)
    PairWeightsPass(AVX2).apply(ctx, module)
    module.verify()
    return module, ctx


def images() -> NDArray[np.int8]:
    return np.random.default_rng(0).integers(-128, 128, (4, 5, WIDTH)).astype(np.int8)


def keys(module: ModuleOp, name: str) -> list[str]:
    """The constants of the linear called ``name``."""
    (op,) = (op for op in module.walk() if isinstance(op, LinearOp) and op.output.name_hint == name)
    owners = [operand.owner for operand in (op.weight, op.bias, op.multipliers) if operand is not None]
    return [owner.key.data for owner in owners if isinstance(owner, ConstantOp)]


@pytest.mark.parametrize("deviation", [20.0, 60.0])
def test_the_interpreter_sees_the_same_bits(deviation: float) -> None:
    module, ctx = parsed(deviation)
    expected = run(module, ctx.store, images())
    assert len(np.unique(expected)) > 50
    module, ctx = paired(deviation)
    np.testing.assert_array_equal(run(module, ctx.store, images()), expected)


def test_values_and_hidden_channels_are_ordered_and_nothing_else() -> None:
    module, _ = paired(60.0)
    assert keys(module, "q") == ["w", "b", "m"]
    assert keys(module, "k") == ["w", "b", "one"]
    # One constant of many readers: each that is ordered gets its own.
    assert keys(module, "v") == ["w.ordered_1", "b.ordered", "m.ordered"]
    assert keys(module, "y") == ["w.ordered", "b", "m"]
    assert keys(module, "g") == ["w1.ordered", "b1.ordered", "m1.ordered"]
    assert keys(module, "z") == ["w2.ordered", "b", "m"]


def test_values_that_are_read_elsewhere_stay_in_order() -> None:
    module, _ = paired(60.0, value="%k")
    assert keys(module, "k") == ["w", "b", "one"]
    assert keys(module, "y") == ["w", "b", "m"]


def test_few_further_steps_are_recorded_and_many_are_not() -> None:
    for deviation, expected in ((15.0, {IntegerAttr(0, i64)}), (200.0, {None})):
        module, _ = paired(deviation)
        found = {op.attributes.get(EXTRA_STEPS) for op in module.walk() if isinstance(op, LinearOp)}
        assert found == expected


@pytest.mark.parametrize("deviation", [20.0, 45.0, 60.0])
@pytest.mark.parametrize("target", [t.name for t in host_targets() if t.narrow_dot is not None])
def test_native_code_equals_the_interpreter(target: str, deviation: float) -> None:
    module, ctx = parsed(deviation)
    expected = run(module, ctx.store, images())
    module, ctx = parsed(deviation)
    program = compile_program(module, ctx, target_by_name(target))
    for threads in (1, 2):
        np.testing.assert_array_equal(call_native(program, images(), threads), expected)


def test_a_wrong_target_is_refused() -> None:
    module, ctx = parsed(20.0)
    with pytest.raises(PassFailedException, match="pair-weights: unknown target 'z80'"):
        PairWeightsPass("z80").apply(ctx, module)


def test_what_was_proven_of_other_weights_is_forgotten() -> None:
    module, ctx = paired(15.0)
    for key, array in weights(200.0).items():
        ctx.store[key] = array
    for key in [key for key in ctx.store if "ordered" in key]:
        ctx.store[key] = np.full(ctx.store[key].shape, 127, ctx.store[key].dtype)
    PairWeightsPass(AVX2).apply(ctx, module)
    assert not any(EXTRA_STEPS in op.attributes for op in module.walk())


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (StringAttr("few"), "i8"),
        (IntegerAttr(-1, i64), "i8"),
        (IntegerAttr(1 << 31, i64), "i8"),
        (IntegerAttr(0, i64), "i12"),
    ],
)
def test_attributes_that_the_pass_does_not_write_are_refused(value: Attribute, kind: str) -> None:
    text = f"""
func.func @main(%image: tensor<?x5x16x{kind}>) -> tensor<?x5x4xi32> {{
  %w = ivit.constant "w" : tensor<4x16xi8>
  %b = ivit.constant "b" : tensor<4xi32>
  %y = ivit.linear %image, %w, %b
    : (tensor<?x5x16x{kind}>, tensor<4x16xi8>, tensor<4xi32>) -> tensor<?x5x4xi32>
  func.return %y : tensor<?x5x4xi32>
}}
"""
    ctx = StoreContext(store=WeightStore({"w": np.ones((4, 16), np.int8), "b": np.zeros(4, np.int32)}))
    module = parse_module(text, "test.mlir", ctx)
    next(op for op in module.walk() if isinstance(op, LinearOp)).attributes[EXTRA_STEPS] = value
    with pytest.raises(
        PassFailedException, match=r"%y: 'ivit.extra_steps' must be an integer in \[0, 2\^31\)"
    ):
        PlanMemoryPass(AVX2).apply(ctx, module)
