"""Reference of the multiply-accumulate ops: operands of at most 16 bits, int32 accumulators."""

from __future__ import annotations

import numpy as np
from numpy.typing import DTypeLike

from ivit_dialect.reference.elementwise import lookup, requant
from ivit_dialect.reference.ranges import (
    Int64Array,
    IntegerArray,
    add_exact,
    as_int64,
    clamp,
    magnitude,
    narrow,
    signed_format,
)

FLOAT32_EXACT = 1 << 24
FLOAT64_EXACT = 1 << 53
"""Sums of integers below these magnitudes are exact in float32 and float64, in any order."""


def exact_matmul(a: IntegerArray, b: IntegerArray) -> Int64Array:
    """``a @ b`` (NumPy's batching) of integers, exact, at the speed of floating-point BLAS.

    OverflowError where ``K * max|a| * max|b|`` reaches 2^53, so that float64 might round.
    """
    terms = a.shape[-1] * magnitude(as_int64(a)) * magnitude(as_int64(b))
    if terms >= FLOAT64_EXACT:
        raise OverflowError(f"matmul: a sum of up to {terms} is not exact in float64")
    kind = np.float32 if terms < FLOAT32_EXACT else np.float64
    rows = a.reshape(-1, a.shape[-1]) if b.ndim == 2 else a  # one product is faster than one for each batch
    product = np.matmul(rows.astype(kind), b.astype(kind)).astype(np.int64)
    return product.reshape(*a.shape[:-1], b.shape[-1]) if b.ndim == 2 else product


def linear(x: IntegerArray, weight: IntegerArray, bias: IntegerArray) -> IntegerArray:
    """``y[..., o] = sum_k x[..., k] * weight[o, k] + bias[o]`` in int32 (I-ViT Eq. 7).

    ``x``: int8 or int16 [..., K]; ``weight``: int8 [O, K]; ``bias``: int32 [O].
    OverflowError where int32 would wrap.
    """
    return narrow(exact_matmul(x, weight.T) + as_int64(bias), np.int32, "linear: accumulator")


def linear_epilogue(
    accumulator: IntegerArray,
    multipliers: IntegerArray,
    shift: int,
    out: DTypeLike,
    *,
    zero_point: int = 0,
    table: IntegerArray | None = None,
    residual: IntegerArray | None = None,
    residual_multiplier: int = 0,
    residual_shift: int = 1,
) -> IntegerArray:
    """What ``fuse-requant`` folds into a linear: requant, then a lookup or a residual add.

    ``v = requant(acc) + zero_point``; with ``table`` [2^b]: ``table[clamp_ib(v) + 2^(b-1)]``; with
    ``residual``: ``clamp(v + requant(residual))``, both unclamped before the sum; else ``clamp(v)``.
    """
    if table is not None:
        index = signed_format(len(table).bit_length() - 1)
        return lookup(requant(accumulator, multipliers, shift, index, zero_point), table)
    value = requant(accumulator, multipliers, shift, np.int64, zero_point)
    if residual is not None:
        scaled = requant(residual, residual_multiplier, residual_shift, np.int64)
        value = add_exact(as_int64(value), as_int64(scaled), "linear: residual")
    return clamp(as_int64(value), out)


def patchify(x: IntegerArray, kernel: tuple[int, int]) -> IntegerArray:
    """Patches of a channels-last image as rows: [N, H, W, C] -> int8 [N, (H/KH)*(W/KW), KH*KW*C].

    A uint8 image is recentred by -128, so that pixels enter int8 products.
    """
    batch, height, width, channels = x.shape
    kernel_h, kernel_w = kernel
    rows, columns = height // kernel_h, width // kernel_w
    tiles = x.reshape(batch, rows, kernel_h, columns, kernel_w, channels).transpose(0, 1, 3, 2, 4, 5)
    patches = as_int64(tiles.reshape(batch, rows * columns, kernel_h * kernel_w * channels))
    return narrow(patches - (128 if x.dtype == np.uint8 else 0), np.int8, "patchify")


def conv2d(x: IntegerArray, weight: IntegerArray, bias: IntegerArray) -> IntegerArray:
    """Patch embedding, stride = kernel: int8 or uint8 [N, H, W, C] -> int32 [N, H/KH, W/KW, O].

    ``weight``: int8 [O, KH, KW, C]; ``bias``: int32 [O]. OverflowError where int32 would wrap.
    """
    batch, height, width, channels = x.shape
    outs, kernel_h, kernel_w, _ = weight.shape
    rows, columns = height // kernel_h, width // kernel_w
    tiles = x.reshape(batch, rows, kernel_h, columns, kernel_w, channels).transpose(0, 1, 3, 2, 4, 5)
    patches = tiles.reshape(batch, rows, columns, kernel_h * kernel_w * channels)
    return linear(patches, weight.reshape(outs, -1), bias)


def matmul(a: IntegerArray, b: IntegerArray, *, transpose_b: bool = False) -> IntegerArray:
    """Batched ``[N, H, M, K] x [N, H, K, P] -> [N, H, M, P]`` in int32 (I-ViT Eq. 3).

    OverflowError where int32 would wrap.
    """
    right = b.swapaxes(-1, -2) if transpose_b else b
    return narrow(exact_matmul(a, right), np.int32, "matmul: accumulator")
