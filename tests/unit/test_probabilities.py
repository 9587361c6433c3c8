"""Probabilities in few bits: references against slow ones and against floats, kernels bit for bit."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import slow_reference as slow
from hypothesis import given, settings
from hypothesis import strategies as st
from kernel_harness import Array, Operands, check, integers
from kernel_strategies import CHANNELS, FEW, ON_EVERY_TARGET, ROWS, SEEDS, SHIFTS, THREADS, result
from numpy.typing import NDArray

from ivit_dialect.ops.nonlinear import SoftmaxOp
from ivit_dialect.ops.probabilities import NormalizedSoftmaxOp, ThresholdSoftmaxOp
from ivit_dialect.ops.shift_matmul import ShiftMatmulOp
from ivit_dialect.reference import normalized_softmax, shift_matmul, softmax, threshold_softmax
from ivit_dialect.reference.probabilities import exponentials
from ivit_dialect.types import i64_attr
from passes.quantization.dyadic import nearest_dyadic
from passes.quantization.log_codes import LogCodes, log2_codes
from passes.quantization.sulq import Sulq, default_sulq, sulq_codes
from passes.quantization.tables import EXPONENTIAL_RANGE, exponential_table

ETAS = st.sampled_from([0, 1, 2, 64, 1 << 14])


def draw_shifts(rng: np.random.Generator, codes: int) -> Array:
    """The extremes among them."""
    shifts = rng.integers(-1, 16, codes).astype(np.int8)
    shifts[0], shifts[-1] = 15, -1
    return shifts


@settings(max_examples=60)
@given(SEEDS, st.integers(1, 256), ETAS, st.integers(1, 30))
def test_shift_matmul_is_shifts_and_additions(seed: int, codes: int, eta: int, inner: int) -> None:
    rng = np.random.default_rng(seed)
    shifts = draw_shifts(rng, codes)
    lhs = rng.integers(0, codes, (1, 1, 3, inner)).astype(np.uint8)
    rhs = integers(rng, (1, 1, inner, 2), np.int8)
    got = shift_matmul(lhs, rhs, shifts, eta)
    assert got.dtype == np.int32
    for row in range(3):
        for column in range(2):
            values = [int(v) for v in rhs[0, 0, :, column]]
            taken = [int(shifts[code]) for code in lhs[0, 0, row]]
            shifted = sum(v << s for v, s in zip(values, taken, strict=True) if s >= 0)
            assert int(got[0, 0, row, column]) == shifted - eta * sum(values)


def shift_product(lhs: Array, rhs: Array, shifts: Array, eta: int) -> tuple[ShiftMatmulOp, Operands]:
    operands = Operands()
    op = ShiftMatmulOp(
        operands.activation(lhs),
        operands.activation(rhs),
        operands.constant(shifts),
        result((*lhs.shape[:2], rhs.shape[2]), np.int32),
        eta=i64_attr(eta) if eta else None,
    )
    return op, operands


@ON_EVERY_TARGET
@settings(FEW, max_examples=4)
@given(
    SEEDS,
    st.integers(1, 3),
    st.sampled_from([1, 5, 13]),
    st.sampled_from([1, 3, 8, 30, 65]),
    st.sampled_from([1, 4, 17, 64, 77]),
    st.sampled_from([1, 4, 16, 17, 256]),
    ETAS,
    THREADS,
)
def test_shift_matmul_kernel(
    target: str,
    seed: int,
    heads: int,
    rows: int,
    inner: int,
    columns: int,
    codes: int,
    eta: int,
    threads: int,
) -> None:
    rng = np.random.default_rng(seed)
    shifts = draw_shifts(rng, codes)
    lhs = rng.integers(0, codes, (heads, rows, inner)).astype(np.uint8)
    rhs = integers(rng, (heads, inner, columns), np.int8)
    op, operands = shift_product(lhs, rhs, shifts, eta)
    check(op, operands, target, threads, shift_matmul(lhs, rhs, shifts, eta))


@ON_EVERY_TARGET
@pytest.mark.parametrize("value", [-128, 127])
def test_shift_matmul_kernel_at_the_extremes(target: str, value: int) -> None:
    """As many terms of the largest weight as 32 bits hold."""
    lhs = np.zeros((1, 2, 511), np.uint8)
    rhs = np.full((1, 511, 5), value, np.int8)
    shifts = np.array([15], np.int8)
    op, operands = shift_product(lhs, rhs, shifts, 0)
    check(op, operands, target, 1, np.full((1, 2, 5), (511 * value) << 15, np.int32))


TABLE = exponential_table()
UNITS = [1, 15, 255, 256, 4095, 32767, 32768]
TYPES: dict[int, Any] = {1: np.uint8, 15: np.uint8, 255: np.uint8, 256: np.uint8, 4095: np.int16}


def drawn_table(rng: np.random.Generator) -> Array:
    """Any table whose first entry is 2^16, and above all others."""
    table = rng.integers(0, 1 << 16, 256).astype(np.int32)
    table[0], table[1], table[2] = 1 << 16, 0, (1 << 16) - 1
    return table


@settings(max_examples=100)
@given(
    st.lists(st.integers(-(2**25), 2**25) | st.integers(-500, 500), min_size=1, max_size=20),
    st.integers(1, 2**31 - 1),
    st.integers(1, 60),
    st.sampled_from(UNITS),
    st.lists(st.integers(-(2**30), 2**30), min_size=1, max_size=255),
    SEEDS,
)
def test_references_are_what_the_specification_says(
    row: list[int], multiplier: int, shift: int, unit: int, thresholds: list[int], seed: int
) -> None:
    x, table = np.array([row], np.int32), drawn_table(np.random.default_rng(seed))
    kind = TYPES.get(unit, np.int16)
    got = normalized_softmax(x, table, multiplier, shift, unit, kind)
    assert got.dtype == kind
    name = np.dtype(kind).name
    assert got.tolist() == [slow.normalized_softmax(row, table.tolist(), multiplier, shift, unit, name)]
    codes = threshold_softmax(x, table, np.array(thresholds, np.int32), multiplier, shift, np.uint8)
    assert codes.dtype == np.uint8
    assert codes.tolist() == [slow.threshold_softmax(row, table.tolist(), thresholds, multiplier, shift)]


@pytest.mark.parametrize("unit", UNITS)
@pytest.mark.parametrize("columns", [1, 2, 197, 4096])
@pytest.mark.parametrize("spread", [0, 3, 60, 700])
def test_rows_of_uniform_codes_sum_to_one(unit: int, columns: int, spread: int) -> None:
    """The bounds of the specification, up to 4096 tokens; sums of equal scores are the largest."""
    rng = np.random.default_rng(unit + columns + spread)
    x = -rng.integers(0, spread + 1, (5, columns)).astype(np.int32)
    e, total = exponentials(x, TABLE, 1, 1, "test")
    kind = TYPES.get(unit, np.int16)
    y = normalized_softmax(x, TABLE, 1, 1, unit, kind).astype(np.int64)
    sums = y.sum(axis=-1)
    assert sums.max() <= unit + columns / 2
    assert sums.min() >= unit - columns / 2 - 2
    share = unit * e / total
    shift = 47 - unit.bit_length()
    unclamped = y < np.iinfo(kind).max
    assert np.all(np.abs(y - share)[unclamped] <= 0.5 + (e / 2.0**shift)[unclamped] + 1e-9)
    assert np.all(np.abs(y - share) <= 1.0 + 2.0**-15)


@pytest.mark.parametrize("step", [10.0**-i for i in range(6)])
def test_sixteen_bits_lie_near_the_float_softmax(step: float) -> None:
    """An index is half a step of R / 255 off at most: 2.1 % of each exponential, and of their sum."""
    rng = np.random.default_rng(0)
    x = np.rint(rng.normal(0, 3 / step, (20, 197))).astype(np.int32)
    index = nearest_dyadic(step * 255 / EXPONENTIAL_RANGE)
    y = normalized_softmax(x, TABLE, index.multiplier, index.shift, 32768, np.int16) / 32768
    exact = np.exp((x - x.max(axis=-1, keepdims=True)) * step)
    exact /= exact.sum(axis=-1, keepdims=True)
    off = np.expm1(EXPONENTIAL_RANGE / 255)
    assert np.all(np.abs(y - exact) <= off * exact + 2.0**-15)


CODES: dict[str, LogCodes] = {
    **{f"log2-{bits}-{zero}": log2_codes(bits, zero=zero) for bits in (2, 3, 4, 8) for zero in (True, False)},
    **{f"sulq-{bits}": default_sulq(bits) for bits in (2, 3, 4, 8)},
    **{f"sulq-4-eta{e}": sulq_codes(4, 2.0**-e, 0.0, 0.7) for e in range(11)},
    **{f"sulq-3-eta{e}": sulq_codes(3, 2.0**-e, 0.0, 1.0) for e in range(11)},
}


def float_code(codes: LogCodes, p: NDArray[np.float64]) -> NDArray[np.float64]:
    """As the papers have it, with logarithms; halves up."""
    most = (1 << codes.bits) - 1
    with np.errstate(divide="ignore"):
        y = -np.log2(p + codes.eta)
    scale, zero = (codes.scale, codes.zero) if isinstance(codes, Sulq) else (1.0, 0)
    code = np.floor(y / scale + 0.5) + zero
    octaves = sum(exponent is not None for exponent in codes.exponents)
    return np.where(code >= octaves, most, np.clip(code, 0, most)) if scale == 1.0 else np.clip(code, 0, most)


@pytest.mark.parametrize("name", CODES)
def test_thresholds_give_the_codes_of_the_float_form(name: str) -> None:
    """No mismatch in 98,500 but for exact ties: probabilities within 2^-30 of a threshold."""
    codes, rng = CODES[name], np.random.default_rng(7)
    x = np.rint(rng.normal(0, 60, (500, 197)) * rng.uniform(0.2, 2, (500, 1))).astype(np.int32)
    e, total = exponentials(x, TABLE, 1, 1, "test")
    thresholds = codes.integer_thresholds()
    got = threshold_softmax(x, TABLE, thresholds, 1, 1, np.uint8)
    p = e / total
    # Levels and not codes: all codes behind the last octave stand for 0.
    differs = codes.levels[got] != codes.levels[float_code(codes, p).astype(int)]
    near = np.abs(p[..., None] - codes.thresholds).min(axis=-1) <= 2.0**-30
    assert not np.any(differs & ~near)
    np.testing.assert_array_equal(codes.encode(p)[~near], got[~near])


@pytest.mark.parametrize("name", CODES)
def test_shifts_stand_for_the_levels(name: str) -> None:
    codes = CODES[name]
    assert len(codes.levels) == 1 << codes.bits
    rng = np.random.default_rng(3)
    lhs = rng.integers(0, len(codes.levels), (1, 1, 4, 50)).astype(np.uint8)
    rhs = integers(rng, (1, 1, 50, 6), np.int8)
    y = shift_matmul(lhs, rhs, codes.shifts(), codes.integer_eta())
    np.testing.assert_array_equal(y * 2.0**-codes.unit_exponent, codes.levels[lhs] @ rhs.astype(np.float64))


def operands_of(x: Array, constants: list[Array], multiplier: int | Array) -> tuple[Operands, Any, Any]:
    operands = Operands()
    values = [operands.activation(x), *(operands.constant(constant) for constant in constants)]
    by_head = operands.constant(multiplier) if isinstance(multiplier, np.ndarray) else multiplier
    return operands, values, by_head


@ON_EVERY_TARGET
@settings(FEW, max_examples=3)
@given(
    SEEDS,
    ROWS,
    CHANNELS,
    st.integers(1, 2**31 - 1),
    SHIFTS,
    st.sampled_from([0, 12, 20]),
    st.booleans(),
    st.sampled_from(UNITS),
    st.sampled_from([1, 15, 100]),
    THREADS,
)
def test_kernels(
    target: str,
    seed: int,
    rows: int,
    columns: int,
    most: int,
    shift: int,
    narrowing: int,
    by_head: bool,
    unit: int,
    limits: int,
    threads: int,
) -> None:
    """All three softmaxes by table, with one multiplier or one for each of three heads."""
    rng = np.random.default_rng(seed)
    x = integers(rng, (3, rows, columns), np.int32) >> narrowing
    # The reference refuses products that leave 64 bits.
    most = min(most, (2**63 - 1 - 2 ** (shift - 1)) // (2**32 - 1))
    multiplier = rng.integers(0, most + 1, (1, 3, 1, 1)).astype(np.int32) if by_head else max(most, 1)
    wide, narrow = drawn_table(rng), rng.integers(0, 256, 256).astype(np.uint8)
    narrow[0] = 255
    thresholds = rng.integers(-(2**30), 2**30 + 1, limits).astype(np.int32) >> rng.integers(0, 20, limits)
    scores = x[None]

    kind = TYPES.get(unit, np.int16)
    operands, values, scale = operands_of(x, [wide], multiplier)
    op = NormalizedSoftmaxOp(values[0], values[1], scale, shift, unit, result(x.shape, kind))
    check(op, operands, target, threads, normalized_softmax(scores, wide, multiplier, shift, unit, kind)[0])

    operands, values, scale = operands_of(x, [wide, thresholds.astype(np.int32)], multiplier)
    op = ThresholdSoftmaxOp(values[0], values[1], values[2], scale, shift, result(x.shape, np.uint8))
    codes = threshold_softmax(scores, wide, thresholds, multiplier, shift, np.uint8)
    check(op, operands, target, threads, codes[0])

    operands, values, scale = operands_of(x, [narrow], multiplier)
    deferred, total = softmax(scores, narrow, multiplier, shift)
    check(SoftmaxOp(values[0], values[1], scale, shift), operands, target, threads, deferred[0], total[0])


@ON_EVERY_TARGET
def test_kernels_of_long_rows(target: str) -> None:
    """4096 tokens and a tail; equal scores have the largest sum."""
    x = np.zeros((2, 4099), np.int32)
    x[1] = np.random.default_rng(0).integers(-600, 1, 4099)
    operands, values, _ = operands_of(x, [TABLE], 1)
    op = NormalizedSoftmaxOp(values[0], values[1], 1, 1, 32768, result(x.shape, np.int16))
    check(op, operands, target, 2, normalized_softmax(x, TABLE, 1, 1, 32768, np.int16))
    thresholds = default_sulq(4).integer_thresholds()
    operands, values, _ = operands_of(x, [TABLE, thresholds], 1)
    op = ThresholdSoftmaxOp(values[0], values[1], values[2], 1, 1, result(x.shape, np.uint8))
    check(op, operands, target, 2, threshold_softmax(x, TABLE, thresholds, 1, 1, np.uint8))


@ON_EVERY_TARGET
def test_kernels_around_every_index(target: str) -> None:
    """Differences at which the table's index changes, and their neighbours."""
    for scale in (1.0, 0.1, 0.003):
        index = nearest_dyadic(scale)
        edges = np.rint((np.arange(256) + 0.5) / scale).astype(np.int64)
        below = np.clip(np.concatenate([edges - 1, edges, edges + 1]), 0, None)
        x = np.stack([np.zeros_like(below), -below], axis=-1).astype(np.int32)
        numbers = index.multiplier, index.shift
        operands, values, _ = operands_of(x, [TABLE], 1)
        op = NormalizedSoftmaxOp(values[0], values[1], numbers[0], numbers[1], 255, result(x.shape, np.uint8))
        check(op, operands, target, 3, normalized_softmax(x, TABLE, *numbers, 255, np.uint8))
        thresholds = log2_codes(4).integer_thresholds()
        operands, values, _ = operands_of(x, [TABLE, thresholds], 1)
        op = ThresholdSoftmaxOp(
            values[0], values[1], values[2], numbers[0], numbers[1], result(x.shape, np.uint8)
        )
        check(op, operands, target, 3, threshold_softmax(x, TABLE, thresholds, *numbers, np.uint8))
