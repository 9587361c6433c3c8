"""Kernels of I-BERT's softmax, GELU and LayerNorm, against the NumPy reference, bit for bit."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from kernel_harness import Operands, check, integers
from kernel_strategies import (
    ANY_WIDTH,
    CHANNELS,
    FEW,
    NARROW,
    ON_EVERY_TARGET,
    ROWS,
    SEEDS,
    SHIFTS,
    SIGNED,
    THREADS,
    result,
)
from test_kernels_every_input import INT8, SCALES
from test_kernels_rows import norm_rows
from xdsl.dialects.builtin import IntegerType

from ivit_dialect import reference
from ivit_dialect.element_types import element_format
from ivit_dialect.ops.ibert import IbertGeluOp, IbertLayerNormOp, IbertSoftmaxOp


def largest_n(terms: int, c: int) -> int:
    """The most bits below those of ``c`` that ``terms`` exponentials have room for."""
    return max(n for n in range(31) if terms * c << n < 2**31)


@ON_EVERY_TARGET
@FEW
@given(SEEDS, ROWS, CHANNELS, NARROW, ANY_WIDTH, st.integers(1, 400), THREADS)
def test_softmax(
    target: str,
    seed: int,
    rows: int,
    columns: int,
    x_type: IntegerType,
    y_type: IntegerType,
    x0: int,
    threads: int,
) -> None:
    rng = np.random.default_rng(seed)
    x = integers(rng, (2, rows, columns), x_type)
    out = element_format(y_type)
    bits = int(rng.integers(1, out.high.bit_length() + 1))
    # Any polynomial that does not fall below 0: b^2 / 4 is its depth.
    b = int(rng.integers(x0 - 1, 8 * x0))
    c = int(rng.integers(b * b // 4 + 1, b * b + 8))
    n = int(rng.integers(0, largest_n(columns, c) + 1))
    operands = Operands()
    op = IbertSoftmaxOp(operands.activation(x, x_type), x0, b, c, n, bits, result(x.shape, y_type))
    check(op, operands, target, threads, reference.ibert_softmax(x, x0, b, c, n, bits, out))


@ON_EVERY_TARGET
def test_softmax_of_every_difference(target: str) -> None:
    """Row i holds a maximum and a value i below it; every bit of 31 is used."""
    x = np.stack([np.full(256, 127), 127 - np.arange(256)], axis=-1).astype(np.int8)
    for scale in SCALES:
        x0, b, c = max(round(0.6931 / scale), 1), round(2.7073 / scale), round(2.7921 / scale**2)
        n = largest_n(2, c)
        operands = Operands()
        op = IbertSoftmaxOp(operands.activation(x), x0, b, c, n, 15, result(x.shape, np.int16))
        check(op, operands, target, 3, reference.ibert_softmax(x, x0, b, c, n, 15, np.int16))


@ON_EVERY_TARGET
@pytest.mark.parametrize(("columns", "c"), [(1, 2**31 - 1), (2, 2**30 - 1), (3, 715827882), (65, 33038209)])
def test_softmax_whose_sums_nearly_wrap(target: str, columns: int, c: int) -> None:
    """Rows of equal values, the largest that ``C * c < 2^31`` allows, and one value above the others."""
    x = np.full((6, columns), -128, np.int8)
    x[1], x[2], x[3] = 127, 0, -5
    x[4, -1], x[5, 0] = -127, 127
    operands = Operands()
    op = IbertSoftmaxOp(operands.activation(x), 90, 1 << 15, c, 0, 15, result(x.shape, np.int16))
    expected = reference.ibert_softmax(x, 90, 1 << 15, c, 0, 15, np.int16)
    assert all(len(np.unique(row)) == 1 for row in expected[:4])
    check(op, operands, target, 3, expected)


@ON_EVERY_TARGET
@FEW
@given(
    SEEDS,
    CHANNELS,
    st.integers(-(2**15), -1),
    st.integers(-(2**30), -1),
    st.integers(0, 30),
    SIGNED,
    THREADS,
)
def test_gelu(
    target: str, seed: int, channels: int, b: int, c: int, shift: int, x_type: IntegerType, threads: int
) -> None:
    rng = np.random.default_rng(seed)
    x = integers(rng, (3, channels), x_type)
    limit = (2**31 - 1) >> (x_type.width.data - 1)
    largest = max(-c, c + b * b)
    while -(-largest >> shift) >= limit:
        shift += 1
    room = limit + (-largest >> shift)
    one = int(rng.integers(-room, room + 1))
    operands = Operands()
    op = IbertGeluOp(operands.activation(x, x_type), b, c, one, shift, result(x.shape, np.int32))
    check(op, operands, target, threads, reference.ibert_gelu(x, b, c, one, shift))


@ON_EVERY_TARGET
@pytest.mark.parametrize(
    ("bits", "b", "c", "one", "shift"),
    [
        (8, -2048, -(2**23) + 1, -(2**23), 0),
        (8, -(2**15), -1, 2**22, 8),
        (8, -1, -(2**30), -(2**23) + 1, 7),
        (16, -(2**15), -(2**30), -(2**15) + 1, 15),
        (16, -(2**15), -(2**29), 2**15 - 1, 15),
    ],
)
def test_gelu_whose_products_nearly_wrap(
    target: str, bits: int, b: int, c: int, one: int, shift: int
) -> None:
    lowest = -(1 << (bits - 1))
    x = np.r_[lowest : lowest + 5, -2:3, -lowest - 5 : -lowest].astype(f"int{bits}")
    operands = Operands()
    op = IbertGeluOp(operands.activation(x), b, c, one, shift, result(x.shape, np.int32))
    expected = reference.ibert_gelu(x, b, c, one, shift)
    assert np.abs(expected.astype(np.int64)).max() > 2**29
    check(op, operands, target, 1, expected)


@ON_EVERY_TARGET
@pytest.mark.parametrize("shift", [0, 14])
def test_gelu_of_every_int8(target: str, shift: int) -> None:
    x = INT8.astype(np.int8)
    for scale in SCALES[:12]:
        unit = scale / 2**0.5
        b, c = -round(1.769 / unit), -round(3.4626 / unit**2)
        one = -round(3.4626 / unit**2 / 2**shift)
        operands = Operands()
        op = IbertGeluOp(operands.activation(x), b, c, one, shift, result(x.shape, np.int32))
        check(op, operands, target, 3, reference.ibert_gelu(x, b, c, one, shift))


@ON_EVERY_TARGET
@FEW
@given(SEEDS, CHANNELS, SHIFTS, st.integers(0, 15), SIGNED, ANY_WIDTH, THREADS)
def test_layernorm(
    target: str,
    seed: int,
    channels: int,
    shift: int,
    variance_shift: int,
    x_type: IntegerType,
    y_type: IntegerType,
    threads: int,
) -> None:
    rng = np.random.default_rng(seed)
    held, out = element_format(x_type), element_format(y_type)
    x = (norm_rows(rng, channels) >> (16 - x_type.width.data)).astype(held.dtype)
    scale = integers(rng, (channels,), np.int32)
    offset = integers(rng, (channels,), np.int64) >> 3
    operands = Operands()
    op = IbertLayerNormOp(
        operands.activation(x, x_type),
        operands.constant(scale),
        operands.constant(offset),
        shift,
        variance_shift,
        result(x.shape, y_type),
    )
    expected = reference.ibert_layernorm(x, scale, offset, shift, variance_shift, out)
    check(op, operands, target, threads, expected)


@ON_EVERY_TARGET
@pytest.mark.parametrize("variance_shift", [0, 4, 15])
def test_layernorm_of_the_widest_rows(target: str, variance_shift: int) -> None:
    x = norm_rows(np.random.default_rng(0), 4096)
    scale, offset = np.full(4096, 2**31 - 1, np.int32), np.zeros(4096, np.int64)
    operands = Operands()
    constants = operands.constant(scale), operands.constant(offset)
    op = IbertLayerNormOp(operands.activation(x), *constants, 50, variance_shift, result(x.shape, np.int16))
    expected = reference.ibert_layernorm(x, scale, offset, 50, variance_shift, np.int16)
    check(op, operands, target, 2, expected)
