"""FQ-ViT's ops: exact against slow references, near what they approximate, their kernels bit for bit."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from kernel_harness import Array, Operands, check, integers
from kernel_strategies import CHANNELS, FEW, ON_EVERY_TARGET, ROWS, SEEDS, THREADS

from ivit_dialect import reference
from ivit_dialect.ops.fqvit import LogIntSoftmaxOp

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
