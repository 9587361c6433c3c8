"""Integers of 4 bits in .ivit files: half the bytes, the same values, and nothing else is believed."""

from __future__ import annotations

from math import prod
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from native import BOUNDARY, tiny_program

from ivit.inspection import weights_text
from ivit_dialect.store import WeightStore
from runtime import nibbles
from runtime.artifact import Artifact, load, save


@given(st.lists(st.integers(1, 5), min_size=1, max_size=3), st.integers(0, 2**32 - 1))
def test_packed_values_come_back(shape: list[int], seed: int) -> None:
    values = np.random.default_rng(seed).integers(-8, 8, shape, dtype=np.int8)
    packed = nibbles.pack(values)
    assert packed.nbytes == (prod(shape) + 1) // 2
    back = nibbles.unpack(packed, tuple(shape))
    assert back.dtype == np.int8
    np.testing.assert_array_equal(back, values)


def test_every_value() -> None:
    values = np.arange(-8, 8, dtype=np.int8)
    assert nibbles.unpack(nibbles.pack(values), (16,)).tolist() == values.tolist()


@pytest.mark.parametrize(
    ("values", "fits"), [([7, -8], True), ([8, 0], False), ([0, -9], False), ([0], False)]
)
def test_what_is_packed(values: list[int], fits: bool) -> None:
    assert nibbles.fits(np.array(values, np.int8)) == fits
    assert not nibbles.fits(np.array(values, np.int16))


@pytest.mark.parametrize("shape", [(4,), (-2, -3), (7,)])
def test_bytes_that_do_not_fit_the_shape(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="3 bytes do not hold"):
        nibbles.unpack(np.zeros(3, np.uint8), shape)


def test_files_shrink(tmp_path: Path) -> None:
    weight = np.random.default_rng(0).integers(-8, 8, (300, 201), dtype=np.int8)
    path = tmp_path / "model.ivit"
    save(Artifact(BOUNDARY, tiny_program(), "", {"w": weight, "wide": weight * 2}), path)
    assert weight.size * 1.5 < path.stat().st_size < weight.size * 1.5 + 4096
    store = load(path).store
    assert sorted(store) == ["w", "wide"]
    np.testing.assert_array_equal(store["w"], weight)
    np.testing.assert_array_equal(store["wide"], weight * 2)


def test_inspect_counts_half_bytes() -> None:
    store = WeightStore({"w": np.zeros(2001, np.int8), "b": np.zeros(10, np.int32)})
    assert weights_text(store, packed=True) == "2 tensors, 1.0 kB (int4 1.0 kB, int32 40 bytes)"
    assert weights_text(store) == "2 tensors, 2.0 kB (int8 2.0 kB, int32 40 bytes)"
