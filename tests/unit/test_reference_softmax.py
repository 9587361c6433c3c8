"""Reference of shiftexp and the softmaxes: exact against slow ones, and how far from e^x they lie."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
import slow_reference as slow
from hypothesis import example, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from ivit_dialect import reference

INT8 = st.integers(-128, 127) | st.sampled_from([-128, -1, 0, 127])
X0_GRID = [1, 2, 3, 4, 7, 8, 10, 15, 16, 20, 31, 50, 64, 100, 127, 128, 200, 255, 332]
DIFFERENCES = np.arange(-255, 1)

# p stands for 1.4375 x with floors that move it by at most -1/2 and +15/16; the halving of r costs at most
# half a unit of x0, and 1 + t/2 exceeds 2^t by at most 6.15 % on (-1, 0].
LINEAR_EXCESS = 1.0615


def widest_n(x0: int, terms: int, most: int) -> int:
    """The largest n up to ``most`` for which ``terms * x0 * 2^n`` stays below 2^31."""
    return max(n for n in range(most + 1) if terms * x0 << n < 1 << 31)


def bounds_of_shiftexp(x: NDArray[np.int64], x0: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """What ``shiftexp / (x0 * 2^n)`` lies between, wherever ``n`` does not cut it off."""
    low = (1 - 1 / x0) * np.exp2((1.4375 * x - 0.5) / x0)
    return low, LINEAR_EXCESS * np.exp2((1.4375 * x + 0.9375) / x0)


@settings(max_examples=300)
@given(
    st.integers(-(2**31), 0) | st.integers(-2000, 0),
    st.integers(1, 2**24 - 1) | st.integers(1, 400),
    st.integers(0, 30),
)
@example(-(2**31), 1, 30)
@example(0, 2**24 - 1, 6)
@example(-1, 1, 0)
def test_shiftexp(x: int, x0: int, n: int) -> None:
    n = min(n, widest_n(x0, 1, 30))
    result = reference.shiftexp(np.array([x], np.int32), x0, n)
    assert result.dtype == np.int32
    assert result.tolist() == [slow.shiftexp(x, x0, n)]


@given(st.integers(-(2**31), 0), st.integers(1, 2**24 - 1), st.integers(0, 30))
def test_shiftexp_may_clamp_its_input_first(x: int, x0: int, n: int) -> None:
    """The freedom that spec.md gives implementers."""
    n = min(n, widest_n(x0, 1, 30))
    inputs = np.array([x, max(x, -n * x0)])
    first, clamped = reference.shiftexp(inputs, x0, n).tolist()
    assert first == clamped


@pytest.mark.parametrize("x0", X0_GRID)
@pytest.mark.parametrize("most", [15, 16, 23])
def test_shiftexp_of_every_difference(x0: int, most: int) -> None:
    n = widest_n(x0, 1, most)
    y = reference.shiftexp(DIFFERENCES, x0, n)
    assert y.tolist() == [slow.shiftexp(int(x), x0, n) for x in DIFFERENCES]
    assert y.min() > 0
    assert y[-1] == x0 << n
    assert np.all(np.diff(y) >= 0)
    low, high = bounds_of_shiftexp(DIFFERENCES, x0)
    value = y / (x0 << n)
    within = -n * x0 < DIFFERENCES * 1.4375 + 0.9375
    assert np.all(value[within] >= low[within])
    assert np.all(value[within] <= high[within])
    assert np.all(value >= 2.0**-n * (1 - 1 / x0))


@given(st.integers(0, 2**31 - 1), st.integers(1, 2**31 - 1), st.integers(2, 31))
@example(2**31 - 1, 2**31 - 1, 31)
@example(1, 1, 2)
def test_intdiv(x: int, divisor: int, bits: int) -> None:
    x = min(x, divisor)
    result = reference.intdiv(np.array([[x]], np.int32), np.array([[divisor]], np.int32), bits)
    assert result.tolist() == [[slow.intdiv(x, divisor, bits)]]
    assert 0 <= int(result[0, 0]) < 2 ** (bits - 1)


@given(st.lists(INT8, min_size=1, max_size=40), st.sampled_from(X0_GRID), st.integers(0, 16), st.data())
def test_shiftmax(row: list[int], x0: int, n: int, data: st.DataObject) -> None:
    out = data.draw(st.sampled_from(["int8", "int16"]))
    bits = data.draw(st.integers(2, 8 if out == "int8" else 16))
    n = min(n, widest_n(x0, len(row), 16))
    result = reference.shiftmax(np.array([row], np.int8), x0, n, bits, out)
    assert result.dtype == out
    assert result.tolist() == [slow.shiftmax(row, x0, n, bits)]


@pytest.mark.parametrize("x0", X0_GRID)
@pytest.mark.parametrize("bits", [8, 16])
def test_shiftmax_of_every_int8_lies_near_softmax(x0: int, bits: int) -> None:
    row = np.arange(-128, 128).astype(np.int8)
    n = widest_n(x0, row.size, 16)
    y = reference.shiftmax(row[None], x0, n, bits, np.int16)[0].astype(np.int64)
    assert y.sum() <= 1 << (bits - 1)
    assert np.all(np.diff(y) >= 0)
    low, high = bounds_of_shiftexp(DIFFERENCES, x0)
    # n cuts the exponentials off from below: no value is less than the least, 2^-n
    low, high = np.maximum(low, 2.0**-n * (1 - 1 / x0)), np.maximum(high, 2.0**-n)
    total = math.fsum(reference.shiftexp(DIFFERENCES, x0, n).tolist())
    unit = 1 << (bits - 1)
    assert np.all(y * low.sum() <= high * unit)
    # the reciprocal and the result are each rounded down
    assert np.all(y >= low / high.sum() * unit * (1 - total / 2**31) - 1)


@pytest.mark.parametrize("value", [-128, -1, 0, 127])
@pytest.mark.parametrize("count", [1, 2, 197, 577])
def test_shiftmax_of_equal_scores_is_even(value: int, count: int) -> None:
    row = np.full((1, count), value, np.int8)
    n = widest_n(20, count, 15)
    y = reference.shiftmax(row, 20, n, 16, np.int16)
    assert np.unique(y).size == 1
    # the reciprocal has few bits where the sum has many: methods.md 6
    share = Fraction(1 << 15, count)
    assert share * (1 - Fraction(count * 20 << n, 2**31 - 1)) - 1 < int(y[0, 0]) <= share


TABLE = np.rint(255 * np.exp(-np.arange(256) / 32)).astype(np.uint8)


@given(
    st.lists(st.integers(-(2**25), 2**25) | st.integers(-500, 500), min_size=1, max_size=20),
    st.integers(1, 2**31 - 1),
    st.integers(1, 60),
)
@example([2**25, -(2**25)], 2**31 - 1, 1)
def test_softmax(row: list[int], multiplier: int, shift: int) -> None:
    codes, total = reference.softmax(np.array([row], np.int32), TABLE, multiplier, shift)
    expected, expected_total = slow.softmax(row, TABLE.tolist(), multiplier, shift)
    assert (codes.dtype, total.dtype) == (np.uint8, np.int32)
    assert codes.tolist() == [expected]
    assert total.tolist() == [[expected_total]]


def test_softmax_reads_every_entry_of_its_table() -> None:
    codes, total = reference.softmax(-np.arange(256, dtype=np.int32)[None] * 2, TABLE, 1, 1)
    assert codes[0].tolist() == TABLE.tolist()
    assert total.tolist() == [[int(TABLE.sum())]]


def test_rows_are_apart() -> None:
    rows: NDArray[Any] = np.array([[[1, 2, 3], [3, 2, 1]], [[0, 0, 0], [-5, 100, 7]]], np.int8)
    together = reference.shiftmax(rows, 10, 15, 16, np.int16)
    one_by_one = [
        [reference.shiftmax(row[None], 10, 15, 16, np.int16)[0].tolist() for row in r] for r in rows
    ]
    assert together.tolist() == one_by_one
