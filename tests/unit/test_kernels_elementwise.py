"""Kernels of requantisation, residual add, affine and lookup, against the NumPy reference, bit for bit."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from kernel_harness import Array, Operands, check, integers
from kernel_strategies import (
    CHANNELS,
    FEW,
    MULTIPLIERS,
    ON_EVERY_TARGET,
    ROWS,
    SEEDS,
    SHIFTS,
    THREADS,
    result,
)

from ivit_dialect.ops.elementwise import AddOp, AffineOp, LookupOp, RequantOp, RowRequantOp
from ivit_dialect.reference import elementwise as reference


@ON_EVERY_TARGET
@FEW
@given(
    SEEDS,
    ROWS,
    CHANNELS,
    st.sampled_from([np.int8, np.uint8, np.int16, np.int32]),
    st.sampled_from([np.int8, np.uint8, np.int16, np.int32]),
    MULTIPLIERS,
    SHIFTS,
    st.sampled_from([0, 7, -(2**31), 2**31 - 1]),
    THREADS,
)
def test_requant(
    target: str,
    seed: int,
    rows: int,
    channels: int,
    x_type: Any,
    y_type: Any,
    multiplier: int,
    shift: int,
    zero_point: int,
    threads: int,
) -> None:
    rng = np.random.default_rng(seed)
    x = integers(rng, (rows, channels), x_type)
    zero_point = min(max(zero_point, int(np.iinfo(y_type).min)), int(np.iinfo(y_type).max))
    operands = Operands()
    op = RequantOp(operands.activation(x), multiplier, shift, result(x.shape, y_type), zero_point)
    check(op, operands, target, threads, reference.requant(x, multiplier, shift, y_type, zero_point))


@ON_EVERY_TARGET
@FEW
@given(SEEDS, ROWS, CHANNELS, st.sampled_from([np.int8, np.int16]), SHIFTS, THREADS)
def test_requant_of_channels(
    target: str, seed: int, rows: int, channels: int, y_type: Any, shift: int, threads: int
) -> None:
    rng = np.random.default_rng(seed)
    x = integers(rng, (2, rows, channels), np.int32)
    multipliers = np.maximum(integers(rng, (channels,), np.int32), -(2**31) + 1)
    operands = Operands()
    op = RequantOp(operands.activation(x), operands.constant(multipliers), shift, result(x.shape, y_type), 5)
    check(op, operands, target, threads, reference.requant(x, multipliers, shift, y_type, 5))


@ON_EVERY_TARGET
@pytest.mark.parametrize("shift", [1, 7, 32, 33, 34, 62])
def test_requant_of_all_int8(target: str, shift: int) -> None:
    x = np.arange(-128, 128).astype(np.int8)
    for multiplier in (-(2**31) + 1, -3, 0, 1, 2**22 + 1, 2**31 - 1):
        operands = Operands()
        op = RequantOp(operands.activation(x), multiplier, shift, result(x.shape, np.int16))
        check(op, operands, target, 2, reference.requant(x, multiplier, shift, np.int16))


@ON_EVERY_TARGET
@FEW
@given(SEEDS, ROWS, CHANNELS, st.integers(1, 2**40), st.integers(1, 300), SHIFTS, THREADS)
def test_row_requant(
    target: str, seed: int, rows: int, channels: int, dividend: int, least: int, shift: int, threads: int
) -> None:
    rng = np.random.default_rng(seed)
    dividend = min(max(dividend, least), (least << 31) - 1)
    x = integers(rng, (rows, channels), np.int32)
    divisor = np.maximum(integers(rng, (rows, 1), np.int32), least)
    operands = Operands()
    op = RowRequantOp(
        operands.activation(x),
        operands.activation(divisor),
        dividend,
        least,
        shift,
        result(x.shape, np.int8),
    )
    expected = reference.row_requant(x, divisor, dividend, least, shift, np.int8)
    check(op, operands, target, threads, expected)


SCALES = st.one_of(st.none(), st.tuples(MULTIPLIERS, SHIFTS))
NARROW = st.sampled_from([np.int8, np.uint8, np.int16, np.int32])


@ON_EVERY_TARGET
@FEW
@given(SEEDS, ROWS, CHANNELS, NARROW, NARROW, SCALES, SCALES, st.booleans(), THREADS)
def test_add(
    target: str,
    seed: int,
    rows: int,
    channels: int,
    lhs_type: Any,
    rhs_type: Any,
    lhs_scale: tuple[int, int] | None,
    rhs_scale: tuple[int, int] | None,
    constant: bool,
    threads: int,
) -> None:
    rng = np.random.default_rng(seed)
    x, y = (integers(rng, (rows, channels), dtype) for dtype in (lhs_type, rhs_type))
    operands = Operands()
    rhs = operands.constant(y[None]) if constant else operands.activation(y)
    op = AddOp(
        operands.activation(x),
        rhs,
        result(x.shape, np.int16),
        lhs_scale=lhs_scale,
        rhs_scale=rhs_scale,
    )
    expected = reference.add(x, y, np.int16, lhs_scale=lhs_scale, rhs_scale=rhs_scale)
    check(op, operands, target, threads, expected)


@ON_EVERY_TARGET
@FEW
@given(SEEDS, ROWS, CHANNELS, st.sampled_from([np.int8, np.int16]), SHIFTS, THREADS)
def test_affine(
    target: str, seed: int, rows: int, channels: int, y_type: Any, shift: int, threads: int
) -> None:
    rng = np.random.default_rng(seed)
    x = integers(rng, (rows, channels), np.int32)
    scale = integers(rng, (channels,), np.int32)
    offset = integers(rng, (channels,), np.int64) >> 1
    operands = Operands()
    op = AffineOp(
        operands.activation(x),
        operands.constant(scale),
        operands.constant(offset),
        shift,
        result(x.shape, y_type),
    )
    check(op, operands, target, threads, reference.affine(x, scale, offset, shift, y_type))


def _lookup(target: str, x: Array, table: Array, threads: int) -> None:
    operands = Operands()
    op = LookupOp(operands.activation(x), operands.constant(table), result(x.shape, table.dtype))
    check(op, operands, target, threads, reference.lookup(x, table))


@ON_EVERY_TARGET
@FEW
@given(SEEDS, st.sampled_from([1, 15, 16, 63, 65, 200]), THREADS)
def test_lookup_of_any_length(target: str, seed: int, count: int, threads: int) -> None:
    rng = np.random.default_rng(seed)
    _lookup(target, integers(rng, (1, count), np.int8), integers(rng, (256,), np.int8, spread=False), threads)
