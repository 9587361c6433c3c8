"""Kernels of the LayerNorms, the softmaxes and ShiftGELU, against the NumPy reference, bit for bit."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from kernel_harness import Array, Operands, check, integers
from kernel_strategies import CHANNELS, FEW, ON_EVERY_TARGET, ROWS, SEEDS, SHIFTS, THREADS, result

from ivit_dialect.ops.nonlinear import (
    ILayerNormOp,
    LayerNormOp,
    ShiftGeluOp,
    ShiftmaxOp,
    SoftmaxOp,
)
from ivit_dialect.reference import norm
from ivit_dialect.reference.gelu import shiftgelu
from ivit_dialect.reference.softmax import shiftmax, softmax


def norm_rows(rng: np.random.Generator, channels: int) -> Array:
    """Rows that strain a LayerNorm: constant, alternating extremes, one outlier, small, and random ones."""
    rows = integers(rng, (21, channels), np.int16)
    rows[0], rows[1], rows[2] = -(2**15), 2**15 - 1, 0
    rows[3, ::2], rows[3, 1::2] = -(2**15), 2**15 - 1
    rows[4] = 5
    rows[4, 0] = 6
    rows[5] = rng.integers(-3, 4, channels)
    rows[6] = -(2**15)
    rows[6, -1] = 2**15 - 1
    return rows


@ON_EVERY_TARGET
@FEW
@given(SEEDS, CHANNELS, SHIFTS, st.sampled_from([1, 12, 2**40, 2**56 - 1]), THREADS)
def test_layernorm(target: str, seed: int, channels: int, shift: int, epsilon: int, threads: int) -> None:
    rng = np.random.default_rng(seed)
    x = norm_rows(rng, channels)
    scale = integers(rng, (channels,), np.int32)
    offset = integers(rng, (channels,), np.int64) >> 3
    operands = Operands()
    op = LayerNormOp(
        operands.activation(x),
        operands.constant(scale),
        operands.constant(offset),
        shift,
        epsilon,
        result(x.shape, np.int8),
    )
    check(op, operands, target, threads, norm.layernorm(x, scale, offset, shift, epsilon, np.int8))


@ON_EVERY_TARGET
@FEW
@given(SEEDS, CHANNELS, SHIFTS, st.sampled_from([np.int8, np.int16]), THREADS)
def test_i_layernorm(target: str, seed: int, channels: int, shift: int, y_type: Any, threads: int) -> None:
    rng = np.random.default_rng(seed)
    x = norm_rows(rng, channels)
    scale = integers(rng, (channels,), np.int32)
    offset = integers(rng, (channels,), np.int64) >> 3
    operands = Operands()
    op = ILayerNormOp(
        operands.activation(x),
        operands.constant(scale),
        operands.constant(offset),
        shift,
        result(x.shape, y_type),
    )
    check(op, operands, target, threads, norm.i_layernorm(x, scale, offset, shift, y_type))


@ON_EVERY_TARGET
@pytest.mark.parametrize("channels", [2047, 4096])
def test_layernorms_of_the_widest_rows(target: str, channels: int) -> None:
    x = norm_rows(np.random.default_rng(0), channels)
    scale = np.full(channels, 2**31 - 1, np.int32)
    offset = np.zeros(channels, np.int64)
    operands = Operands()
    constants = operands.constant(scale), operands.constant(offset)
    exact = LayerNormOp(operands.activation(x), *constants, 46, 1, result(x.shape, np.int16))
    check(exact, operands, target, 2, norm.layernorm(x, scale, offset, 46, 1, np.int16))
    if channels <= 2048:
        newton = ILayerNormOp(operands.activation(x), *constants, 50, result(x.shape, np.int16))
        check(newton, operands, target, 2, norm.i_layernorm(x, scale, offset, 50, np.int16))


def exponential_table(rng: np.random.Generator) -> Array:
    """Any table whose first entry is 255."""
    table = integers(rng, (256,), np.uint8, spread=False)
    table[0] = 255
    return table


@ON_EVERY_TARGET
@FEW
@given(SEEDS, ROWS, CHANNELS, st.integers(1, 2**31 - 1), SHIFTS, st.sampled_from([0, 12, 20]), THREADS)
def test_softmax(
    target: str,
    seed: int,
    rows: int,
    columns: int,
    multiplier: int,
    shift: int,
    narrowing: int,
    threads: int,
) -> None:
    rng = np.random.default_rng(seed)
    x = integers(rng, (2, rows, columns), np.int32) >> narrowing
    # The reference refuses products that leave 64 bits.
    multiplier = min(multiplier, (2**63 - 1 - 2 ** (shift - 1)) // (2**32 - 1))
    table = exponential_table(rng)
    operands = Operands()
    op = SoftmaxOp(operands.activation(x), operands.constant(table), multiplier, shift)
    check(op, operands, target, threads, *softmax(x, table, multiplier, shift))


@ON_EVERY_TARGET
@FEW
@given(SEEDS, ROWS, CHANNELS, st.integers(1, 300), st.integers(2, 16), THREADS)
def test_shiftmax(target: str, seed: int, rows: int, columns: int, x0: int, bits: int, threads: int) -> None:
    x = integers(np.random.default_rng(seed), (2, rows, columns), np.int8)
    n = max(n for n in range(31) if columns * x0 << n < 2**31)
    y_type = np.int8 if bits <= 8 else np.int16
    operands = Operands()
    op = ShiftmaxOp(operands.activation(x), x0, n, bits, result(x.shape, y_type))
    check(op, operands, target, threads, shiftmax(x, x0, n, bits, y_type))


@ON_EVERY_TARGET
@FEW
@given(SEEDS, CHANNELS, st.integers(1, 200), st.integers(0, 30), THREADS)
def test_shiftgelu(target: str, seed: int, channels: int, x0: int, n: int, threads: int) -> None:
    rng = np.random.default_rng(seed)
    x = integers(rng, (7, channels), np.int8)
    x[0], x[1], x[2] = -128, 127, 0
    x[3] = rng.integers(-128, 0, channels)
    n = min(n, max(n for n in range(31) if 2 * x0 << n < 2**31))
    operands = Operands()
    op = ShiftGeluOp(operands.activation(x), x0, n, result(x.shape, np.int16))
    check(op, operands, target, threads, shiftgelu(x, x0, n))
