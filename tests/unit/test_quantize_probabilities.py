"""Codes of probabilities from data, bounds on what they weigh, and models whose attention has them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from test_compile import call
from test_quantize_models import EXACT, lower
from torch_exports import plain_text
from xdsl.dialects import test
from xdsl.dialects.builtin import IntegerType, Signedness, TensorType, i8, i32
from xdsl.ir import SSAValue
from xdsl.passes import PassPipeline

from ivit_dialect.load import module_text
from ivit_dialect.ops.elementwise import ConstantOp
from ivit_dialect.ops.probabilities import ThresholdSoftmaxOp
from ivit_dialect.ops.shift_matmul import ShiftMatmulOp
from ivit_dialect.reference import threshold_softmax
from ivit_dialect.reference.shift_matmul import shift_weights
from ivit_dialect.store import WeightStore
from ivit_dialect.types import i64_attr
from lowering.compile import compile_program
from lowering.targets import host_target
from passes.bounds import Bound, shift_matmul_bound
from passes.pipelines import FUSE
from passes.quantization.dyadic import NumberError
from passes.quantization.log_codes import LogCodes, log2_codes, log2_parameters, squared_error
from passes.quantization.options import QuantizeOptions
from passes.quantization.recipes import resolve
from passes.quantization.sulq import ETA_EXPONENTS, default_sulq, sulq_codes, sulq_parameters
from passes.quantization.tables import exponential_table
from passes.registry import get_passes

ALL_BITS = [2, 3, 4, 5, 8]


def softmax_rows(spread: float) -> NDArray[np.float64]:
    scores = np.random.default_rng(0).normal(0, spread, (60, 197))
    e = np.exp(scores - scores.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


@pytest.mark.parametrize("bits", ALL_BITS)
@pytest.mark.parametrize("spread", [0.1, 2.0, 8.0])
def test_parameters_are_the_best_of_their_grid(bits: int, spread: float) -> None:
    p = softmax_rows(spread)
    fitted, log2 = sulq_parameters(p, bits), log2_parameters(p, bits)
    low, high = float(p.min()), float(p.max())
    candidates = [sulq_codes(bits, 2.0**-e, low, high) for e in ETA_EXPONENTS]
    assert squared_error(fitted, p) == min(squared_error(codes, p) for codes in candidates)
    assert fitted.eta in {2.0**-e for e in ETA_EXPONENTS}
    choices = [log2_codes(bits, zero=zero) for zero in (True, False)]
    assert squared_error(log2, p) == min(squared_error(codes, p) for codes in choices)


@pytest.mark.parametrize("bits", ALL_BITS)
def test_codes_without_data_fit_the_ops(bits: int) -> None:
    for codes in (log2_codes(bits), default_sulq(bits), *(sulq_codes(bits, 2.0**-e) for e in ETA_EXPONENTS)):
        assert len(codes.shifts()) == 1 << bits
        assert len(codes.integer_thresholds()) == (1 << bits) - 1
        assert np.all(np.diff(codes.thresholds) <= 0)
        scores, values = (TensorType(kind, (1, 1, 5, 5)) for kind in (i32, i8))
        softmax = ThresholdSoftmaxOp(
            made(scores),
            made(TensorType(i32, (256,))),
            made(TensorType(i32, codes.thresholds.shape)),
            3,
            5,
            TensorType(IntegerType(bits, Signedness.UNSIGNED), (1, 1, 5, 5)),
        )
        softmax.verify()
        eta = codes.integer_eta()
        shifts = made(TensorType(i8, (1 << bits,)))
        product = ShiftMatmulOp(
            softmax.output, made(values), shifts, scores, eta=i64_attr(eta) if eta else None
        )
        product.verify()


def made(type_: TensorType[IntegerType]) -> SSAValue:
    return test.TestOp(result_types=[type_]).results[0]


@pytest.mark.parametrize(
    ("probabilities", "bits", "message"),
    [
        (np.zeros(0), 4, "there are no probabilities"),
        (np.array([0.1, np.nan]), 4, "probabilities must lie in"),
        (np.array([0.1, 1.1]), 4, "probabilities must lie in"),
        (np.array([-0.1, 1.0]), 4, "probabilities must lie in"),
        (np.array([0.1, 0.9]), 1, "codes of probabilities have 2 to 8 bits, got 1"),
        (np.array([0.1, 0.9]), 9, "codes of probabilities have 2 to 8 bits, got 9"),
    ],
)
def test_what_is_no_sample_is_refused(probabilities: NDArray[np.float64], bits: int, message: str) -> None:
    for parameters in (sulq_parameters, log2_parameters):
        with pytest.raises(NumberError, match=message):
            parameters(probabilities, bits)


def test_equal_probabilities_are_a_sample() -> None:
    for value in (0.0, 0.005, 1.0):
        codes = sulq_parameters(np.full(50, value), 4)
        assert codes.levels[codes.encode(np.array([value]))][0] == pytest.approx(value, abs=0.01)


def bound_of(codes: LogCodes, terms: int, thresholds: NDArray[np.int32] | None = None) -> Bound:
    store = WeightStore({"thresholds": codes.integer_thresholds(), "shifts": codes.shifts()})
    if thresholds is not None:
        store["thresholds"] = thresholds
    scores = TensorType(i32, (1, 1, 3, terms))
    softmax = ThresholdSoftmaxOp(
        made(scores),
        made(TensorType(i32, (256,))),
        ConstantOp("thresholds", TensorType(i32, store["thresholds"].shape)),
        3,
        5,
        TensorType(IntegerType(8, Signedness.UNSIGNED), (1, 1, 3, terms)),
    )
    shifts = ConstantOp("shifts", TensorType(i8, store["shifts"].shape))
    eta = codes.integer_eta()
    values, result = TensorType(i8, (1, 1, terms, 4)), TensorType(i32, (1, 1, 3, 4))
    product = ShiftMatmulOp(softmax.output, made(values), shifts, result, eta=i64_attr(eta) if eta else None)
    return shift_matmul_bound(product, store)


@settings(max_examples=60, deadline=None)
@given(
    st.integers(0, 2**32 - 1),
    st.sampled_from([1, 3, 50, 4096]),
    st.sampled_from([2, 3, 4]),
    st.sampled_from(["log2", "sulq"]),
    st.integers(0, 10),
    st.floats(0, 200),
)
def test_no_row_weighs_more_than_its_bound(
    seed: int, terms: int, bits: int, kind: str, eta: int, spread: float
) -> None:
    codes = log2_codes(bits) if kind == "log2" else sulq_codes(bits, 2.0**-eta)
    x = np.rint(np.random.default_rng(seed).normal(0, spread, (40, terms))).astype(np.int32)
    coded = threshold_softmax(x, exponential_table(), codes.integer_thresholds(), 1, 1, np.uint8)
    weights = shift_weights(codes.shifts(), codes.integer_eta())[coded]
    least, greatest = bound_of(codes, terms)
    most, fewest = np.maximum(weights, 0).sum(axis=-1), np.maximum(-weights, 0).sum(axis=-1)
    # The values that make the most of it: -128 and 127 by the sign of the weight.
    assert least <= int((-128 * most - 127 * fewest).min())
    assert int((127 * most + 128 * fewest).max()) <= greatest


def test_bounds_hold_4096_tokens() -> None:
    for codes in (
        log2_codes(4),
        log2_codes(3),
        default_sulq(4),
        *(sulq_codes(4, 2.0**-e) for e in range(11)),
    ):
        least, greatest = bound_of(codes, 4096)
        assert -(1 << 31) <= least < 0 < greatest < 1 << 31


def test_bounds_without_order_are_those_of_any_code() -> None:
    codes = log2_codes(4)
    shuffled = codes.integer_thresholds()[::-1].copy()
    assert bound_of(codes, 100, shuffled) == (-128 * 100 << 14, 127 * 100 << 14)
    assert bound_of(codes, 100)[1] < 127 * 100 << 14


def test_bounds_with_more_or_fewer_shifts_than_codes() -> None:
    """Shifts that no code has count for nothing; codes without a shift break a condition of the op."""
    codes = log2_codes(4)
    thresholds = codes.integer_thresholds()
    assert bound_of(codes, 50, thresholds[:3])[1] <= 127 * (50 << 11) + 127 * (1 << 15)
    assert bound_of(codes, 50, np.append(thresholds, [0, 0]).astype(np.int32)) == bound_of(codes, 50)


FORMS = [("uniform", 16, 0.997), ("uniform", 8, 0.99), ("log2", 4, 0.97), ("sulq", 3, 0.95)]


@pytest.mark.parametrize(("form", "bits", "least"), FORMS)
def test_models_in_every_form(form: str, bits: int, least: float) -> None:
    """Near the float model; the fused form gives the same integers, and no overflow is proven."""
    options = replace(EXACT, probabilities=form, probability_bits=bits)
    lowered = lower(plain_text("vit", "high-level"), options)
    assert lowered.cosine() > least
    text = module_text(lowered.module)
    assert ("ivit.normalized_softmax" if form == "uniform" else "ivit.shift_matmul") in text
    want = lowered.integers()
    PassPipeline.parse_spec(get_passes(), FUSE.spec()).apply(lowered.ctx, lowered.module)
    assert "ivit.attention" not in module_text(lowered.module)
    assert lowered.integers().tolist() == want.tolist()


@pytest.mark.parametrize("form", ["deferred", "uniform", "sulq"])
def test_a_step_for_each_head(form: str) -> None:
    """Near the float model; fused and native give the same integers."""
    bits = 8 if form == "deferred" else 4
    options = replace(EXACT, probabilities=form, probability_bits=bits, qkv_scales="per_head", qkv_bits=6)
    lowered = lower(plain_text("vit", "high-level"), options)
    assert lowered.cosine() > 0.9
    assert "heads(" in module_text(lowered.module)
    want = lowered.integers()
    PassPipeline.parse_spec(get_passes(), FUSE.spec()).apply(lowered.ctx, lowered.module)
    assert ("multipliers(" in module_text(lowered.module)) == (form == "deferred")
    assert lowered.integers().tolist() == want.tolist()
    program = compile_program(lowered.module, lowered.ctx, host_target())
    assert call(program, lowered.pixels, 2).tolist() == want.tolist()


def test_a_step_for_each_head_needs_a_table() -> None:
    with pytest.raises(
        ValueError, match="qkv_scales=per_head goes with softmax=exact, not with softmax=ivit"
    ):
        lower(plain_text("vit", "high-level"), replace(EXACT, softmax="ivit", qkv_scales="per_head"))


def test_bits_of_codes() -> None:
    assert resolve(QuantizeOptions(probabilities="log2")).probability_bits == 4
    assert resolve(QuantizeOptions(probabilities="sulq", probability_bits=3)).probability_bits == 3
    assert resolve(QuantizeOptions(probabilities="uniform")).probability_bits == 16
    few = resolve(QuantizeOptions(recipe="best", activation_bits=4))
    assert (few.probabilities, few.probability_bits) == ("deferred", 4)
    with pytest.raises(ValueError, match="probabilities=log2 has at most 8 bits, got probability_bits=9"):
        resolve(QuantizeOptions(probabilities="log2", probability_bits=9))
    with pytest.raises(ValueError, match="probabilities=deferred has at most 8 bits, got probability_bits=9"):
        resolve(QuantizeOptions(probability_bits=9))
    with pytest.raises(ValueError, match="softmax=fqvit has at most 4 bits, got probability_bits=5"):
        resolve(QuantizeOptions(softmax="fqvit", probability_bits=5))
