"""The torch kernels of training against the reference, bit for bit."""

# pyright: strict, reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# (torch is only partly typed)

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from xdsl.dialects.builtin import IntegerType, i8, i16

from ivit.qat import arithmetic
from ivit_dialect import reference
from ivit_dialect.element_types import element_format

RNG = np.random.default_rng(5)


def integers(low: int, high: int, shape: tuple[int, ...], dtype: str) -> NDArray[Any]:
    """Random integers in [low, high], both ends among them."""
    array = RNG.integers(low, high, shape, dtype=np.int64, endpoint=True)
    array.flat[0], array.flat[-1] = low, high
    return array.astype(dtype)


def tensor(array: NDArray[Any]) -> torch.Tensor:
    return torch.from_numpy(array.copy())


@pytest.mark.parametrize("bits", [4, 6, 8, 12, 16])
def test_requant_is_the_references(bits: int) -> None:
    element = IntegerType(bits)
    x = integers(-(2**31), 2**31 - 1, (3, 50, 7), "int32")
    multipliers = integers(-(2**30), 2**30, (7,), "int32")
    for shift in (1, 31, 45, 62):
        want = reference.requant(x, multipliers, shift, element_format(element))
        got = arithmetic.clamp(arithmetic.scaled(tensor(x), tensor(multipliers).long(), shift), element)
        np.testing.assert_array_equal(got.numpy(), want)
        assert got.numpy().dtype == want.dtype


@pytest.mark.parametrize("depth", [1, 63, 1040, 1041, 3000])
@pytest.mark.parametrize(("most_a", "most_b"), [(128, 127), (255, 128), (32768, 15), (8, 7)])
def test_products_are_exact_at_every_depth(depth: int, most_a: int, most_b: int) -> None:
    a, b = np.full((2, 3, depth), -most_a), np.full((2, depth, 4), most_b)
    a[1], b[1] = (
        integers(-most_a, most_a, (3, depth), "int64"),
        integers(-most_b, most_b, (depth, 4), "int64"),
    )
    got = arithmetic.product(tensor(a), tensor(b), most_a, most_b)
    np.testing.assert_array_equal(got.numpy(), a @ b)


@pytest.mark.parametrize("channels", [1, 5, 192])
def test_layer_norms_are_the_references(channels: int) -> None:
    x = np.concatenate([integers(-32768, 32767, (20, channels), "int16"), np.full((2, channels), 7, "int16")])
    x = np.concatenate([x, integers(-3, 3, (20, channels), "int16")])
    scale = integers(-(2**20), 2**20, (channels,), "int32")
    offset = integers(-(2**40), 2**40, (channels,), "int64")
    for epsilon in (1, 10**9):
        want = reference.layernorm(x, scale, offset, 40, epsilon, np.int8)
        rows = arithmetic.normalised(tensor(x), epsilon)
        got = arithmetic.affine(rows, tensor(scale), tensor(offset), 40, i8)
        np.testing.assert_array_equal(got.numpy(), want)
    want = reference.i_layernorm(x, scale, offset, 45, np.int16)
    got = arithmetic.affine(arithmetic.i_normalised(tensor(x)), tensor(scale), tensor(offset), 45, i16)
    np.testing.assert_array_equal(got.numpy(), want)


def test_reciprocal_roots_are_the_references_to_the_ends_of_their_range() -> None:
    near = [2**power + off for power in range(62) for off in (-1, 0, 1)]
    x = np.array([value for value in near if 1 <= value < 2**62], np.int64)
    for got, want in zip(arithmetic.rsqrt(tensor(x)), reference.rsqrt(x), strict=True):
        np.testing.assert_array_equal(got.numpy(), want)


@pytest.mark.parametrize(("x0", "n"), [(1, 15), (9, 12), (40, 15), (300, 8)])
def test_shift_functions_are_the_references(x0: int, n: int) -> None:
    x = integers(-128, 127, (40, 33), "int8")
    x[0], x[1], x[2] = -128, 127, integers(-128, -1, (33,), "int8")
    for bits in (8, 16):
        want = reference.shiftmax(x, x0, n, bits, np.int16)
        np.testing.assert_array_equal(arithmetic.shiftmax(tensor(x), x0, n, bits).numpy(), want)
    want = reference.shiftgelu(x, x0, n)
    np.testing.assert_array_equal(arithmetic.shift_gelu(tensor(x), x0, n).numpy(), want)


def test_shift_gelu_is_the_references_for_every_element_and_every_maximum() -> None:
    x, largest = np.meshgrid(np.arange(-128, 128), np.arange(-128, 128))
    rows = np.stack([np.minimum(x, largest), largest], -1).astype(np.int8)
    want = reference.shiftgelu(rows, 17, 20)
    np.testing.assert_array_equal(arithmetic.shift_gelu(tensor(rows), 17, 20).numpy(), want)
