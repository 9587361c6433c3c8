"""Kernels of fused attention, of matmul and of the heads, against the NumPy reference, bit for bit."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kernel_harness import Array, Operands, check, integers
from kernel_strategies import FEW, MULTIPLIERS, ON_EVERY_TARGET, SEEDS, SHIFTS, THREADS, result
from xdsl.ir import SSAValue

from ivit_dialect.ops.attention import AttentionOp, DeltaSoftmaxAttr, ShiftmaxAttr
from ivit_dialect.ops.linear import MatmulOp
from ivit_dialect.ops.shape import MergeHeadsOp, SplitHeadsOp
from ivit_dialect.reference.attention import DeltaSoftmax, ShiftmaxSoftmax, attention
from ivit_dialect.reference.elementwise import requant
from ivit_dialect.reference.linear import matmul
from ivit_dialect.reference.shape import merge_heads, split_heads
from ivit_dialect.types import i64_attr

SHAPES = st.sampled_from(
    [(1, 1, 1), (2, 1, 3), (5, 2, 8), (7, 3, 5), (17, 2, 16), (65, 1, 7), (70, 2, 32), (131, 1, 12)]
)
"""Tokens, heads, channels of a head."""


def _inputs(rng: np.random.Generator, shape: tuple[int, int, int]) -> list[Array]:
    tokens, heads, channels = shape
    return [integers(rng, (tokens, heads * channels), np.int8) for _ in range(3)]


def _check(
    target: str,
    inputs: list[Array],
    heads: int,
    softmax: DeltaSoftmax | ShiftmaxSoftmax,
    attribute: DeltaSoftmaxAttr | ShiftmaxAttr,
    threads: int,
) -> None:
    operands = Operands()
    constants: list[SSAValue | None] = [None, None]
    if isinstance(softmax, DeltaSoftmax):
        constants[0] = operands.constant(softmax.table)
        if not isinstance(softmax.multiplier, int):
            constants[1] = operands.constant(softmax.multiplier)
    query, key, value = (operands.activation(x) for x in inputs)
    op = AttentionOp(query, key, value, heads, attribute, result(inputs[0].shape, np.int8), *constants)
    q, k, v = (x[None] for x in inputs)
    check(op, operands, target, threads, attention(q, k, v, heads, softmax)[0])


def _delta(target: str, inputs: list[Array], heads: int, table: Array, threads: int, *numbers: int) -> None:
    attribute = DeltaSoftmaxAttr.new([i64_attr(number) for number in numbers])
    _check(target, inputs, heads, DeltaSoftmax(table, *numbers), attribute, threads)


def _shiftmax(target: str, inputs: list[Array], heads: int, threads: int, *numbers: int) -> None:
    attribute = ShiftmaxAttr.new([i64_attr(number) for number in numbers])
    _check(target, inputs, heads, ShiftmaxSoftmax(*numbers), attribute, threads)


@ON_EVERY_TARGET
@FEW
@given(
    SEEDS,
    SHAPES,
    st.integers(1, 2**31 - 1),
    SHIFTS,
    st.integers(255, 255 * (2**31 - 1)),
    SHIFTS,
    st.booleans(),
    THREADS,
)
def test_delta_attention(
    target: str,
    seed: int,
    shape: tuple[int, int, int],
    multiplier: int,
    shift: int,
    dividend: int,
    context_shift: int,
    smooth: bool,
    threads: int,
) -> None:
    rng = np.random.default_rng(seed)
    drawn = integers(rng, (256,), np.uint8, spread=False)
    table = np.rint(255 * np.exp(-np.arange(256) / 50)).astype(np.uint8) if smooth else drawn
    table[0] = 255
    _delta(
        target,
        _inputs(rng, shape),
        shape[1],
        table,
        threads,
        multiplier,
        shift,
        dividend,
        context_shift,
    )


@ON_EVERY_TARGET
@settings(FEW, max_examples=4)
@given(SEEDS, SHAPES, SHIFTS, THREADS)
def test_delta_attention_with_a_scale_for_each_head(
    target: str, seed: int, shape: tuple[int, int, int], shift: int, threads: int
) -> None:
    rng = np.random.default_rng(seed)
    table = np.rint(255 * np.exp(-np.arange(256) / 50)).astype(np.uint8)
    multipliers = (rng.integers(0, 2**31, (1, shape[1], 1, 1)) >> rng.integers(0, 8)).astype(np.int32)
    numbers = shift, 255 * 2**22, 30
    attribute = DeltaSoftmaxAttr.new([i64_attr(number) for number in (0, *numbers)])
    softmax = DeltaSoftmax(table, multipliers, *numbers)
    _check(target, _inputs(rng, shape), shape[1], softmax, attribute, threads)


@ON_EVERY_TARGET
@FEW
@given(
    SEEDS,
    SHAPES,
    st.integers(1, 2**31 - 1),
    SHIFTS,
    st.integers(1, 300),
    st.integers(2, 16),
    st.integers(-(2**31) + 1, 2**31 - 1),
    SHIFTS,
    THREADS,
)
def test_shiftmax_attention(
    target: str,
    seed: int,
    shape: tuple[int, int, int],
    multiplier: int,
    shift: int,
    x0: int,
    bits: int,
    context_multiplier: int,
    context_shift: int,
    threads: int,
) -> None:
    inputs = _inputs(np.random.default_rng(seed), shape)
    n = max(n for n in range(31) if shape[0] * x0 << n < 2**31)
    numbers = (multiplier, shift, x0, n, bits, context_multiplier, context_shift)
    _shiftmax(target, inputs, shape[1], threads, *numbers)


@ON_EVERY_TARGET
@pytest.mark.parametrize("extreme", [-128, 127])
def test_attention_at_the_extremes(target: str, extreme: int) -> None:
    """Scores and context as large as they can be, in both directions."""
    shape = (130, 64)
    other = np.where(np.arange(64) % 2, -128, 127) * np.ones(shape)
    table = np.full(256, 255, np.uint8)
    for key in (np.full(shape, extreme), other):
        inputs = [np.full(shape, -128), key, np.full(shape, extreme)]
        inputs = [x.astype(np.int8) for x in inputs]
        _delta(target, inputs, 1, table, 2, 2**31 - 1, 51, 255 * (2**31 - 1), 31)
        _shiftmax(target, inputs, 1, 2, 2**31 - 1, 44, 60, 15, 16, 2**31 - 1, 46)


@ON_EVERY_TARGET
def test_attention_of_a_vision_transformer(target: str) -> None:
    """Scores as a trained model has them: peaked rows, where most codes are small."""
    rng = np.random.default_rng(0)
    inputs = [np.clip(rng.normal(0, 30, (197, 128)), -127, 127).astype(np.int8) for _ in range(3)]
    table = np.rint(255 * np.exp(-np.arange(256) / 30)).astype(np.uint8)
    _delta(target, inputs, 2, table, 4, 1_900_000_000, 39, 255 * 2**22, 30)


LEFT = st.sampled_from([np.int8, np.uint8, np.int16])
NARROW = st.sampled_from([np.int8, np.uint8, np.int16, np.int32])
ZERO_POINTS = st.sampled_from([0, 7, -(2**31), 2**31 - 1])


@ON_EVERY_TARGET
@FEW
@given(
    SEEDS,
    st.integers(1, 3),
    st.sampled_from([1, 5, 13]),
    st.sampled_from([1, 3, 8, 30, 65]),
    st.sampled_from([1, 4, 17, 64, 77]),
    LEFT,
    st.booleans(),
    st.one_of(st.none(), st.tuples(MULTIPLIERS, SHIFTS, ZERO_POINTS, NARROW)),
    THREADS,
)
def test_matmul(
    target: str,
    seed: int,
    heads: int,
    rows: int,
    inner: int,
    columns: int,
    left: Any,
    transposed: bool,
    scale: tuple[int, int, int, Any] | None,
    threads: int,
) -> None:
    rng = np.random.default_rng(seed)
    x = integers(rng, (heads, rows, inner), left)
    y = integers(rng, (heads, columns, inner) if transposed else (heads, inner, columns), np.int8)
    expected = matmul(x, y, transpose_b=transposed)
    given_: dict[str, Any] = {}
    if scale is not None:
        multiplier, shift, zero_point, kind = scale
        zero_point = int(np.clip(zero_point, np.iinfo(kind).min, np.iinfo(kind).max))
        expected = requant(expected, multiplier, shift, kind, zero_point)
        numbers = {"multiplier": multiplier, "shift": shift, "zero_point": zero_point}
        given_ = {name: i64_attr(number) for name, number in numbers.items()}
    operands = Operands()
    op = MatmulOp(
        operands.activation(x),
        operands.activation(y),
        result(expected.shape, expected.dtype),
        transpose_b=transposed,
        **given_,
    )
    check(op, operands, target, threads, expected)


@ON_EVERY_TARGET
@pytest.mark.parametrize("transposed", [False, True])
def test_matmul_in_blocks_of_columns(target: str, transposed: bool) -> None:
    """A right operand that does not fit the scratch."""
    rng = np.random.default_rng(0)
    inner, columns = 1500, 210
    x = integers(rng, (1, 7, inner), np.int8)
    y = integers(rng, (1, columns, inner) if transposed else (1, inner, columns), np.int8)
    expected = matmul(x, y, transpose_b=transposed)
    operands = Operands()
    op = MatmulOp(
        operands.activation(x),
        operands.activation(y),
        result(expected.shape, np.int32),
        transpose_b=transposed,
    )
    check(op, operands, target, 3, expected)


@ON_EVERY_TARGET
@FEW
@given(SEEDS, SHAPES, st.sampled_from([np.int8, np.int16, np.int32]), THREADS)
def test_heads(target: str, seed: int, shape: tuple[int, int, int], dtype: Any, threads: int) -> None:
    tokens, heads, channels = shape
    merged = integers(np.random.default_rng(seed), (tokens, heads * channels), dtype)
    split = split_heads(merged[None], heads)[0]
    operands = Operands()
    there = SplitHeadsOp(operands.activation(merged), result(split.shape, dtype))
    check(there, operands, target, threads, split)
    back = MergeHeadsOp(operands.activation(split), result(merged.shape, dtype))
    check(back, operands, target, threads, merge_heads(split[None])[0])
