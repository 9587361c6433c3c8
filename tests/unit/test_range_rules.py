"""Ranges of activations: against exhaustive searches, and at the edges of what a sample can be."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from passes.calibration import output_error as output_error_rule
from passes.calibration.output_error import output_error
from passes.calibration.range_rules import FACTORS, minmax, mse, percentile, rounded_to, scale_of
from passes.calibration.samples import OTHER_ROWS, TAIL_ROWS, chosen_rows, condensed
from passes.quantization.scales import Range

Sample = NDArray[np.floating]


def heavy(size: int | tuple[int, ...], seed: int = 0) -> NDArray[np.float32]:
    """Values with rare outliers, more to one side."""
    rng = np.random.default_rng(seed)
    values = rng.standard_t(3, size=size) + 0.3
    return np.where(values > 6, values * 4, values).astype(np.float32)


def squared_error(sample: Sample, range_: Range, bits: int, is_symmetric: bool) -> float:
    values = sample.astype(np.float64)
    difference = rounded_to(values, scale_of(range_, bits, is_symmetric), bits) - values
    return float(np.sum(difference * difference))


def weighted_output_error(
    sample: Sample, weight: Sample, range_: Range, bits: int, is_symmetric: bool
) -> float:
    rounded = rounded_to(sample.astype(np.float64), scale_of(range_, bits, is_symmetric), bits)
    return float(np.sum(((rounded - sample) @ weight.T.astype(np.float64)) ** 2))


RULES: list[Callable[[Sample], Range]] = [
    minmax,
    percentile,
    lambda sample: mse(sample, 8),
    lambda sample: mse(sample, 4, is_symmetric=True),
    lambda sample: output_error(sample.reshape(-1, 1), np.ones((2, 1)), 8),
    lambda sample: output_error(sample.reshape(-1, 1), np.ones((1, 1)), 4, is_symmetric=True),
]


@pytest.mark.parametrize("rule", RULES)
def test_rules_refuse_what_is_no_sample(rule: Callable[[Sample], Range]) -> None:
    with pytest.raises(ValueError, match="empty"):
        rule(np.zeros(0, np.float32))
    for bad in (np.nan, np.inf, -np.inf):
        with pytest.raises(ValueError, match="NaN or infinity"):
            rule(np.array([1.0, bad, 2.0], np.float32))


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("value", [0.0, 5.0, -3.0, 1e-30, -1e30])
@pytest.mark.parametrize("size", [1, 10, 10_000])
def test_constants_are_kept(rule: Callable[[Sample], Range], value: float, size: int) -> None:
    found = rule(np.full(size, value, np.float64))
    slack = 1e-12 + 1e-12 * abs(value)
    assert found.low <= value + slack
    assert found.high >= value - slack


@pytest.mark.parametrize("rule", RULES)
@settings(max_examples=25)
@given(st.lists(st.floats(-1e6, 1e6, width=32), min_size=1, max_size=30))
def test_ranges_lie_within_what_was_seen(rule: Callable[[Sample], Range], values: list[float]) -> None:
    sample = np.array(values, np.float32)
    found, seen = rule(sample), minmax(sample)
    assert min(seen.low, 0.0) <= found.low <= found.high <= max(seen.high, 0.0) or found == seen
    assert rule(sample.copy()) == found


def test_percentile_cuts_both_ends() -> None:
    sample = np.arange(10_001, dtype=np.float64)
    for percent, cut in ((99.99, 1.0), (99.0, 100.0)):
        found = percentile(sample, percent)
        assert (found.low, found.high) == (pytest.approx(cut), pytest.approx(10_000 - cut))
    assert percentile(sample, 100.0) == minmax(sample)
    for wrong in (50.0, 100.5, float("nan")):
        with pytest.raises(ValueError, match=r"\(50, 100\]"):
            percentile(sample, wrong)


@pytest.mark.parametrize("bits", [3, 4, 8])
def test_symmetric_mse_is_the_exhaustive_search(bits: int) -> None:
    sample = heavy(2000)
    seen = minmax(sample)
    tried = [
        squared_error(sample, Range(seen.low * f, seen.high * f), bits, is_symmetric=True) for f in FACTORS
    ]
    found = squared_error(sample, mse(sample, bits, is_symmetric=True), bits, is_symmetric=True)
    assert found == pytest.approx(min(tried), rel=1e-12)
    assert found <= tried[0]


@pytest.mark.parametrize("bits", [3, 4, 8])
@pytest.mark.parametrize("seed", [0, 1])
def test_asymmetric_mse_is_close_to_the_exhaustive_search(bits: int, seed: int) -> None:
    sample = heavy(2000, seed)
    seen = minmax(sample)
    tried = [
        squared_error(sample, Range(seen.low * low, seen.high * high), bits, is_symmetric=False)
        for low, high in itertools.product(FACTORS, FACTORS)
    ]
    found = squared_error(sample, mse(sample, bits), bits, is_symmetric=False)
    assert min(tried) * (1 - 1e-12) <= found <= min(tried) * 1.02
    assert found <= tried[0]


@pytest.mark.parametrize("sample", [np.abs(heavy(3000)), -np.abs(heavy(3000)), np.abs(heavy(3000)) + 1])
def test_values_of_one_sign(sample: Sample) -> None:
    seen = minmax(sample)
    found = mse(sample, 4)
    ends = [Range(min(0.0, seen.low * f), max(0.0, seen.high * f)) for f in FACTORS]
    least = min(squared_error(sample, range_, 4, is_symmetric=False) for range_ in ends)
    assert squared_error(sample, found, 4, is_symmetric=False) == pytest.approx(least, rel=1e-12)


@pytest.mark.parametrize("bits", [4, 8, 12])
def test_large_samples_are_searched_as_histograms(bits: int) -> None:
    sample = heavy(200_000)
    found = squared_error(sample, mse(sample, bits), bits, is_symmetric=False)
    assert found <= squared_error(sample, minmax(sample), bits, is_symmetric=False) * 1.001
    seen = minmax(sample)
    exact = min(
        squared_error(sample, Range(seen.low * low, seen.high * high), bits, is_symmetric=False)
        for low, high in itertools.product(FACTORS[:33:4], FACTORS[:33:4])
    )
    assert found <= exact * 1.01


def test_condensed_keeps_sums_and_counts() -> None:
    sample = heavy(50_000)
    values, counts = condensed(sample, 8)
    assert counts.sum() == 50_000
    assert values @ counts == pytest.approx(float(sample.astype(np.float64).sum()))
    width = (float(sample.max()) - float(sample.min())) / 4096
    nearest = np.abs(sample.astype(np.float64)[:1000, None] - values).min(axis=1)
    assert nearest.max() <= width * (1 + 1e-9)


def test_chosen_rows_keep_the_largest_and_stand_for_all() -> None:
    sample = heavy((5000, 3))
    sample[[17, 4321]] = 1000.0
    rows, counts = chosen_rows(sample)
    assert len(rows) == TAIL_ROWS + OTHER_ROWS
    assert (rows == 1000.0).all(axis=1).sum() == 2
    assert counts.sum() == pytest.approx(5000)


@pytest.mark.parametrize(("outs", "ins"), [(3, 8), (8, 3)])
@pytest.mark.parametrize("is_symmetric", [False, True])
def test_output_error_is_the_exhaustive_search(outs: int, ins: int, is_symmetric: bool) -> None:
    sample = heavy((100, ins))
    weight = np.random.default_rng(3).normal(size=(outs, ins))
    seen, factors = minmax(sample), output_error_rule.FACTORS
    pairs = zip(factors, factors, strict=True) if is_symmetric else itertools.product(factors, factors)
    tried = [
        weighted_output_error(sample, weight, Range(seen.low * low, seen.high * high), 4, is_symmetric)
        for low, high in pairs
    ]
    range_ = output_error(sample, weight, 4, is_symmetric)
    found = weighted_output_error(sample, weight, range_, 4, is_symmetric)
    assert min(tried) * (1 - 1e-4) <= found <= min(tried) * (1.0001 if is_symmetric else 1.05)
    assert found <= tried[0] * 1.0001


def test_output_error_keeps_outliers_that_are_read() -> None:
    """One channel has outliers: clipped where the layer ignores it, not where it reads nothing else."""
    sample = np.random.default_rng(0).normal(size=(100, 16))
    sample[:, 3] *= 30
    reads, ignores = np.zeros((4, 16)), np.ones((4, 16))
    reads[:, 3], ignores[:, 3] = 1.0, 0.0
    seen = minmax(sample)
    assert output_error(sample, ignores, 4, is_symmetric=True).magnitude < 0.2 * seen.magnitude
    assert output_error(sample, reads, 4, is_symmetric=True).magnitude > 0.5 * seen.magnitude


def test_output_error_refuses_shapes_that_do_not_fit() -> None:
    with pytest.raises(ValueError, match=r"\[R, I\] and weights \[O, I\]"):
        output_error(np.zeros((3, 4)), np.zeros((2, 5)), 8)


def test_speed_of_the_searches() -> None:
    """Fractions of a second each for the largest tensor of a ViT-S on 32 images."""
    sample = heavy((6304, 1536))
    weight = heavy((384, 1536))
    started = time.perf_counter()
    mse(sample, 8)
    output_error(sample, weight, 8)
    assert time.perf_counter() - started < 15
