"""Reference of the two LayerNorms: exact against slow ones, and their distance from the real LayerNorm."""

from __future__ import annotations

import math

import numpy as np
import pytest
import slow_reference as slow
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from ivit_dialect import reference

INT16 = st.integers(-32768, 32767) | st.sampled_from([-32768, -1, 0, 1, 32767])
ROWS = st.lists(INT16, min_size=1, max_size=24)
OUT = st.sampled_from(["int8", "uint8", "int16", "int32"])
CHANNELS = [1, 2, 3, 64, 192, 197, 768, 1024, 2048, 4096]
IDENTITY_SHIFT = 1


def extreme_rows(channels: int) -> dict[str, NDArray[np.int16]]:
    """Rows at the edges of int16, with no variance, and ordinary ones."""
    rng = np.random.default_rng(channels)
    alternating = np.where(np.arange(channels) % 2, 32767, -32768)
    outlier = np.zeros(channels, np.int64)
    outlier[-1] = 32767
    rows = {
        "zeros": np.zeros(channels),
        "lowest": np.full(channels, -32768),
        "highest": np.full(channels, 32767),
        "alternating": alternating,
        "one high": np.where(np.arange(channels) == 0, 32767, -32768),
        "outlier": outlier,
        "negative": rng.integers(-32768, 0, channels),
        "small": rng.integers(-3, 4, channels),
        "uniform": rng.integers(-32768, 32768, channels),
        "normal": np.clip(rng.normal(500, 4000, channels), -32768, 32767),
    }
    return {name: row.astype(np.int16) for name, row in rows.items()}


def identity(channels: int) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """An affine that, with shift 1 and int32 out, gives back its input."""
    return np.full(channels, 2, np.int32), np.zeros(channels, np.int64)


def normalised(row: NDArray[np.int16], epsilon: int) -> NDArray[np.int64]:
    scale, offset = identity(row.size)
    return reference.layernorm(row[None], scale, offset, IDENTITY_SHIFT, epsilon, np.int32)[0].astype(
        np.int64
    )


def i_normalised(row: NDArray[np.int16]) -> NDArray[np.int64]:
    scale, offset = identity(row.size)
    return reference.i_layernorm(row[None], scale, offset, IDENTITY_SHIFT, np.int32)[0].astype(np.int64)


@given(ROWS, st.data(), st.integers(1, 62), st.integers(1, 2**56 - 1) | st.integers(1, 100), OUT)
def test_layernorm(row: list[int], data: st.DataObject, shift: int, epsilon: int, out: str) -> None:
    scale, offset = draw_affine(data, len(row))
    result = reference.layernorm(
        np.array([row], np.int16), np.array(scale, np.int32), np.array(offset), shift, epsilon, out
    )
    assert result.dtype == out
    columns = zip(slow.normalised(row, epsilon), scale, offset, strict=True)
    assert result.tolist() == [[slow.affine(h, m, b, shift, out) for h, m, b in columns]]


@given(ROWS, st.data(), st.integers(1, 62), OUT)
def test_i_layernorm(row: list[int], data: st.DataObject, shift: int, out: str) -> None:
    scale, offset = draw_affine(data, len(row))
    result = reference.i_layernorm(
        np.array([row], np.int16), np.array(scale, np.int32), np.array(offset), shift, out
    )
    assert result.dtype == out
    columns = zip(slow.i_normalised(row), scale, offset, strict=True)
    assert result.tolist() == [[slow.affine(h, m, b, shift, out) for h, m, b in columns]]


def draw_affine(data: st.DataObject, channels: int) -> tuple[list[int], list[int]]:
    """Gammas of either sign or zero, betas of any size that leaves room for the product."""
    scale = st.integers(-(2**31), 2**31 - 1) | st.sampled_from([0, 1, -1])
    offset = st.integers(-(2**61), 2**61)
    return (
        data.draw(st.lists(scale, min_size=channels, max_size=channels)),
        data.draw(st.lists(offset, min_size=channels, max_size=channels)),
    )


@pytest.mark.parametrize("channels", CHANNELS)
@pytest.mark.parametrize("epsilon", [1, 1 << 30, (1 << 56) - 1])
def test_layernorm_is_the_exact_quotient_to_a_unit_in_q20(channels: int, epsilon: int) -> None:
    """``|h - 2^20 (x - mean) / std| < 0.6``, the square root taken with 100 more bits than needed."""
    for name, row in extreme_rows(channels).items():
        values = [int(x) for x in row]
        total = sum(values)
        variance = channels * sum(x * x for x in values) - total**2 + epsilon
        reciprocal = math.isqrt((1 << 240) // variance)  # 2^120 / sqrt(v)
        h = normalised(row, epsilon).tolist()
        for x, got in zip(values, h, strict=True):
            difference = abs(got * (1 << 100) - (channels * x - total) * reciprocal)
            assert difference * 10 < 6 * (1 << 100) + (1 << 40), f"{name}: {x}"
        assert max(abs(int(value)) for value in h) <= (math.isqrt(channels) + 1) << 20


@pytest.mark.parametrize("channels", CHANNELS)
def test_layernorm_of_equal_values_is_zero(channels: int) -> None:
    for value in (-32768, -1, 0, 1, 32767):
        assert not normalised(np.full(channels, value, np.int16), 1).any()


@pytest.mark.parametrize("channels", [channels for channels in CHANNELS if channels <= 2048])
def test_i_layernorm_lies_near_layernorm(channels: int) -> None:
    """Within a mean rounded to an integer, and a root and reciprocal rounded down (methods.md 5)."""
    for name, row in extreme_rows(channels).items():
        values = row.astype(np.float64)
        rounded = values - np.floor(values.mean() + 0.5)
        root = np.sqrt(np.sum(rounded**2))
        h = i_normalised(row) / 2.0**30
        if root < 187:
            # Newton's ten steps end too high, never below 64
            assert np.all(np.abs(h) <= np.abs(rounded) / 64), name
            continue
        exact = (values - values.mean()) / np.sqrt(np.sum((values - values.mean()) ** 2))
        reciprocal_error = 1 / (root - 1) + root / 2.0**31
        assert np.all(np.abs(h - exact) <= np.abs(exact) * 2 * reciprocal_error + 1 / root + 2.0**-29), name


@pytest.mark.parametrize("channels", [channels for channels in CHANNELS if channels <= 2048])
def test_i_layernorm_of_equal_values_is_zero(channels: int) -> None:
    for value in (-32768, -1, 0, 1, 32767):
        assert not i_normalised(np.full(channels, value, np.int16)).any()


@pytest.mark.parametrize("channels", [1, 768, 2048])
def test_extreme_rows_match_the_slow_reference(channels: int) -> None:
    for name, row in extreme_rows(channels).items():
        values = [int(x) for x in row]
        assert normalised(row, 1).tolist() == slow.normalised(values, 1), name
        assert i_normalised(row).tolist() == slow.i_normalised(values), name


def test_widest_layernorm_matches_the_slow_reference() -> None:
    row = extreme_rows(4096)["alternating"]
    assert normalised(row, (1 << 56) - 1).tolist() == slow.normalised(row.tolist(), (1 << 56) - 1)
