"""Reference of products, patches, heads and fused ops, against loops over Python's integers."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
import slow_reference as slow
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from ivit_dialect import reference
from ivit_dialect.reference.linear import exact_matmul

EXTENT = st.integers(1, 5)
Array = NDArray[Any]


def arrays(dtype: str, *shape: int) -> st.SearchStrategy[Array]:
    low, high = slow.LIMITS[dtype]
    values = st.integers(low, high) | st.sampled_from([low, -1 if low else 1, 0, high])
    return hnp.arrays(dtype, shape, elements=values)


def dot(a: Array, b: Array) -> int:
    return sum(int(x) * int(y) for x, y in zip(a.ravel(), b.ravel(), strict=True))


def bias_of(outs: int) -> st.SearchStrategy[Array]:
    return hnp.arrays("int32", (outs,), elements=st.integers(-(2**30), 2**30))


def multipliers_of(outs: int) -> st.SearchStrategy[Array]:
    return st.one_of(*(hnp.arrays("int32", (n,), elements=st.integers(1, 2**31 - 1)) for n in (1, outs)))


@given(st.data(), EXTENT, EXTENT, EXTENT, EXTENT)
def test_linear(data: st.DataObject, batch: int, tokens: int, ins: int, outs: int) -> None:
    x, weight = data.draw(arrays("int8", batch, tokens, ins)), data.draw(arrays("int8", outs, ins))
    bias = data.draw(bias_of(outs))
    result = reference.linear(x, weight, bias)
    assert result.dtype == np.int32
    for n, t, o in np.ndindex(batch, tokens, outs):
        assert result[n, t, o] == dot(x[n, t], weight[o]) + int(bias[o])


def test_linear_at_the_largest_accumulator() -> None:
    """As many terms as the verifier lets through, all of the largest product."""
    terms = (1 << 17) - 1
    x, weight = np.full((1, terms), -128, np.int8), np.full((1, terms), -128, np.int8)
    assert reference.linear(x, weight, np.array([16383], np.int32)).tolist() == [[terms * (1 << 14) + 16383]]


@given(st.data(), EXTENT, st.integers(1, 62), st.sampled_from(["int8", "uint8", "int16", "int32"]))
def test_linear_requant(data: st.DataObject, outs: int, shift: int, out: str) -> None:
    accumulator, multipliers = data.draw(arrays("int32", 3, outs)), data.draw(multipliers_of(outs))
    low, high = slow.LIMITS[out]
    zero_point = data.draw(st.integers(low, high))
    result = reference.linear_epilogue(accumulator, multipliers, shift, out, zero_point=zero_point)
    assert result.dtype == out
    for row, o in np.ndindex(3, outs):
        b = int(multipliers[o % multipliers.size])
        assert result[row, o] == slow.requant(int(accumulator[row, o]), b, shift, out, zero_point)


@given(st.data(), EXTENT, st.integers(1, 62), st.integers(-128, 127))
def test_linear_lookup(data: st.DataObject, outs: int, shift: int, zero_point: int) -> None:
    accumulator, multipliers = data.draw(arrays("int32", 3, outs)), data.draw(multipliers_of(outs))
    table = data.draw(arrays("int8", 256))
    result = reference.linear_epilogue(
        accumulator, multipliers, shift, np.int8, zero_point=zero_point, table=table
    )
    for row, o in np.ndindex(3, outs):
        b = int(multipliers[o % multipliers.size])
        index = slow.requant(int(accumulator[row, o]), b, shift, "int8", zero_point)
        assert result[row, o] == table[index + 128]


@given(st.data(), EXTENT, st.integers(1, 62), st.integers(1, 62), st.integers(-(2**31) + 1, 2**31 - 1))
def test_linear_residual(
    data: st.DataObject, outs: int, shift: int, residual_shift: int, residual_multiplier: int
) -> None:
    accumulator, multipliers = data.draw(arrays("int32", 3, outs)), data.draw(multipliers_of(outs))
    residual = data.draw(arrays(data.draw(st.sampled_from(["int8", "int16", "int32"])), 3, outs))
    zero_point = data.draw(st.integers(-100, 100))
    result = reference.linear_epilogue(
        accumulator,
        multipliers,
        shift,
        np.int16,
        zero_point=zero_point,
        residual=residual,
        residual_multiplier=residual_multiplier,
        residual_shift=residual_shift,
    )
    for row, o in np.ndindex(3, outs):
        branch = slow.dyadic(int(accumulator[row, o]), int(multipliers[o % multipliers.size]), shift)
        scaled = slow.dyadic(int(residual[row, o]), residual_multiplier, residual_shift)
        assert result[row, o] == slow.clamp(branch + zero_point + scaled, "int16")


@given(st.data(), st.sampled_from(["int8", "uint8"]), EXTENT, EXTENT, EXTENT, EXTENT, EXTENT, EXTENT)
def test_conv2d_and_patchify(
    data: st.DataObject, dtype: str, batch: int, rows: int, columns: int, kh: int, kw: int, channels: int
) -> None:
    image = data.draw(arrays(dtype, batch, rows * kh, columns * kw, channels))
    weight, bias = data.draw(arrays("int8", 3, kh, kw, channels)), data.draw(bias_of(3))
    centre = 128 if dtype == "uint8" else 0
    result, patches = reference.conv2d(image, weight, bias), reference.patchify(image, (kh, kw))
    assert result.shape == (batch, rows, columns, 3)
    assert patches.dtype == np.int8
    for n, i, j in np.ndindex(batch, rows, columns):
        tile = image[n, i * kh : (i + 1) * kh, j * kw : (j + 1) * kw].astype(np.int64)
        assert patches[n, i * columns + j].tolist() == [int(v) - centre for v in tile.ravel()]
        for o in range(3):
            assert result[n, i, j, o] == dot(tile, weight[o]) + int(bias[o])


@given(st.data(), st.sampled_from(["int8", "uint8", "int16"]), st.booleans(), EXTENT, EXTENT, EXTENT)
def test_matmul(
    data: st.DataObject, dtype: str, transpose: bool, rows: int, inner: int, columns: int
) -> None:
    a = data.draw(arrays(dtype, 2, 2, rows, inner))
    b = data.draw(arrays("int8", 2, 2, *((columns, inner) if transpose else (inner, columns))))
    result = reference.matmul(a, b, transpose_b=transpose)
    assert result.dtype == np.int32
    for n, h, i, j in np.ndindex(2, 2, rows, columns):
        assert result[n, h, i, j] == dot(a[n, h, i], b[n, h, j] if transpose else b[n, h, :, j])


def test_products_that_float64_would_round_are_refused() -> None:
    with pytest.raises(OverflowError, match="not exact in float64"):
        exact_matmul(np.array([[1 << 31]]), np.array([[1 << 22]]))
    for most in (4095, 4096, 4097):  # around 2^24, where float32 gives way to float64
        a, b = np.array([[[most, 1], [most, -1]]]), np.array([[most], [1]])
        assert exact_matmul(a, b).tolist() == [[[most * most + 1], [most * most - 1]]]
    assert exact_matmul(np.array([[1 << 31]]), np.array([[(1 << 22) - 1]])).tolist() == [
        [(1 << 53) - (1 << 31)]
    ]


@given(st.data(), EXTENT, EXTENT, EXTENT, EXTENT)
def test_heads(data: st.DataObject, batch: int, tokens: int, heads: int, depth: int) -> None:
    x = data.draw(arrays("int8", batch, tokens, heads * depth))
    split = reference.split_heads(x, heads)
    assert split.shape == (batch, heads, tokens, depth)
    for n, h, t, d in np.ndindex(*split.shape):
        assert split[n, h, t, d] == x[n, t, h * depth + d]
    assert reference.merge_heads(split).tolist() == x.tolist()


def test_tokens() -> None:
    x = np.arange(12, dtype=np.int16).reshape(2, 3, 2)
    prefix = np.array([[[-1, -2]]], np.int16)
    longer = reference.prepend_tokens(prefix, x)
    assert longer.dtype == np.int16
    assert longer.tolist() == [[[-1, -2], *image] for image in x.tolist()]
    assert reference.slice_tokens(longer, 0, 1).tolist() == [[[-1, -2]], [[-1, -2]]]
    assert reference.slice_tokens(longer, 1, 3).tolist() == x.tolist()


TABLE = np.rint(255 * np.exp(-np.arange(256) / 32)).astype(np.uint8)


@settings(deadline=None)
@given(st.data(), st.sampled_from([1, 2]), st.integers(1, 4), st.integers(1, 4))
def test_delta_attention(data: st.DataObject, heads: int, tokens: int, depth: int) -> None:
    q, k, v = (data.draw(arrays("int8", 2, tokens, heads * depth)) for _ in range(3))
    multiplier, shift = data.draw(st.integers(1, 2**31 - 1)), data.draw(st.integers(20, 50))
    dividend, context_shift = data.draw(st.integers(255, (255 << 31) - 1)), data.draw(st.integers(1, 62))
    softmax = reference.DeltaSoftmax(TABLE, multiplier, shift, dividend, context_shift)
    result = reference.attention(q, k, v, heads, softmax)
    assert result.dtype == np.int8
    for n, h, t in itertools.product(range(2), range(heads), range(tokens)):
        own = slice(h * depth, (h + 1) * depth)
        scores = [dot(q[n, t, own], k[n, other, own]) for other in range(tokens)]
        codes, total = slow.softmax(scores, TABLE.tolist(), multiplier, shift)
        for d in range(h * depth, (h + 1) * depth):
            context = sum(code * int(v[n, other, d]) for other, code in enumerate(codes))
            assert result[n, t, d] == slow.requant(context, dividend // total, context_shift, "int8")


@settings(deadline=None)
@given(st.data(), st.sampled_from([1, 2]), st.integers(1, 4), st.integers(1, 4), st.integers(2, 16))
def test_shiftmax_attention(data: st.DataObject, heads: int, tokens: int, depth: int, bits: int) -> None:
    q, k, v = (data.draw(arrays("int8", 2, tokens, heads * depth)) for _ in range(3))
    multipliers = data.draw(st.tuples(*[st.integers(-(2**31) + 1, 2**31 - 1)] * 2))
    shifts = data.draw(st.tuples(*[st.integers(1, 62)] * 2))
    x0, n_bits = data.draw(st.integers(1, 300)), 15
    softmax = reference.ShiftmaxSoftmax(
        multipliers[0], shifts[0], x0, n_bits, bits, multipliers[1], shifts[1]
    )
    result = reference.attention(q, k, v, heads, softmax)
    for n, h, t in itertools.product(range(2), range(heads), range(tokens)):
        own = slice(h * depth, (h + 1) * depth)
        scores = [dot(q[n, t, own], k[n, other, own]) for other in range(tokens)]
        narrowed = [slow.requant(score, multipliers[0], shifts[0], "int8") for score in scores]
        shares = slow.shiftmax(narrowed, x0, n_bits, bits)
        for d in range(h * depth, (h + 1) * depth):
            context = sum(share * int(v[n, other, d]) for other, share in enumerate(shares))
            assert result[n, t, d] == slow.requant(context, multipliers[1], shifts[1], "int8")
