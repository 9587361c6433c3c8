"""Reference of I-BERT's ops: exact against slow ones, how near the real functions, and what breaks them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
import slow_reference as slow
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from test_reference_norm import OUT, ROWS, draw_affine, extreme_rows, identity

from ivit_dialect import reference
from ivit_dialect.reference.ranges import IntegerArray
from lowering.arithmetic_ibert import NEWTON_STEPS

INT8 = st.integers(-128, 127) | st.sampled_from([-128, -1, 0, 127])
EVERY_INT8 = np.arange(-128, 128).astype(np.int8)
CHANNELS = [1, 2, 3, 64, 197, 768, 4096]
RANGES = [0.25, 0.5, 1.0, 2.0, 3.7, 5.0, 8.0, 11.0, 16.0, 24.0]
"""Largest magnitude of the real inputs."""


def slow_exp(d: int, x0: int, b: int, c: int, n: int) -> int:
    halvings = math.floor(Fraction(d, x0))
    rest = halvings * x0 - d
    assert -x0 < rest <= 0
    return math.floor(Fraction((rest * rest + b * rest + c) * 2**n, 2 ** min(halvings, 31)))


def slow_softmax(row: Sequence[int], x0: int, b: int, c: int, n: int, bits: int) -> list[int]:
    exponentials = [slow_exp(max(row) - x, x0, b, c, n) for x in row]
    factor = math.floor(Fraction(2**32 - 1, sum(exponentials)))
    return [math.floor(Fraction(e * factor, 2 ** (32 - bits))) for e in exponentials]


def slow_gelu(x: int, b: int, c: int, one: int, shift: int) -> int:
    sign = (x > 0) - (x < 0)
    return x * (math.floor(Fraction(sign * ((min(abs(x), -b) + b) ** 2 + c), 2**shift)) + one)


def slow_normalised(row: list[int], variance_shift: int) -> list[int]:
    mean = math.floor(Fraction(sum(row), len(row)) + Fraction(1, 2))
    squares = sum(math.floor(Fraction(x - mean, 2**variance_shift)) ** 2 for x in row)
    factor = math.floor(Fraction(2**31, max(1, math.isqrt(squares)) * 2**variance_shift))
    return [math.floor(Fraction((x - mean) * factor, 2)) for x in row]


@given(st.lists(INT8, min_size=1, max_size=12), st.integers(1, 300), st.data())
def test_softmax(row: list[int], x0: int, data: st.DataObject) -> None:
    b = data.draw(st.integers(x0 - 1, 8 * x0))
    c = data.draw(st.integers(b * b // 4 + 1, b * b + 4))
    n = data.draw(st.integers(0, max(n for n in range(31) if len(row) * c << n < 2**31)))
    bits = data.draw(st.integers(1, 16))
    got = reference.ibert_softmax(np.array([row], np.int8), x0, b, c, n, bits, np.int32)[0].tolist()
    assert got == slow_softmax(row, x0, b, c, n, bits)
    assert max(got) < 1 << bits >= sum(got)


@pytest.mark.parametrize("bits", [8, 15])
def test_a_single_probability_stays_below_one(bits: int) -> None:
    """With the published dividend of 2^32 this sum, a power of 2, would give 2^bits."""
    out = np.uint8 if bits == 8 else np.int16
    got = reference.ibert_softmax(np.array([[127, -128]], np.int8), 1, 4, 8, 13, bits, out)
    assert got.tolist() == [[(1 << bits) - 1, 0]]


@given(
    st.lists(INT8, min_size=1, max_size=12),
    st.integers(-(2**15), -1),
    st.integers(-(2**22), -1),
    st.integers(0, 30),
    st.integers(-(2**20), 0),
)
def test_gelu(row: list[int], b: int, c: int, shift: int, one: int) -> None:
    shift = max(shift, (b * b).bit_length() - 22)
    got = reference.ibert_gelu(np.array(row, np.int8), b, c, one, shift)
    assert got.tolist() == [slow_gelu(x, b, c, one, shift) for x in row]


@given(ROWS, st.data(), st.integers(1, 62), st.integers(0, 15), OUT)
def test_layernorm(row: list[int], data: st.DataObject, shift: int, variance_shift: int, out: str) -> None:
    scale, offset = draw_affine(data, len(row))
    got = reference.ibert_layernorm(
        np.array([row], np.int16), np.array(scale, np.int32), np.array(offset), shift, variance_shift, out
    )
    assert got.dtype == out
    columns = zip(slow_normalised(row, variance_shift), scale, offset, strict=True)
    assert got.tolist() == [[slow.affine(h, m, b, shift, out) for h, m, b in columns]]


def roots_of_interest() -> IntegerArray:
    """Numbers at which a root or a number of bits changes, and their neighbours."""
    roots = [*range(300), *(2**k + d for k in range(9, 31) for d in (-1, 0, 1)), 2**31 - 1]
    near = {max(r * r + d, 0) for r in roots for d in (-1, 0, 1)} | {r * (r + 2) for r in roots}
    powers = {2**k + d for k in range(62) for d in (-1, 0)}
    return np.array(sorted(n for n in near | powers if n < 2**62))


def test_newton_ends_at_the_floor_of_the_root() -> None:
    values = roots_of_interest()
    assert reference.newton_floor_sqrt(values).tolist() == [math.isqrt(int(v)) for v in values]


def test_newton_ends_within_the_steps_that_kernels_take() -> None:
    most = 0
    for value in roots_of_interest().tolist():
        root, steps = 2 ** ((max(value, 1).bit_length() + 1) // 2), 0
        while (following := (root + max(value, 1) // root) // 2) < root:
            root, steps = following, steps + 1
        most = max(most, steps)
    assert most <= NEWTON_STEPS


def i_exp_parameters(scale: float) -> tuple[int, int, int, int]:
    """Constants to the nearest, and 16 bits."""
    c = round(2.7921 / scale**2)
    return round(math.log(2) / scale), round(2.7073 / scale), c, 16 - c.bit_length()


@pytest.mark.parametrize("x0", [2, 3, 4, 5, 7, 11, 16, 29, 44, 70, 106])
def test_every_difference_follows_the_exponential(x0: int) -> None:
    """0.0024 is the polynomial's own error; ``b`` is off by up to a half, and ``c`` has 16 bits."""
    scale = math.log(2) / x0
    parameters = i_exp_parameters(scale)
    assert parameters[0] == x0
    below = np.arange(256)
    got = reference.i_exp(below, *parameters) / (parameters[2] << parameters[3])
    error = np.abs(got - np.exp(-scale * below))
    assert error.max() <= 0.0024 + 0.086 / x0 + 2.0**-15
    assert np.all(np.diff(got) <= 0)


@pytest.mark.parametrize("x0", [3, 7, 16, 44, 106])
@pytest.mark.parametrize("columns", [1, 2, 50, 197])
def test_rows_follow_the_softmax(x0: int, columns: int) -> None:
    """Within the exponential's error in weight and sum, and the rounding of reciprocal and result."""
    scale = math.log(2) / x0
    x0, b, c, n = i_exp_parameters(scale)
    rng = np.random.default_rng(columns)
    x = np.clip(rng.normal(-20, 40, (60, columns)), -128, 127).astype(np.int8)
    x[0], x[1], x[2], x[3] = -128, 127, -1, rng.integers(-128, -100, columns)
    got = reference.ibert_softmax(x, x0, b, c, n, 15, np.int16)
    below = x.max(1, keepdims=True) - x.astype(np.int64)
    weights = np.exp(-scale * below)
    exact = weights / weights.sum(1, keepdims=True)
    error = 0.0024 + 0.086 / x0 + 2.0**-15
    bound = error * (1 + columns * exact) / weights.sum(1, keepdims=True) + columns * 2.0**-16 * exact
    assert np.all(np.abs(got / 2**15 - exact) <= bound + 2.0**-15)
    assert all(len(np.unique(row)) == 1 for row in got[:3])
    moved = reference.ibert_softmax((x[3:4] + 100).astype(np.int8), x0, b, c, n, 15, np.int16)
    assert np.array_equal(moved, got[3:4])


@pytest.mark.parametrize("scale", [0.02, 0.045, 0.1, 0.19, 0.3])
def test_a_step_that_does_not_divide_ln_2_heats_the_softmax(scale: float) -> None:
    """``e^x`` is taken to the power ``ln 2 / (S x0)``: far from the maximum it is wrong by a factor."""
    x0 = math.ceil(math.log(2) / scale)
    _, b, c, n = i_exp_parameters(scale)
    below = np.arange(8 * x0, 9 * x0)
    got = reference.i_exp(below, x0, b, c, n) / (c << n)
    flatter = math.log(2) / (scale * x0)
    assert flatter < 1
    assert np.all(got > 1.02 * np.exp(-scale * below))
    # Of the last octave only 8 bits are left, and within each the polynomial still has the true scale.
    assert np.allclose(got, np.exp(-scale * flatter * below), rtol=0.06 + 2 / x0)


def real_gelu(x: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
    return np.array([0.5 * v * (1 + math.erf(v / math.sqrt(2))) for v in x.tolist()])


def gelu_error(x: IntegerArray, scale: float, shift: int) -> float:
    """The largest error of I-BERT's GELU, its constants rounded down as published."""
    unit = scale / math.sqrt(2)
    b, c = math.floor(-1.769 / unit), math.floor(-3.4626 / unit**2)
    erf_scale = -0.2888 * unit**2 * 2**shift
    y = reference.ibert_gelu(x, b, c, math.floor(1 / erf_scale), shift)
    return float(np.abs(y * (scale * erf_scale / 2) - real_gelu(x * scale)).max())


@pytest.mark.parametrize("largest", RANGES)
def test_every_int8_follows_gelu(largest: float) -> None:
    """The polynomial's own error is 0.018; a rounded ``b`` adds a part of the step."""
    scale = largest / 127
    assert gelu_error(EVERY_INT8, scale, 0) <= 0.0183 + 0.14 * scale


@pytest.mark.parametrize("largest", [5.0, 8.0, 11.0, 16.0, 24.0])
def test_the_published_shift_destroys_gelu_on_int8(largest: float) -> None:
    """Methods 1.7: ``c`` has fewer than 14 bits, so nothing of erf is left."""
    assert gelu_error(EVERY_INT8, largest / 127, 14) > 1.0


@pytest.mark.parametrize("largest", [5.0, 8.0, 11.0])
def test_the_published_shift_on_16_bits(largest: float) -> None:
    x = np.arange(-32768, 32768, 37).astype(np.int16)
    assert gelu_error(x, largest / 32767, 14) <= 0.0186


def normalised(row: NDArray[np.int16], variance_shift: int = 0) -> NDArray[np.int64]:
    scale, offset = identity(row.size)
    rows = reference.ibert_layernorm(row[None], scale, offset, 1, variance_shift, np.int32)
    return rows[0].astype(np.int64)


@pytest.mark.parametrize("channels", CHANNELS)
@pytest.mark.parametrize("variance_shift", [0, 3, 8, 15])
def test_layernorm_at_the_edges_of_int16(channels: int, variance_shift: int) -> None:
    """No bit is lost whatever the shift; rows of equal values give 0."""
    for name, row in extreme_rows(channels).items():
        got = normalised(row, variance_shift)
        assert got.tolist() == slow_normalised(row.tolist(), variance_shift), name
        if np.ptp(row) == 0:
            assert not got.any(), name


@pytest.mark.parametrize("channels", [channels for channels in CHANNELS if channels > 2])
def test_layernorm_lies_near_layernorm(channels: int) -> None:
    """Within a mean rounded to an integer, and a root and reciprocal rounded down."""
    for name, row in extreme_rows(channels).items():
        values = row.astype(np.float64)
        rounded = values - np.floor(values.mean() + 0.5)
        root = math.sqrt((rounded**2).sum())
        if root < 100:
            continue
        exact = rounded / root
        # The root loses up to 1 of itself, the reciprocal up to 1 of 2^31 / root.
        bound = np.abs(exact) * (1 / (root - 1) + root / 2.0**31) + 2.0**-29
        assert np.all(np.abs(normalised(row) / 2.0**30 - exact) <= bound), name


def test_a_shift_too_large_for_a_row_loses_its_variance() -> None:
    """What calibration must avoid: below the shift there is nothing but the sign."""
    row = np.array([-3, 1, 2, 0], np.int16)
    assert np.abs(normalised(row)).max() > 2**29
    assert np.abs(normalised(row, 4)).max() < 2**28
