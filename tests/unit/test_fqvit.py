"""FQ-ViT's ops: exact against slow references, near what they approximate, their kernels bit for bit."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any, TypeAlias

import numpy as np
import pytest
import slow_reference as slow
from hypothesis import given
from hypothesis import strategies as st
from kernel_harness import Array, Operands, check, integers
from kernel_strategies import CHANNELS, FEW, ON_EVERY_TARGET, ROWS, SEEDS, SHIFTS, THREADS, result

from ivit_dialect import reference
from ivit_dialect.ops.fqvit import LogIntSoftmaxOp, PtfLayerNormOp

SCALES = [0.9, 0.3, 0.1, 0.04, 0.012, 0.004]
BITS = [1, 2, 3, 4]


def polynomial(scale: float, terms: int) -> tuple[int, int, int, int]:
    """``x0``, ``b``, ``c`` of i-exp for a scale, and the largest ``n``."""
    x0, b, c = max(1, int(0.6931 / scale)), int(2.7073 / scale), int(2.7921 / scale**2)
    return x0, b, c, max(n for n in range(31) if terms * c << n < 1 << 31)


def slow_codes(row: list[int], x0: int, b: int, c: int, n: int, bits: int) -> list[int]:
    """Codes by their definition, in fractions."""
    exponentials: list[int] = []
    for x in row:
        q, r = divmod(max(row) - x, x0)
        exponentials.append(((-r * (b - r) + c) << n) >> q)
    codes: list[int] = []
    for e in exponentials:
        t = math.floor(Fraction(sum(exponentials), e) + Fraction(1, 2)) if e else 0
        exact = max(k for k in range(64) if k == 0 or t >= Fraction(3, 4) * 2**k) if t else 64
        codes.append(min(exact, 1 << bits))
    return codes


@pytest.mark.parametrize("bits", BITS)
@pytest.mark.parametrize("scale", SCALES)
def test_every_difference_of_int8(scale: float, bits: int) -> None:
    """Rows of a maximum and a value below it, as often as there are differences, and all in one row."""
    rows = [[127, 127 - i] for i in range(256)]
    constants = (*polynomial(scale, 2), bits)
    got = reference.log_int_softmax(np.array(rows, np.int8), *constants)
    assert got.dtype == np.uint8
    assert got.tolist() == [slow_codes(row, *constants) for row in rows]
    whole = list(range(-128, 128))
    constants = (*polynomial(scale, 256), bits)
    assert reference.log_int_softmax(np.array([whole], np.int8), *constants).tolist() == [
        slow_codes(whole, *constants)
    ]


@given(st.lists(st.integers(-128, 127), min_size=1, max_size=60), st.sampled_from(SCALES))
def test_rows(row: list[int], scale: float) -> None:
    constants = (*polynomial(scale, len(row)), 4)
    got = reference.log_int_softmax(np.array([row], np.int8), *constants)
    assert got.tolist() == [slow_codes(row, *constants)]


@pytest.mark.parametrize("scale", SCALES[3:])
def test_codes_are_near_the_logarithm(scale: float) -> None:
    """Rounded up from ``log2 1.5`` on, of the exponent that ``x0`` stands for; i-exp moves it little."""
    rng = np.random.default_rng(7)
    x = rng.integers(-128, 128, (40, 50)).astype(np.int8)
    constants = polynomial(scale, 50)
    got = reference.log_int_softmax(x, *constants, 4).astype(int)
    below = np.log(2) / constants[0] * (x.max(1, keepdims=True) - x.astype(np.float64))
    exact = below / np.log(2) + np.log2(np.exp(-below).sum(1, keepdims=True))
    seen = got < 16
    least = got - 1 + np.log2(1.5) - 0.3
    assert np.all((least <= exact)[seen])
    assert np.all((exact <= got + np.log2(1.5) + 0.3)[seen])
    assert np.all(exact[~seen] >= 15.1)


@pytest.mark.parametrize("value", [-128, 0, 127])
@pytest.mark.parametrize("columns", [1, 2, 3, 64, 197])
def test_rows_of_equal_values(value: int, columns: int) -> None:
    """The one probability ``1 / columns``; all codes of the row are its logarithm."""
    x = np.full((1, columns), value, np.int8)
    got = reference.log_int_softmax(x, *polynomial(0.05, columns), 4)
    assert set(got.ravel().tolist()) == {max(k for k in range(9) if k == 0 or columns >= 0.75 * 2**k)}


def test_a_row_whose_exponentials_vanish_is_refused() -> None:
    with pytest.raises(OverflowError, match="log_int_softmax: sum"):
        reference.log_int_softmax(np.full((1, 2), 5, np.int8), 1, 0, 0, 0, 4)


def softmax_op(
    operands: Operands, x: Array, constants: tuple[int, int, int, int], bits: int
) -> LogIntSoftmaxOp:
    return LogIntSoftmaxOp(operands.activation(x), *constants, bits)


@ON_EVERY_TARGET
@FEW
@given(SEEDS, ROWS, CHANNELS, st.sampled_from(SCALES), st.sampled_from(BITS), THREADS)
def test_softmax_kernel(
    target: str, seed: int, rows: int, columns: int, scale: float, bits: int, threads: int
) -> None:
    x = integers(np.random.default_rng(seed), (2, rows, columns), np.int8)
    x[0, 0], x[1, 0] = -128, 127
    constants = polynomial(scale, columns)
    operands = Operands()
    op = softmax_op(operands, x, constants, bits)
    check(op, operands, target, threads, reference.log_int_softmax(x, *constants, bits))


@ON_EVERY_TARGET
def test_softmax_kernel_on_every_difference(target: str) -> None:
    x = np.stack([np.full(256, 127), 127 - np.arange(256)], axis=-1).astype(np.int8)
    for scale in SCALES:
        constants = polynomial(scale, 2)
        operands = Operands()
        op = softmax_op(operands, x, constants, 4)
        check(op, operands, target, 3, reference.log_int_softmax(x, *constants, 4))


@ON_EVERY_TARGET
def test_softmax_kernel_where_sums_are_small(target: str) -> None:
    """Without bits below those of ``c`` most exponentials are 0, and limits too."""
    x = np.array([[0, 0, -1, -9], [5, -120, -128, 4]], np.int8)
    operands = Operands()
    op = softmax_op(operands, x, (1, 0, 1, 0), 4)
    check(op, operands, target, 1, reference.log_int_softmax(x, 1, 0, 1, 0, 4))


def slow_layernorm(
    row: list[int],
    factors: list[int],
    scale: list[int],
    offset: list[int],
    shift: int,
    zero_point: int,
    epsilon: int,
    out: str,
) -> list[int]:
    """A row by its definition, in fractions."""
    values = [(x - zero_point) * 2**a for x, a in zip(row, factors, strict=True)]
    total, channels = sum(values), len(values)
    mantissa, exponent = slow.rsqrt(channels * sum(x * x for x in values) - total**2 + epsilon)
    mean = math.floor(Fraction(256 * total, channels) + Fraction(1, 2))
    result: list[int] = []
    for x, m, start in zip(values, scale, offset, strict=True):
        slope = Fraction(abs(m) * mantissa, 2 ** (shift + exponent))
        bits = 31 if slope == 0 else min(31, max(0, 7 - _floor_log2(slope)))
        multiplier = min(255, math.floor(slope * 2**bits))
        product = (1 if m >= 0 else -1) * multiplier * (256 * x - mean)
        begun = math.floor(Fraction(start, 2 ** (32 - bits)) + Fraction(1, 2))
        ended = math.floor(Fraction(product + begun, 2 ** (bits + 8)) + Fraction(1, 2))
        result.append(slow.clamp(ended, out))
    return result


def _floor_log2(x: Fraction) -> int:
    guess = x.numerator.bit_length() - x.denominator.bit_length()
    return guess if Fraction(2) ** guess <= x else guess - 1


NormCase: TypeAlias = tuple[Array, Array, Array, Array]


def norm_case(rng: np.random.Generator, channels: int) -> NormCase:
    """Rows that strain it (equal values, extremes, an outlier), factors, scales of either sign, offsets."""
    rows = integers(rng, (8, channels), np.int8, spread=False)
    rows[0], rows[1], rows[2] = -128, 127, 5
    rows[3, ::2], rows[3, 1::2] = -128, 127
    rows[4] = 7
    rows[4, 0] = 8
    rows[5] = rng.integers(-128, 0, channels)
    factors = rng.integers(0, 4, channels).astype(np.int8)
    scale = integers(rng, (channels,), np.int32)
    offset = integers(rng, (channels,), np.int64) >> 2
    return rows, factors, scale, offset


@given(
    st.integers(0, 2**32 - 1),
    st.integers(1, 9),
    st.integers(1, 62),
    st.integers(-128, 127),
    st.integers(1, 2**56 - 1) | st.integers(1, 9),
    st.sampled_from(["int8", "uint8", "int16", "int32"]),
)
def test_layernorm_is_the_slow_one(
    seed: int, channels: int, shift: int, zero_point: int, epsilon: int, out: str
) -> None:
    case = norm_case(np.random.default_rng(seed), channels)
    got = reference.ptf_layernorm(*case, shift, zero_point, epsilon, out)
    assert got.dtype == out
    factors, scale, offset = (array.tolist() for array in case[1:])
    for row, result_row in zip(case[0].tolist(), got.tolist(), strict=True):
        want = slow_layernorm(row, factors, scale, offset, shift, zero_point, epsilon, out)
        assert result_row == want


@pytest.mark.parametrize("shift", [10, 13, 17])
def test_layernorm_lies_near_the_quotient(shift: int) -> None:
    """``M`` keeps 7 bits and more of the multiplier; the mean has 8 bits; the result is rounded."""
    rng = np.random.default_rng(4)
    channels = 96
    factors = rng.integers(0, 4, channels).astype(np.int8)
    x = np.clip(np.rint(rng.normal(10, 30, (40, channels))), -128, 127).astype(np.int8)
    slope = rng.normal(0, 40, channels)
    slope[:2] = (0.0, -40.0)
    scale = np.rint(slope * channels * 2.0**shift).astype(np.int32)
    beta = rng.normal(0, 20, channels)
    offset = np.rint(beta * 2.0**40).astype(np.int64)
    got = reference.ptf_layernorm(x, factors, scale, offset, shift, -3, 1, np.int32)
    value = (x.astype(np.float64) + 3) * 2.0**factors
    normalised = (value - value.mean(1, keepdims=True)) / value.std(1, keepdims=True)
    want = normalised * slope + beta
    bound = np.abs(normalised * slope) / 127 + np.abs(slope) / (256 * value.std(1, keepdims=True)) + 0.51
    assert np.all(np.abs(got - want) <= bound)


@pytest.mark.parametrize("value", [-128, 0, 127])
def test_layernorm_of_equal_values_is_the_offset(value: int) -> None:
    """With factors that are equal: the mean is the value, whatever the multiplier has lost."""
    channels = 7
    x = np.full((1, channels), value, np.int8)
    offset = np.array([-3, -1, 0, 1, 2, 100, 1000], np.int64) << 40
    scale = np.array([2**31 - 1, -(2**31), 0, 5, -5, 1, 77], np.int32)
    for factor in range(4):
        factors = np.full(channels, factor, np.int8)
        got = reference.ptf_layernorm(x, factors, scale, offset, 20, -5, 1, np.int16)
        assert got.tolist() == [[-3, -1, 0, 1, 2, 100, 1000]]


def test_layernorm_refuses_other_factors() -> None:
    x, factors, scale, offset = norm_case(np.random.default_rng(0), 3)
    for wrong in (-1, 4):
        factors[1] = wrong
        with pytest.raises(OverflowError, match="ptf_layernorm: factors"):
            reference.ptf_layernorm(x, factors, scale, offset, 20, 0, 1, np.int8)


def layernorm_op(
    operands: Operands, case: NormCase, constants: tuple[int, int, int], y_type: Any
) -> PtfLayerNormOp:
    x, factors, scale, offset = case
    return PtfLayerNormOp(
        operands.activation(x),
        operands.constant(factors),
        operands.constant(scale),
        operands.constant(offset),
        *constants,
        result(x.shape, y_type),
    )


@ON_EVERY_TARGET
@FEW
@given(
    SEEDS,
    CHANNELS,
    SHIFTS,
    st.integers(-128, 127),
    st.sampled_from([1, 12, 2**40, 2**56 - 1]),
    st.sampled_from([np.int8, np.uint8, np.int16]),
    THREADS,
)
def test_layernorm_kernel(
    target: str,
    seed: int,
    channels: int,
    shift: int,
    zero_point: int,
    epsilon: int,
    y_type: Any,
    threads: int,
) -> None:
    case = norm_case(np.random.default_rng(seed), channels)
    constants = (shift, zero_point, epsilon)
    operands = Operands()
    op = layernorm_op(operands, case, constants, y_type)
    check(op, operands, target, threads, reference.ptf_layernorm(*case, *constants, y_type))


@ON_EVERY_TARGET
def test_layernorm_kernel_on_the_widest_rows(target: str) -> None:
    x, factors, scale, offset = norm_case(np.random.default_rng(1), 4096)
    case = (x[2:6], np.full_like(factors, 3), scale, offset)
    operands = Operands()
    op = layernorm_op(operands, case, (17, -128, 1), np.int16)
    check(op, operands, target, 2, reference.ptf_layernorm(*case, 17, -128, 1, np.int16))
