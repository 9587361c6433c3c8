"""Reference of the ops that only move data."""

from __future__ import annotations

import numpy as np

from ivit_dialect.reference.ranges import IntegerArray


def split_heads(x: IntegerArray, heads: int) -> IntegerArray:
    """[N, T, H*D] -> [N, H, T, D]."""
    batch, tokens, width = x.shape
    return x.reshape(batch, tokens, heads, width // heads).transpose(0, 2, 1, 3)


def merge_heads(x: IntegerArray) -> IntegerArray:
    """[N, H, T, D] -> [N, T, H*D]."""
    batch, heads, tokens, depth = x.shape
    return x.transpose(0, 2, 1, 3).reshape(batch, tokens, heads * depth)


def prepend_tokens(prefix: IntegerArray, x: IntegerArray) -> IntegerArray:
    """The tokens of ``prefix`` [1, P, C] before each image's: [N, T, C] -> [N, P+T, C]."""
    return np.concatenate([np.broadcast_to(prefix, (len(x), *prefix.shape[1:])), x], axis=1)


def slice_tokens(x: IntegerArray, offset: int, size: int) -> IntegerArray:
    """``size`` tokens from ``offset`` on: [N, T, C] -> [N, size, C]."""
    return x[:, offset : offset + size]


def reshape(x: IntegerArray, shape: tuple[int, ...]) -> IntegerArray:
    """``tensor.collapse_shape`` and ``tensor.expand_shape``: row-major; one extent may be -1."""
    return x.reshape(shape)
