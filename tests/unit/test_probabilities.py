"""Probabilities in few bits: references against slow ones, kernels against references, bit for bit."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kernel_harness import Array, Operands, check, integers
from kernel_strategies import FEW, ON_EVERY_TARGET, SEEDS, THREADS, result

from ivit_dialect.ops.shift_matmul import ShiftMatmulOp
from ivit_dialect.reference import shift_matmul
from ivit_dialect.types import i64_attr

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
@FEW
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
