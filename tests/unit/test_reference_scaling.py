"""Reference of requantisation, residual add, tables and plain arithmetic, against exact rationals."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import slow_reference as slow
from hypothesis import example, given
from hypothesis import strategies as st
from numpy.typing import NDArray

from ivit_dialect import reference

OUT = st.sampled_from(["int8", "uint8", "int16", "int32"])
IN = st.sampled_from(["int8", "uint8", "int16", "int32"])
SHIFTS = st.integers(1, 62)
EDGES = [-(2**31), -(2**31) + 1, -1, 0, 1, 2**31 - 1]
INT32 = st.integers(-(2**31), 2**31 - 1) | st.sampled_from(EDGES)
MULTIPLIERS = st.integers(-(2**31) + 1, 2**31 - 1) | st.sampled_from(EDGES[1:])


def value_of(dtype: str) -> st.SearchStrategy[int]:
    low, high = slow.LIMITS[dtype]
    edges = [v for v in (low, low + 1, -1, 0, 1, high - 1, high) if low <= v <= high]
    return st.integers(low, high) | st.sampled_from(edges)


@st.composite
def rows(draw: st.DrawFn, dtypes: st.SearchStrategy[str] = IN) -> NDArray[Any]:
    dtype = draw(dtypes)
    values = draw(st.lists(value_of(dtype), min_size=1, max_size=12))
    return np.array([values], dtype)


@given(rows(), MULTIPLIERS, SHIFTS, OUT, st.data())
def test_requant(x: NDArray[Any], multiplier: int, shift: int, out: str, data: st.DataObject) -> None:
    zero_point = data.draw(value_of(out))
    expected = [[slow.requant(int(v), multiplier, shift, out, zero_point) for v in x[0]]]
    result = reference.requant(x, multiplier, shift, out, zero_point)
    assert result.dtype == out
    assert result.tolist() == expected


@given(rows(), st.data(), SHIFTS, OUT)
def test_requant_per_channel(x: NDArray[Any], data: st.DataObject, shift: int, out: str) -> None:
    width = x.shape[1]
    multipliers = data.draw(st.lists(INT32, min_size=width, max_size=width))
    expected = [slow.requant(int(v), m, shift, out) for v, m in zip(x[0], multipliers, strict=True)]
    result = reference.requant(x, np.array(multipliers, np.int32), shift, out)
    assert result.tolist() == [expected]


@given(INT32, MULTIPLIERS, st.integers(33, 62))
@example(-(2**31), -(2**31) + 1, 33)
@example(2**31 - 1, 2**31 - 1, 33)
def test_upper_half_form_of_requant(x: int, multiplier: int, shift: int) -> None:
    """The identity that spec.md gives implementers: ``(mulhi32(x, b) + 2^(c-33)) >> (c-32)``."""
    upper = (x * multiplier) >> 32
    fast = (upper + (1 << (shift - 33))) >> (shift - 32)
    result = reference.requant(np.array([x], np.int32), multiplier, shift, np.int64)
    assert result.tolist() == [fast]


@given(
    rows(st.just("int32")),
    st.integers(255, 2**31 - 1),
    st.integers(0, 2**31 - 1),
    st.integers(0, 254),
    SHIFTS,
    OUT,
)
def test_row_requant(
    x: NDArray[Any], divisor: int, factor: int, remainder: int, shift: int, out: str
) -> None:
    dividend = 255 * factor + remainder
    result = reference.row_requant(x, np.array([[divisor]], np.int32), dividend, 255, shift, out)
    multiplier = dividend // divisor
    assert result.tolist() == [[slow.requant(int(v), multiplier, shift, out) for v in x[0]]]


def test_row_requant_has_one_multiplier_a_row() -> None:
    x = np.full((2, 2, 3), 1000, np.int32)
    divisor = np.array([[[256], [512]], [[1024], [2048]]], np.int32)
    result = reference.row_requant(x, divisor, 1 << 20, 255, 12, np.int16)
    assert result[:, :, 0].tolist() == [[1000, 500], [250, 125]]


SCALE = st.none() | st.tuples(MULTIPLIERS, SHIFTS)


@given(st.data(), SCALE, SCALE, OUT)
def test_add(
    data: st.DataObject, lhs_scale: tuple[int, int] | None, rhs_scale: tuple[int, int] | None, out: str
) -> None:
    lhs, rhs = data.draw(rows()), data.draw(rows())
    width = min(lhs.shape[1], rhs.shape[1])
    lhs, rhs = lhs[:, :width], rhs[:, :width]
    result = reference.add(lhs, rhs, out, lhs_scale=lhs_scale, rhs_scale=rhs_scale)
    expected = [
        slow.clamp(
            (int(a) if lhs_scale is None else slow.dyadic(int(a), *lhs_scale))
            + (int(b) if rhs_scale is None else slow.dyadic(int(b), *rhs_scale)),
            out,
        )
        for a, b in zip(lhs[0], rhs[0], strict=True)
    ]
    assert result.dtype == out
    assert result.tolist() == [expected]


def test_add_broadcasts_rhs_over_the_batch() -> None:
    lhs = np.array([[[1, 2]], [[3, 4]]], np.int32)
    result = reference.add(lhs, np.array([[[10, 20]]], np.int16), np.int16)
    assert result.tolist() == [[[11, 22]], [[13, 24]]]


@pytest.mark.parametrize("dtype", ["int8", "uint8"])
@pytest.mark.parametrize("entry", ["int8", "uint8", "int16", "int32"])
def test_lookup_reads_every_entry(dtype: str, entry: str) -> None:
    low, high = slow.LIMITS[dtype]
    table = np.random.default_rng(0).integers(*slow.LIMITS[entry], 256, endpoint=True).astype(entry)
    x = np.arange(low, high + 1).astype(dtype)
    result = reference.lookup(x, table)
    assert result.dtype == entry
    assert result.tolist() == table.tolist()


@given(
    rows(st.just("int32")),
    st.data(),
    st.integers(1, 62),
    OUT,
)
def test_affine(x: NDArray[Any], data: st.DataObject, shift: int, out: str) -> None:
    width = x.shape[1]
    scale = data.draw(st.lists(INT32, min_size=width, max_size=width))
    offset = data.draw(st.lists(st.integers(-(2**62), 2**62 - 1), min_size=width, max_size=width))
    result = reference.affine(x, np.array(scale, np.int32), np.array(offset, np.int64), shift, out)
    columns = zip(x[0], scale, offset, strict=True)
    assert result.tolist() == [[slow.affine(int(v), m, b, shift, out) for v, m, b in columns]]


INT64 = value_of("int64")
ARITHMETIC: dict[str, Callable[[int, int], int | None]] = {
    "addi": lambda a, b: a + b,
    "subi": lambda a, b: a - b,
    "muli": lambda a, b: a * b,
    "maxi": lambda a, b: a if a > b else b,
    "shift_right": lambda a, b: a // 2**b if 0 <= b <= 63 else None,
    "rounding_shift_right": lambda a, b: (
        slow.dyadic(a, 1, b) if 1 <= b <= 62 and a + 2 ** (b - 1) < 2**63 else None
    ),
    "floor_div": lambda a, b: a // b if b > 0 else None,
}


@pytest.mark.parametrize("name", ARITHMETIC)
@example(-1, 2**63 - 1, "int64")
@given(INT64, INT64 | st.integers(-2, 66), st.sampled_from(["int8", "uint8", "int16", "int32", "int64"]))
def test_arithmetic_is_exact_or_raises(name: str, a: int, b: int, out: str) -> None:
    function = getattr(reference, name)
    low, high = slow.LIMITS[out]
    expected = ARITHMETIC[name](a, b)
    lhs, rhs = np.array([[a]]), np.array([[b]])
    if expected is None or not low <= expected <= high:
        with pytest.raises(OverflowError):
            function(lhs, rhs, out)
    else:
        result = function(lhs, rhs, out)
        assert result.dtype == out
        assert result.tolist() == [[expected]]


@pytest.mark.parametrize("name", ARITHMETIC)
def test_arithmetic_broadcasts(name: str) -> None:
    lhs = np.array([[[7], [9]]], np.int32)
    rhs = np.array([1, 2, 3], np.int8)
    result = getattr(reference, name)(lhs, rhs, np.int32)
    assert result.shape == (1, 2, 3)
    assert result.tolist() == [[[ARITHMETIC[name](a, b) for b in (1, 2, 3)] for a in (7, 9)]]


@given(st.lists(INT64, min_size=1, max_size=8), st.sampled_from(["int16", "int32", "int64"]))
def test_reduce_is_exact_or_raises(values: list[int], out: str) -> None:
    low, high = slow.LIMITS[out]
    for function, expected in ((reference.reduce_sum, sum(values)), (reference.reduce_max, max(values))):
        if low <= expected <= high:
            assert function(np.array([values]), 1, out).tolist() == [[expected]]
        else:
            with pytest.raises(OverflowError):
                function(np.array([values]), 1, out)


def test_reduce_keeps_the_dimension() -> None:
    x = np.arange(24, dtype=np.int32).reshape(2, 3, 4)
    assert reference.reduce_sum(x, 1, np.int32).tolist() == x.sum(1, keepdims=True).tolist()
    assert reference.reduce_max(x, 2, np.int32).tolist() == x.max(2, keepdims=True).tolist()


def test_floats_are_refused() -> None:
    with pytest.raises(TypeError, match="expected integers, got float64"):
        reference.addi(np.array([1.0]), np.array([1]), np.int32)  # pyright: ignore[reportArgumentType]  # the error under test
