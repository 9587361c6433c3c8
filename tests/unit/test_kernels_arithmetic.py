"""Kernels of broadcasting arithmetic, reductions and non-linear primitives, against the NumPy reference."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from kernel_harness import Array, Operands, check, integers, tensor_type
from kernel_strategies import CHANNELS, FEW, ON_EVERY_TARGET, ROWS, SEEDS, THREADS, result

from ivit_dialect.ops.arithmetic import (
    AddiOp,
    BroadcastOp,
    FloorDivOp,
    MaxiOp,
    MuliOp,
    ReduceKind,
    ReduceOp,
    RoundingShiftRightOp,
    ShiftRightOp,
    SubiOp,
)
from ivit_dialect.ops.elementwise import SplatOp
from ivit_dialect.ops.nonlinear import IntDivOp, IsqrtOp, NewtonSqrtOp, RsqrtOp, ShiftExpOp
from ivit_dialect.reference import arithmetic, roots
from ivit_dialect.reference.softmax import intdiv, shiftexp

BINARY: dict[type[BroadcastOp], Callable[..., Array]] = {
    AddiOp: arithmetic.addi,
    SubiOp: arithmetic.subi,
    MuliOp: arithmetic.muli,
    MaxiOp: arithmetic.maxi,
    ShiftRightOp: arithmetic.shift_right,
    RoundingShiftRightOp: arithmetic.rounding_shift_right,
    FloorDivOp: arithmetic.floor_div,
}
RIGHT_RANGE = {ShiftRightOp: (0, 63), RoundingShiftRightOp: (1, 62), FloorDivOp: (1, 2**40)}


def _right(op: type[BroadcastOp], values: Array) -> Array:
    """``values`` moved into what the op takes on its right side."""
    if op not in RIGHT_RANGE:
        return values
    low, high = RIGHT_RANGE[op]
    return low + np.abs(values.astype(np.int64)) % (high - low + 1)


@ON_EVERY_TARGET
@pytest.mark.parametrize("op", BINARY)
@pytest.mark.parametrize(
    ("left", "right"),
    [
        ((3, 2, 17), (3, 2, 17)),
        ((3, 2, 17), (3, 1, 1)),
        ((3, 1, 5), (1, 2, 1)),
        ((2, 33), (33,)),
        ((1, 4), (3, 4)),
    ],
)
def test_broadcast(target: str, op: type[BroadcastOp], left: tuple[int, ...], right: tuple[int, ...]) -> None:
    rng = np.random.default_rng(len(left) + sum(right))
    x = integers(rng, left, np.int32)
    y = _right(op, integers(rng, right, np.int16)).astype(np.int64)
    expected = BINARY[op](x, y, np.int64)
    operands = Operands()
    # A right side of lower rank can only be a constant: activations have a batch.
    rhs = operands.activation(y) if len(right) == len(left) else operands.constant(y)
    check(op(operands.activation(x), rhs, result(expected.shape, np.int64)), operands, target, 3, expected)


@ON_EVERY_TARGET
@pytest.mark.parametrize("op", BINARY)
def test_broadcast_of_a_splat(target: str, op: type[BroadcastOp]) -> None:
    rng = np.random.default_rng(7)
    x = integers(rng, (3, 21), np.int32)
    splat = SplatOp(11, tensor_type([1], np.int64))
    operands = Operands()
    new = op(operands.activation(x), splat.output, result(x.shape, np.int64))
    check(new, operands, target, 2, BINARY[op](x, np.array([11]), np.int64))


@ON_EVERY_TARGET
def test_floor_div_of_a_splat(target: str) -> None:
    y = integers(np.random.default_rng(8), (3, 5), np.int32)
    y = np.abs(y.astype(np.int64)) + 1
    splat = SplatOp(2**31 - 1, tensor_type([1], np.int64))
    operands = Operands()
    new = FloorDivOp(splat.output, operands.activation(y), result(y.shape, np.int64))
    check(new, operands, target, 2, arithmetic.floor_div(np.array([2**31 - 1]), y, np.int64))


@ON_EVERY_TARGET
@FEW
@given(
    SEEDS,
    st.tuples(st.integers(1, 3), st.sampled_from([1, 5, 33]), CHANNELS),
    st.integers(0, 2),
    st.sampled_from([ReduceKind.SUM, ReduceKind.MAX]),
    st.sampled_from([np.int8, np.uint8, np.int16, np.int32]),
    THREADS,
)
def test_reduce(
    target: str,
    seed: int,
    shape: tuple[int, int, int],
    dimension: int,
    kind: ReduceKind,
    x_type: Any,
    threads: int,
) -> None:
    x = integers(np.random.default_rng(seed), shape, x_type)
    function = arithmetic.reduce_sum if kind is ReduceKind.SUM else arithmetic.reduce_max
    y_type = np.int64 if kind is ReduceKind.SUM else x_type
    expected = function(x, dimension, y_type)
    operands = Operands()
    op = ReduceOp(kind, operands.activation(x), dimension + 1, result(expected.shape, y_type))
    check(op, operands, target, threads, expected)


def _unary(target: str, op: Any, x: Array, *expected: Array) -> None:
    operands = Operands()
    check(op(operands.activation(x), result(x.shape, np.int64)), operands, target, 3, *expected)


def _around(values: list[int], high: int) -> Array:
    """Each value and its neighbours, as far as they are in [0, high)."""
    found = {v + d for v in values for d in (-1, 0, 1)}
    return np.array(sorted(v for v in found if 0 <= v < high), np.int64)


@ON_EVERY_TARGET
def test_isqrt(target: str) -> None:
    rng = np.random.default_rng(1)
    squares = [int(v) ** 2 for v in integers(rng, (300,), np.int32)]
    edges = _around([0, *squares, *(1 << i for i in range(64)), 3037000499**2, 2**63 - 1], 2**63)
    _unary(target, IsqrtOp, edges, roots.isqrt(edges))
    drawn = np.abs(integers(rng, (517,), np.int64) // 2)
    _unary(target, IsqrtOp, drawn, roots.isqrt(drawn))


@ON_EVERY_TARGET
def test_newton_sqrt(target: str) -> None:
    edges = _around([0, 64, 64**2, 187**2, 2**32, *(1 << i for i in range(42))], 2**41)
    drawn = np.abs(integers(np.random.default_rng(2), (301,), np.int64)) % 2**41
    for x in (edges, drawn):
        _unary(target, NewtonSqrtOp, x, roots.newton_sqrt(x))


@ON_EVERY_TARGET
def test_rsqrt(target: str) -> None:
    rng = np.random.default_rng(3)
    squares = [int(v) ** 2 for v in rng.integers(2**30, 2**31, 300)]
    edges = _around([*(1 << i for i in range(63)), *(9 << i for i in range(58)), *squares], 2**62)[1:]
    drawn = np.abs(integers(rng, (301,), np.int64)) % (2**62 - 1) + 1
    for x in (edges, drawn):
        _unary(target, RsqrtOp, x, *roots.rsqrt(x))


@ON_EVERY_TARGET
@pytest.mark.parametrize(("x0", "n"), [(1, 0), (1, 30), (60, 15), (63, 23), (332, 15), (2**24 - 1, 6)])
def test_shiftexp(target: str, x0: int, n: int) -> None:
    near = -np.arange(0, 3 * x0 if x0 < 1000 else 1000)
    far = -np.abs(integers(np.random.default_rng(4), (300,), np.int32).astype(np.int64))
    x = np.concatenate([near, far, [-(2**31), 0, -n * x0, -n * x0 + 1]])
    x = np.clip(x, -(2**31), 0).astype(np.int32)
    operands = Operands()
    op = ShiftExpOp(operands.activation(x), x0, n, result(x.shape, np.int32))
    check(op, operands, target, 3, shiftexp(x, x0, n))


@ON_EVERY_TARGET
@FEW
@given(SEEDS, ROWS, CHANNELS, st.integers(2, 31), st.booleans(), THREADS)
def test_intdiv(
    target: str, seed: int, rows: int, channels: int, bits: int, by_row: bool, threads: int
) -> None:
    rng = np.random.default_rng(seed)
    shape = (rows, 1) if by_row else (rows, channels)
    divisor = np.maximum(np.abs(integers(rng, shape, np.int32).astype(np.int64)), 1)
    divisor = np.minimum(divisor, 2**31 - 1).astype(np.int32)
    part = integers(rng, (rows, channels), np.uint8).astype(np.int64)
    dividend = (divisor.astype(np.int64) * part // 255).astype(np.int32)
    operands = Operands()
    op = IntDivOp(
        operands.activation(dividend), operands.activation(divisor), bits, result(dividend.shape, np.int32)
    )
    check(op, operands, target, threads, intdiv(dividend, divisor, bits))
