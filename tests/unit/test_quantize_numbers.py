"""Scales, dyadic numbers, tables and integer parameters: exact, or bounded where they round."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from ivit_dialect.ops.nonlinear import require_shift_exp
from ivit_dialect.reference.elementwise import requant
from ivit_dialect.reference.softmax import shiftmax
from passes.quantization import scales
from passes.quantization.dyadic import channel_dyadics, nearest_dyadic, row_dividend
from passes.quantization.norms import exact_norm, i_norm, norm_epsilon
from passes.quantization.scales import Range, Scale
from passes.quantization.shift_exp import gelu_shift, largest_shift, octaves, softmax_shift
from passes.quantization.tables import gelu, gelu_table, softmax_table
from passes.quantization.weights import quantize_weights

RATIOS = st.floats(2.0**-31, 2.0**29)


@given(RATIOS, st.sampled_from((1.0, -1.0)))
def test_dyadic_is_nearest(ratio: float, sign: float) -> None:
    dyadic = nearest_dyadic(sign * ratio)
    assert 1 << 30 <= abs(dyadic.multiplier) < 1 << 31
    assert 1 <= dyadic.shift <= 62
    error = abs(Fraction(dyadic.multiplier, 1 << dyadic.shift) - Fraction(sign * ratio))
    assert error <= Fraction(1, 1 << (dyadic.shift + 1))


def test_dyadic_of_a_ratio_that_rounds_to_2_31() -> None:
    dyadic = nearest_dyadic(1.0 - 2.0**-40)
    assert (dyadic.multiplier, dyadic.shift) == (1 << 30, 30)


def test_dyadic_of_small_ratios_keeps_the_shift_within_62() -> None:
    dyadic = nearest_dyadic(2.0**-50)
    assert (dyadic.multiplier, dyadic.shift) == (1 << 12, 62)


@pytest.mark.parametrize("ratio", [2.0**30, 1e300, math.inf, math.nan])
def test_dyadic_refuses_large_ratios(ratio: float) -> None:
    with pytest.raises(ValueError, match=r"too large|not finite"):
        nearest_dyadic(ratio)


@pytest.mark.parametrize("ratio", [2.0**-64, 1e-300, 0.0])
def test_dyadic_of_vanishing_ratios_makes_zero_of_every_int32(ratio: float) -> None:
    dyadic = nearest_dyadic(ratio)
    assert (dyadic.multiplier, dyadic.shift) == (1, 62)
    ends = np.array([-(2**31), 2**31 - 1], np.int32)
    assert requant(ends, dyadic.multiplier, dyadic.shift, np.int32).tolist() == [0, 0]


@given(st.lists(RATIOS, min_size=1, max_size=5))
def test_channels_share_the_shift_of_the_largest(ratios: list[float]) -> None:
    multipliers, shift = channel_dyadics(np.array(ratios))
    assert multipliers.dtype == np.int32
    assert 1 << 30 <= int(multipliers.max()) < 1 << 31
    for ratio, multiplier in zip(ratios, multipliers, strict=True):
        error = abs(Fraction(int(multiplier), 1 << shift) - Fraction(ratio))
        assert error <= Fraction(1, 1 << (shift + 1))


def test_channels_of_zeros() -> None:
    multipliers, shift = channel_dyadics(np.zeros(3))
    assert multipliers.tolist() == [0, 0, 0]
    assert shift == 1


def test_channels_refuse_nan() -> None:
    with pytest.raises(ValueError, match="not finite"):
        channel_dyadics(np.array([1.0, math.nan]))


@given(st.floats(2.0**-20, 2.0**20), st.integers(1, 1 << 20))
def test_row_dividend_is_as_large_as_it_may_be(ratio: float, divisor: int) -> None:
    dyadic = row_dividend(ratio, divisor)
    assert 1 <= dyadic.shift <= 62
    assert dyadic.multiplier // divisor < 1 << 31
    assert dyadic.shift == 62 or 4 * dyadic.multiplier // divisor >= 1 << 31
    assert math.isclose(math.ldexp(dyadic.multiplier, -dyadic.shift), ratio, rel_tol=2.0**-29)


@pytest.mark.parametrize("ratio", [0.0, -1.0, math.inf, math.nan, 2.0**60])
def test_row_dividend_refuses(ratio: float) -> None:
    with pytest.raises(ValueError, match="row requantisation ratio"):
        row_dividend(ratio, 1)


def test_symmetric_scale() -> None:
    assert scales.symmetric(Range(-2.54, 1.0), 8) == Scale(0.02)
    assert scales.stream(Range(-1.0, 2.0)).step == 2.0 * 1.25 / 32767
    assert scales.symmetric(Range(0.0, 0.0), 8) == Scale(1 / 127)
    assert scales.output(Range(-4.0, 2.0)).step == 4.0 / 2**20


@given(st.floats(-100, 100), st.floats(-100, 100))
def test_asymmetric_scale_holds_its_range_and_zero(a: float, b: float) -> None:
    low, high = min(a, b), max(a, b)
    scale = scales.asymmetric(Range(low, high))
    assert -128 <= scale.zero_point <= 127
    for value in (low, 0.0, high):
        code = round(value / scale.step) + scale.zero_point
        assert -129 <= code <= 128  # the ends may round half a step outwards
        assert abs(scale.step * (code - scale.zero_point) - value) <= scale.step / 2 * (1 + 1e-9)
    assert scale.step >= scales.NEGLIGIBLE / 255


def test_asymmetric_of_a_one_sided_range() -> None:
    assert scales.asymmetric(Range(0.0, 2.55)) == Scale(2.55 / 255, -128)
    assert scales.asymmetric(Range(-2.55, -1.0)) == Scale(2.55 / 255, 127)


def test_gelu_input_is_clipped_where_gelu_is_zero() -> None:
    assert scales.gelu_input(Range(-9.0, 5.0)) == scales.asymmetric(Range(-3.6, 5.0))
    assert scales.gelu_input(Range(-1.0, 5.0)) == scales.asymmetric(Range(-1.0, 5.0))
    assert scales.gelu_input(Range(-9.0, -7.0)).zero_point == 127


@pytest.mark.parametrize(
    ("magnitude", "x0"), [(12.0, 10), (40.0, 3), (127.0, 1), (1.0, 127), (0.001, 65536), (0.0, 127)]
)
def test_reciprocal_scale_clips_nothing(magnitude: float, x0: int) -> None:
    scale, found = scales.reciprocal(Range(-magnitude, magnitude / 2))
    assert found == x0
    assert scale.step * x0 == 1.0
    assert magnitude / scale.step <= 127


def test_reciprocal_scale_above_one_keeps_its_step() -> None:
    assert scales.reciprocal(Range(0.0, 322.0)) == (Scale(322 / 127), 1)


@pytest.mark.parametrize(("low", "high"), [(1.0, 0.0), (math.nan, 1.0), (0.0, math.inf)])
def test_ranges_are_finite_and_ordered(low: float, high: float) -> None:
    with pytest.raises(ValueError, match="finite low <= high"):
        Range(low, high)


def test_softmax_table() -> None:
    table = softmax_table()
    exact = [round(255 * math.exp(-8 * i / 255)) for i in range(256)]
    assert table.dtype == np.uint8
    assert table.tolist() == exact
    assert (table[0], table[255]) == (255, 0)
    assert np.all(np.diff(table.astype(int)) <= 0)


@pytest.mark.parametrize("approximate", ["none", "tanh"])
@pytest.mark.parametrize("high", [0.01, 0.7, 3.0, 11.0])
def test_gelu_table_is_correctly_rounded(approximate: str, high: float) -> None:
    source = scales.gelu_input(Range(-5.0, high))
    target = scales.asymmetric(Range(-0.17, gelu(high, approximate)))
    table = gelu_table(source, target, approximate)
    assert table.shape == (256,)
    for code in range(-128, 128):
        value = gelu(source.step * (code - source.zero_point), approximate)
        nearest = value / target.step + target.zero_point
        expected = min(max(nearest, -128), 127)
        assert abs(float(table[code + 128]) - expected) <= 0.5 + 1e-9


def test_gelu_of_both_kinds() -> None:
    assert gelu(1.0, "none") == pytest.approx(0.8413447460685429, abs=1e-15)
    assert gelu(1.0, "tanh") == pytest.approx(0.8411919906082768, abs=1e-15)
    with pytest.raises(ValueError, match="'sigmoid'"):
        gelu(1.0, "sigmoid")


@given(st.integers(1, 1 << 16), st.integers(1, 4096))
def test_shifts_satisfy_the_ops(x0: int, tokens: int) -> None:
    require_shift_exp(x0, softmax_shift(x0, tokens), tokens)
    require_shift_exp(x0, gelu_shift(x0), 2)
    assert softmax_shift(x0, tokens) <= 15
    assert gelu_shift(x0) <= 23


@pytest.mark.parametrize("x0", [3, 20, 60, 120, 250, 483, 2000])
def test_softmax_shift_is_as_good_as_any(x0: int) -> None:
    """A larger n takes bits from the reciprocal of the sum: 0.36 of error for x0 250 and n 15."""
    rng = np.random.default_rng(0)
    scores = np.clip(np.rint(40 * rng.standard_normal((32, 197))), -127, 127).astype(np.int8)
    weights = np.exp((scores - scores.max(axis=-1, keepdims=True).astype(np.float64)) / x0)
    values = rng.standard_normal((197, 16))
    exact = weights / weights.sum(axis=-1, keepdims=True) @ values

    def error(n: int) -> float:
        probabilities = shiftmax(scores, x0, n, 16, np.int16) / 2.0**15
        return float(np.linalg.norm(probabilities @ values - exact) / np.linalg.norm(exact))

    best = min(error(n) for n in range(min(15, largest_shift(x0, 197)) + 1))
    assert error(softmax_shift(x0, 197)) <= 1.02 * best


@given(st.integers(1, 1 << 20), st.integers(1, 1 << 10))
def test_largest_shift_is_the_largest(x0: int, terms: int) -> None:
    n = largest_shift(x0, terms)
    assert terms * x0 << n < 1 << 31 <= terms * x0 << (n + 1)


def test_largest_shift_refuses() -> None:
    with pytest.raises(ValueError, match="do not fit 31 bits"):
        largest_shift(1 << 20, 1 << 11)


@given(st.integers(1, 300))
def test_octaves_cover_every_score(x0: int) -> None:
    worst = 255 + (255 >> 1) - (255 >> 4)
    assert octaves(255, x0) * x0 > worst >= (octaves(255, x0) - 1) * x0


FLOATS = st.floats(-50, 50, allow_subnormal=False)


@given(
    st.lists(st.tuples(FLOATS, FLOATS), min_size=2, max_size=6),
    st.floats(1e-3, 1.0),
    st.integers(-128, 127),
)
def test_norm_integers_are_the_affine_map(
    pairs: list[tuple[float, float]], step: float, zero_point: int
) -> None:
    gamma, beta = np.array(pairs).T
    target = Scale(step, zero_point)
    unit = math.sqrt(len(pairs)) * 2.0**-30
    for integers, slope, h_max in (
        (exact_norm(gamma, beta, target), 2.0**-20, 1 << 22),
        (i_norm(gamma, beta, target), unit, 1 << 31),
    ):
        assert integers.scale.dtype == np.int32
        assert integers.offset.dtype == np.int64
        assert 1 <= integers.shift <= 62
        for channel in range(len(pairs)):
            bound = h_max * abs(int(integers.scale[channel])) + abs(int(integers.offset[channel]))
            assert bound < 1 << 63
            for h in (-h_max, -12345, 0, 1, h_max - 1):
                exact = float(gamma[channel]) * slope * h / step + float(beta[channel]) / step + zero_point
                got = (h * int(integers.scale[channel]) + int(integers.offset[channel])) >> integers.shift
                assert abs(got - exact) <= 0.5 + abs(exact) * 1e-6 + h_max * 2.0**-integers.shift + 1e-6


def test_norm_with_zero_gamma_is_beta() -> None:
    integers = exact_norm(np.zeros(2), np.array([0.5, -0.25]), Scale(0.01, 3))
    assert integers.scale.tolist() == [0, 0]
    assert (integers.offset >> integers.shift).tolist() == [53, -22]


def test_norm_with_a_beta_far_beyond_gamma() -> None:
    integers = exact_norm(np.array([1e-9, 1.0]), np.array([1e4, 0.0]), Scale(100.0))
    assert (integers.offset >> integers.shift).tolist() == [100, 0]


def test_norm_refuses_nan() -> None:
    with pytest.raises(ValueError, match="finite"):
        exact_norm(np.array([math.nan]), np.zeros(1), Scale(1.0))


def test_norm_epsilon() -> None:
    assert norm_epsilon(1e-6, 192, Scale(1e-3)) == round(1e-6 * 192**2 / 1e-6)
    assert norm_epsilon(0.0, 192, Scale(1.0)) == 1
    with pytest.raises(ValueError, match="too large"):
        norm_epsilon(1.0, 4096, Scale(1e-9))


def _dequantised(weight: NDArray[np.float64], bias: NDArray[np.float64], source: Scale) -> None:
    result = quantize_weights(weight, bias, source)
    x = np.arange(-128, 128)[:: 255 // weight.shape[1]][: weight.shape[1]]
    accumulator = result.weight.astype(int) @ x + result.bias
    real = weight @ (source.step * (x - source.zero_point)) + bias
    slack = source.step * np.abs(x - source.zero_point).sum() * result.steps / source.step / 2
    assert np.all(np.abs(accumulator * result.steps - real) <= slack + result.steps)


def test_weights_and_zero_point() -> None:
    rng = np.random.default_rng(0)
    _dequantised(rng.normal(size=(3, 5)), rng.normal(size=3), Scale(0.1, 17))
    _dequantised(
        rng.normal(size=(4, 2)) * [[1e-6], [1.0], [1e3], [0.0]], rng.normal(size=4), Scale(0.1, -128)
    )


def test_weights_round_half_to_even_at_127() -> None:
    result = quantize_weights(np.array([[127.0, 0.5, 1.5, -127.0]]), np.array([0.0]), Scale(1.0))
    assert result.weight.tolist() == [[127, 0, 2, -127]]
    assert result.steps.tolist() == [1.0]


def test_weights_of_zeros() -> None:
    result = quantize_weights(np.zeros((2, 3)), np.array([0.0, 5.0]), Scale(0.5))
    assert result.weight.tolist() == [[0, 0, 0], [0, 0, 0]]
    assert result.steps[0] == 0.0
    assert result.bias[1] * result.steps[1] == pytest.approx(5.0, rel=1e-8)


def test_a_bias_far_beyond_the_weights_stays_in_int32() -> None:
    result = quantize_weights(np.full((1, 4), 1e-12), np.array([1e6]), Scale(1e-3))
    assert abs(int(result.bias[0])) <= 1 << 29
    assert result.bias[0] * result.steps[0] == pytest.approx(1e6, rel=1e-8)


def test_weights_refuse_nan() -> None:
    with pytest.raises(ValueError, match="finite"):
        quantize_weights(np.array([[math.nan]]), np.zeros(1), Scale(1.0))


def test_a_centre_for_each_channel_goes_into_the_bias() -> None:
    weight = np.array([[[1.0, -2.0], [127.0, 0.0]]])
    result = quantize_weights(weight, np.array([3.0]), Scale(1.0), centre=np.array([10.5, 20.0]))
    assert result.weight.tolist() == [[[1, -2], [127, 0]]]
    assert result.bias.tolist() == [3 - (10.5 - 40 + 127 * 10.5)]
