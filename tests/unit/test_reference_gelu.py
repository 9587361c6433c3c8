"""Reference of ShiftGELU: exact against a slow one, and where it follows GELU."""

from __future__ import annotations

import numpy as np
import pytest
import slow_reference as slow
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from ivit_dialect import reference

EVERY_INT8 = np.arange(-128, 128).astype(np.int8)
INT8 = st.integers(-128, 127) | st.sampled_from([-128, -1, 0, 127])
PAPER_N = 23


def widest_n(x0: int) -> int:
    """The paper's n, or the largest for which two exponentials do not wrap."""
    return max(n for n in range(PAPER_N + 1) if 2 * x0 << n < 1 << 31)


def gelu(x: NDArray[np.float64]) -> NDArray[np.float64]:
    return x / (1 + np.exp(-1.702 * x))


@given(st.lists(INT8, min_size=1, max_size=16), st.integers(1, 400), st.integers(0, PAPER_N))
def test_shiftgelu(row: list[int], x0: int, n: int) -> None:
    n = min(n, widest_n(x0))
    result = reference.shiftgelu(np.array([row], np.int8), x0, n)
    assert result.dtype == np.int16
    assert result.tolist() == [slow.shiftgelu(row, x0, n)]


@given(st.lists(st.integers(-128, -1), min_size=1, max_size=16), st.integers(1, 400))
def test_negative_rows(row: list[int], x0: int) -> None:
    """The paper's row maximum would shift past the word here; ours keeps the sigmoid at or below one half."""
    result = reference.shiftgelu(np.array([row], np.int8), x0, widest_n(x0))[0]
    assert result.tolist() == slow.shiftgelu(row, x0, widest_n(x0))
    assert all(64 * x <= y <= 0 for x, y in zip(row, result.tolist(), strict=True))


@pytest.mark.parametrize("x0", range(16, 257, 8))
def test_every_int8_follows_gelu_up_to_a_real_maximum_of_8(x0: int) -> None:
    """With the paper's n = 23 the error stays below 0.5 as long as the row's real maximum is below 8."""
    y = reference.shiftgelu(EVERY_INT8[None], x0, widest_n(x0))[0]
    error = np.abs(y / (128 * x0) - gelu(EVERY_INT8 / x0))
    assert error.max() < 0.5


@pytest.mark.parametrize("x0", [16, 20, 32, 64, 128])
def test_negative_int8_follow_gelu_alone(x0: int) -> None:
    """Without positive neighbours the row maximum is 0, and the error is that of shiftexp."""
    negative = np.arange(-128, 1).astype(np.int8)
    y = reference.shiftgelu(negative[None], x0, widest_n(x0))[0]
    error = np.abs(y / (128 * x0) - gelu(negative / x0))
    assert error.max() < 0.06


@pytest.mark.parametrize("x0", [5, 8, 10, 12])
def test_the_papers_failure_past_a_real_maximum_of_9(x0: int) -> None:
    """Methods 1.4: e^-max meets the floor 2^-n, and the sigmoid of every negative input becomes one half."""
    y = reference.shiftgelu(EVERY_INT8[None], x0, PAPER_N)[0]
    most_negative = EVERY_INT8[:8]
    assert (y[:8] // most_negative).tolist() == [63] * 8
