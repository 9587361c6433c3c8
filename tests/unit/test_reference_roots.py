"""Reference of the square roots, against Python's exact ones, over all their ranges."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import slow_reference as slow
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ivit_dialect import reference

MAX64 = 2**63 - 1
LARGEST_ROOT = math.isqrt(MAX64)


def near_squares(largest: int) -> st.SearchStrategy[int]:
    """Squares, and their neighbours: where a rounded root goes wrong."""
    pairs = st.tuples(st.integers(0, math.isqrt(largest)), st.integers(-2, 2))
    return pairs.map(lambda pair: min(max(pair[0] ** 2 + pair[1], 0), largest))


@settings(max_examples=500)
@given(st.integers(0, MAX64) | near_squares(MAX64))
@example(0)
@example(MAX64)
@example(LARGEST_ROOT**2)
@example(LARGEST_ROOT**2 - 1)
def test_isqrt(x: int) -> None:
    assert reference.isqrt(np.array([x])).tolist() == [math.isqrt(x)]


def test_isqrt_around_every_power_of_two() -> None:
    values = sorted({min(max((1 << e) + d, 0), MAX64) for e in range(64) for d in range(-3, 4)})
    assert reference.isqrt(np.array(values)).tolist() == [math.isqrt(v) for v in values]


def test_isqrt_of_everything_small() -> None:
    assert reference.isqrt(np.arange(1 << 16)).tolist() == [math.isqrt(v) for v in range(1 << 16)]


@given(st.integers(0, 2**41 - 1) | near_squares(2**41 - 1))
@example(0)
@example(2**41 - 1)
def test_newton_sqrt(x: int) -> None:
    assert reference.newton_sqrt(np.array([x])).tolist() == [slow.newton_sqrt(x)]


def test_newton_sqrt_never_falls_below_the_root_or_64() -> None:
    roots = np.arange(1, 1483, dtype=np.int64) * 1000
    x = np.concatenate([np.arange(1 << 18), roots**2 - 1, roots**2, roots**2 + 1])
    x = x[x < 1 << 41]
    k = reference.newton_sqrt(x)
    excess = k - reference.isqrt(x)
    assert k.min() == 64
    assert excess.min() == 0
    assert excess[x >= 1 << 16].max() == 1


@settings(max_examples=500)
@given(st.integers(1, 2**62 - 1) | near_squares(2**62 - 1).filter(bool))
@example(1)
@example(2**60 - 1)
@example(2**60)
@example(2**62 - 1)  # the least mantissa, 2^30
def test_rsqrt(x: int) -> None:
    mantissa, exponent = (int(part[0]) for part in reference.rsqrt(np.array([x])))
    assert (mantissa, exponent) == slow.rsqrt(x)
    assert 2**30 <= mantissa <= 2**31
    assert 31 <= exponent <= 61
    # mantissa * 2^-exponent within 2^-30 of 1 / sqrt(x), relatively: compare squares, exactly.
    square = Fraction(mantissa, 2**exponent) ** 2 * x
    assert (1 - Fraction(1, 2**30)) ** 2 < square < (1 + Fraction(1, 2**30)) ** 2
