"""Rounding of weights: against brute force on small layers, and against what each method promises."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from passes.rounding.adaround import AdaRoundOptions, adaround
from passes.rounding.bias_correction import bias_correction, mean_output_errors
from passes.rounding.coordinate_descent import improve
from passes.rounding.gptq import gptq
from passes.rounding.moments import InputMoments, input_moments, output_errors, stream_error
from passes.rounding.nearest import better_rows, round_nearest
from passes.rounding.refit import refit
from passes.rounding.weight_steps import largest_code, minmax_steps, mse_steps

Weights = NDArray[np.float64]


def layer(outs: int, ins: int, rows: int = 256, seed: int = 0) -> tuple[Weights, NDArray[np.float32]]:
    """A weight [O, I] and correlated inputs [4, rows / 4, I] with channels of many sizes."""
    rng = np.random.default_rng(seed)
    mix = rng.normal(size=(ins, ins)) * np.exp(rng.normal(size=ins))
    inputs = rng.normal(size=(4, rows // 4, ins)) @ mix + rng.normal(size=ins)
    return rng.standard_t(4, size=(outs, ins)), inputs.astype(np.float32)


def errors(weight: Weights, steps: Weights, codes: NDArray[np.int8], gram: Weights) -> Weights:
    return output_errors(codes * steps[:, None] - weight, gram)


def brute_force(weight: Weights, steps: Weights, bits: int, gram: Weights) -> Weights:
    """The least output error of each row over all integers."""
    code = largest_code(bits)
    everything = np.array(list(itertools.product(range(-code, code + 1), repeat=weight.shape[1])), float)
    return np.array(
        [output_errors(everything * step - row, gram).min() for row, step in zip(weight, steps, strict=True)]
    )


def test_moments_are_sums_over_rows() -> None:
    _, x = layer(1, 5)
    reference = x + np.float32(0.25)
    whole = input_moments(x, reference)
    halves = input_moments(x[:2], reference[:2]) + input_moments(x[2:], reference[2:])
    rows, float_rows = x.reshape(-1, 5).astype(float), reference.reshape(-1, 5).astype(float)
    for moments in (whole, halves):
        np.testing.assert_allclose(moments.gram, rows.T @ rows, rtol=1e-4)
        np.testing.assert_allclose(moments.cross, rows.T @ float_rows, rtol=1e-4)
        np.testing.assert_allclose(moments.means, x.mean(axis=1), rtol=1e-4)
        assert moments.rows == 256
    centred, middle = whole.centred(), rows - rows.mean(axis=0)
    np.testing.assert_allclose(centred.gram, middle.T @ middle, rtol=1e-3)
    np.testing.assert_allclose(centred.cross, middle.T @ float_rows, rtol=1e-3)


def test_moments_refuse_what_is_no_input() -> None:
    x = np.ones((2, 3, 4), np.float32)
    with pytest.raises(ValueError, match=r"must be \[N, T, I\]"):
        input_moments(x, x[:1])
    with pytest.raises(ValueError, match="NaN or infinity"):
        input_moments(x * np.float32(np.nan), x)


def test_output_errors_are_those_of_the_rows() -> None:
    weight, x = layer(3, 6)
    gram = input_moments(x, x).gram
    outputs = x.reshape(-1, 6) @ weight.T
    np.testing.assert_allclose(output_errors(weight, gram), (outputs**2).sum(axis=0), rtol=1e-4)


@pytest.mark.parametrize("bits", range(2, 9))
def test_minmax_clips_nothing(bits: int) -> None:
    weight, _ = layer(7, 9)
    weight[2] = 0.0
    steps = minmax_steps(weight, bits)
    codes = round_nearest(weight, steps, bits)
    assert steps[2] == 0.0
    assert not codes[2].any()
    assert np.abs(codes).max(axis=1).tolist() == [largest_code(bits)] * 2 + [0] + [largest_code(bits)] * 4
    assert np.all(np.abs(weight - codes * steps[:, None]) <= steps[:, None] / 2 * (1 + 1e-12))


@pytest.mark.parametrize("bits", [2, 4, 8])
def test_mse_steps_are_the_best_of_their_grid(bits: int) -> None:
    weight, x = layer(7, 40)
    weight[1] = 0.0
    importance = np.diag(input_moments(x, x).gram)
    for weights in (None, importance):
        measure = np.diag(np.ones(40) if weights is None else weights)
        steps, base = mse_steps(weight, bits, weights), minmax_steps(weight, bits)
        found = errors(weight, steps, round_nearest(weight, steps, bits), measure)
        for factor in np.linspace(1.0, 0.3, 71):
            tried = errors(weight, base * factor, round_nearest(weight, base * factor, bits), measure)
            assert np.all(found <= tried * (1 + 1e-12))


@pytest.mark.parametrize("bits", [1, 9])
def test_bits_out_of_range(bits: int) -> None:
    with pytest.raises(ValueError, match="2 to 8 bits"):
        minmax_steps(np.ones((2, 2)), bits)


def test_weights_must_be_finite() -> None:
    with pytest.raises(ValueError, match="finite"):
        mse_steps(np.array([[1.0, np.nan]]), 4)


def test_better_rows_takes_each_row_from_the_better() -> None:
    weight, gram = np.array([[0.4], [0.6]]), np.eye(1)
    zeros, ones = np.zeros((2, 1), np.int8), np.ones((2, 1), np.int8)
    assert better_rows(weight, np.ones(2), gram, zeros, ones).tolist() == [[0], [1]]


@pytest.mark.parametrize("ordered", [False, True])
def test_gptq_on_independent_inputs_is_nearest(ordered: bool) -> None:
    weight, _ = layer(5, 300)
    steps = mse_steps(weight, 4)
    gram = np.diag(np.exp(np.random.default_rng(1).normal(size=300)))
    codes = gptq(weight, steps, 4, gram, ordered=ordered)
    assert codes.tolist() == round_nearest(weight, steps, 4).tolist()


@pytest.mark.parametrize("seed", range(3))
def test_gptq_is_close_to_the_best(seed: int) -> None:
    weight, x = layer(6, 5, seed=seed)
    gram = input_moments(x, x).gram
    steps = minmax_steps(weight, 3)
    least = brute_force(weight, steps, 3, gram)
    nearest = errors(weight, steps, round_nearest(weight, steps, 3), gram)
    codes = gptq(weight, steps, 3, gram, damping=0.0)
    found = errors(weight, steps, codes, gram)
    improved = errors(weight, steps, improve(weight, steps, 3, gram, codes), gram)
    assert np.all(least <= improved * (1 + 1e-9))
    assert np.all(improved <= found * (1 + 1e-9))
    assert np.all(found <= nearest * (1 + 1e-9))
    assert improved.sum() - least.sum() <= 0.5 * (nearest.sum() - least.sum())


def test_gptq_passes_errors_on_as_the_paper_does() -> None:
    """The published loop over the inverse Hessian (Algorithm 1): the same where it beats nearest."""
    weight, x = layer(8, 200, rows=1024)
    gram = input_moments(x, x).gram
    steps = minmax_steps(weight, 4)
    hessian = gram + 0.01 * np.mean(np.diag(gram)) * np.eye(200)
    factor = np.linalg.cholesky(np.linalg.inv(hessian)).T
    left, published = weight.copy(), np.zeros(weight.shape, np.int8)
    for k in range(200):
        published[:, k] = np.clip(np.rint(left[:, k] / steps), -7, 7)
        error = (left[:, k] - published[:, k] * steps) / factor[k, k]
        left[:, k:] -= np.outer(error, factor[k, k:])
    nearest = round_nearest(weight, steps, 4)
    better = errors(weight, steps, published, gram) < errors(weight, steps, nearest, gram)
    assert better.sum() >= 7
    assert gptq(weight, steps, 4, gram, ordered=False)[better].tolist() == published[better].tolist()


@pytest.mark.parametrize("method", [gptq, adaround])
def test_inputs_of_zeros_leave_nearest(method: Callable[..., NDArray[np.int8]]) -> None:
    weight, _ = layer(3, 4)
    steps = minmax_steps(weight, 4)
    codes = method(weight, steps, 4, np.zeros((4, 4)))
    assert codes.tolist() == round_nearest(weight, steps, 4).tolist()


def test_dead_and_equal_channels() -> None:
    weight, x = layer(6, 8)
    weight[3] = 0.0
    x[..., 2], x[..., 5] = 0.0, x[..., 6]
    gram = input_moments(x, x).gram
    steps = minmax_steps(weight, 4)
    nearest = round_nearest(weight, steps, 4)
    for codes in (
        gptq(weight, steps, 4, gram),
        adaround(weight, steps, 4, gram),
        improve(weight, steps, 4, gram, nearest),
    ):
        assert not codes[3].any()
        assert codes[:, 2].tolist() == nearest[:, 2].tolist()
        assert np.all(errors(weight, steps, codes, gram) <= errors(weight, steps, nearest, gram) * (1 + 1e-9))


def test_adaround_stays_beside_the_weights_and_improves() -> None:
    weight, x = layer(16, 48, rows=1024)
    gram = input_moments(x, x).gram
    steps = minmax_steps(weight, 4)
    codes = adaround(weight, steps, 4, gram)
    assert np.all(np.abs(codes - weight / steps[:, None]) < 1)
    found, nearest = (errors(weight, steps, c, gram) for c in (codes, round_nearest(weight, steps, 4)))
    assert np.all(found <= nearest)
    assert found.sum() < 0.7 * nearest.sum()
    few = adaround(weight, steps, 4, gram, AdaRoundOptions(iterations=5))
    assert np.all(errors(weight, steps, few, gram) <= nearest)
    assert adaround(weight, steps, 4, gram).tolist() == codes.tolist()


def test_coordinate_descent_ends_where_no_single_change_helps() -> None:
    weight, x = layer(4, 150, rows=1024)
    gram = input_moments(x, x).gram
    steps = minmax_steps(weight, 4)
    codes = improve(weight, steps, 4, gram, round_nearest(weight, steps, 4), sweeps=100)
    least = errors(weight, steps, codes, gram)
    for column, change in itertools.product(range(150), (-1, 1)):
        changed = codes.copy()
        changed[:, column] = np.clip(codes[:, column] + change, -7, 7)
        assert np.all(errors(weight, steps, changed, gram) >= least * (1 - 1e-9))


def moments_of_mixed_inputs(rng: np.random.Generator) -> tuple[InputMoments, Weights]:
    """Inputs that an invertible map and an offset have changed, and the map."""
    x = rng.normal(size=(4, 500, 6)).astype(np.float32)
    mix = np.eye(6) + 0.1 * rng.normal(size=(6, 6))
    return input_moments((x @ mix + 0.5).astype(np.float32), x), mix


def test_refit_undoes_a_linear_change_of_the_inputs() -> None:
    rng = np.random.default_rng(0)
    moments, mix = moments_of_mixed_inputs(rng)
    weight, bias = rng.normal(size=(3, 6)), rng.normal(size=3)
    fitted, fitted_bias = refit(weight, bias, moments, damping=1e-9)
    expected = weight @ np.linalg.inv(mix).T
    np.testing.assert_allclose(fitted, expected, atol=1e-4)
    np.testing.assert_allclose(fitted_bias, bias - expected @ np.full(6, 0.5), atol=1e-4)


def remaining_error(weight: Weights, offset: Weights, fitted: Weights, moments: InputMoments) -> Weights:
    """Σ over the rows of ``(x_q fitted_oᵀ + offset_o - x weight_oᵀ)²`` but for a constant of the layer: [O].

    The constant is ``Σ (x weight_oᵀ)²``, which no choice of ``fitted`` changes: compare, do not take roots.
    """
    mean, float_mean = moments.means.mean(axis=0), moments.float_means.mean(axis=0)
    quadratic = np.einsum("oi,oi->o", fitted @ moments.gram - 2 * weight @ moments.cross.T, fitted)
    linear = 2 * offset * (fitted @ mean - weight @ float_mean) + offset**2
    return quadratic + moments.rows * linear


@pytest.mark.parametrize("damping", [1e-6, 0.1, 10.0])
def test_refit_never_raises_the_error_on_its_inputs(damping: float) -> None:
    rng = np.random.default_rng(1)
    moments, _ = moments_of_mixed_inputs(rng)
    weight, bias = rng.normal(size=(3, 6)), np.zeros(3)
    fitted, offset = refit(weight, bias, moments, damping=damping)
    after = remaining_error(weight, offset, fitted, moments)
    assert np.all(after < remaining_error(weight, bias, weight, moments))


@pytest.mark.parametrize("damping", [1e-9, 0.1])
def test_refit_makes_up_for_errors_of_the_stream(damping: float) -> None:
    """An error that follows from the inputs is taken out of the sum, whatever its mean."""
    rng = np.random.default_rng(2)
    x = (rng.normal(size=(4, 500, 6)) + 0.3).astype(np.float32)
    weight, bias = rng.normal(size=(3, 6)), rng.normal(size=3)
    error = (x @ (0.1 * rng.normal(size=(6, 3))) + 0.7).astype(np.float32)
    fitted, fitted_bias = refit(weight, bias, input_moments(x, x), stream_error(x, error), damping)
    remaining = x @ (fitted - weight).T + (fitted_bias - bias) + error
    np.testing.assert_allclose(remaining.mean(axis=(0, 1)), 0.0, atol=1e-6)
    assert np.square(remaining).sum() < (1e-9 if damping < 0.1 else 0.1) * np.square(error).sum()


def test_refit_of_unchanged_inputs_changes_nothing() -> None:
    weight, x = layer(3, 6)
    fitted, bias = refit(weight, np.ones(3), input_moments(x, x))
    np.testing.assert_allclose(fitted, weight, rtol=1e-12)
    np.testing.assert_allclose(bias, 1.0, rtol=1e-9)


def test_refit_at_its_edges() -> None:
    zeros = np.zeros((2, 3, 4), np.float32)
    weight = np.ones((5, 4))
    assert refit(weight, np.zeros(5), input_moments(zeros, zeros))[0] is weight
    with pytest.raises(ValueError, match="must be positive"):
        refit(weight, np.zeros(5), input_moments(zeros, zeros), damping=0.0)


def test_bias_correction_removes_a_common_error() -> None:
    errors_by_image = np.array([[1.0, -2.0], [1.1, -2.1], [0.9, -1.9]])
    np.testing.assert_allclose(bias_correction(errors_by_image), [-1.0, 2.0])


def test_bias_correction_leaves_errors_of_single_images() -> None:
    lone = np.array([[3.0], [-1.0], [-1.0]])
    assert bias_correction(lone).tolist() == [0.0]
    assert bias_correction(np.array([[5.0, 5.0]])).tolist() == [0.0, 0.0]
    both = np.concatenate([lone, np.ones((3, 1))], axis=1)
    assert bias_correction(both).tolist() == [0.0, 0.0]


def test_bias_correction_is_tried_on_images_that_it_was_not_taken_from() -> None:
    rng = np.random.default_rng(2)
    for _ in range(50):
        means = rng.normal(size=(5, 3)) + rng.normal() * 0.5
        change = 0.0
        for held_out in range(5):
            others = np.delete(means, held_out, axis=0).mean(axis=0)
            change += float(np.sum((means[held_out] - others) ** 2 - means[held_out] ** 2))
        expected = -means.mean(axis=0) if change < 0 else np.zeros(3)
        np.testing.assert_allclose(bias_correction(means), expected)


def test_mean_output_errors_by_image() -> None:
    weight, x = layer(3, 6)
    reference = x - np.float32(0.5)
    rounded = np.rint(weight)
    found = mean_output_errors(weight, rounded, input_moments(x, reference))
    expected = (x @ rounded.T - reference @ weight.T).mean(axis=1)
    np.testing.assert_allclose(found, expected, atol=1e-4)


def test_speed_of_the_largest_layer() -> None:
    """fc2 of a ViT-S takes a fraction of a second on one core; ten times that is a mistake."""
    rng = np.random.default_rng(0)
    weight, x = rng.normal(size=(384, 1536)), rng.normal(size=(2000, 1536))
    gram = x.T @ x
    started = time.perf_counter()
    steps = mse_steps(weight, 4, np.diag(gram))
    codes = gptq(weight, steps, 4, gram)
    assert time.perf_counter() - started < 10
    assert (
        errors(weight, steps, codes, gram).sum()
        < errors(weight, steps, round_nearest(weight, steps, 4), gram).sum()
    )
