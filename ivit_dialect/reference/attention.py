"""Reference of fused attention: the chain of ops that it stands for."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import DTypeLike

from ivit_dialect.reference.elementwise import requant, row_requant
from ivit_dialect.reference.linear import matmul
from ivit_dialect.reference.ranges import IntegerArray
from ivit_dialect.reference.shape import merge_heads, split_heads
from ivit_dialect.reference.softmax import TABLE_TOP, shiftmax, softmax


@dataclass(frozen=True)
class DeltaSoftmax:
    """``softmax`` of the scores by table, ``row_requant`` of the context.

    ``multiplier``: an integer, or int32 [1, H, 1, 1].
    """

    table: IntegerArray
    multiplier: int | IntegerArray
    shift: int
    dividend: int
    context_shift: int

    def context(self, scores: IntegerArray, value: IntegerArray, out: DTypeLike) -> IntegerArray:
        """int32 scores [N, H, T, T] and int8 values [N, H, T, D] to ``out`` [N, H, T, D]."""
        codes, total = softmax(scores, self.table, self.multiplier, self.shift)
        product = matmul(codes, value)
        return row_requant(product, total, self.dividend, TABLE_TOP, self.context_shift, out)


@dataclass(frozen=True)
class ShiftmaxSoftmax:
    """``requant`` of the scores to int8, ``shiftmax``, ``requant`` of the context."""

    multiplier: int
    shift: int
    x0: int
    n: int
    bits: int
    context_multiplier: int
    context_shift: int

    def context(self, scores: IntegerArray, value: IntegerArray, out: DTypeLike) -> IntegerArray:
        """int32 scores [N, H, T, T] and int8 values [N, H, T, D] to ``out`` [N, H, T, D]."""
        narrowed = requant(scores, self.multiplier, self.shift, np.int8)
        probabilities = shiftmax(narrowed, self.x0, self.n, self.bits, np.int16)
        return requant(matmul(probabilities, value), self.context_multiplier, self.context_shift, out)


def attention(
    query: IntegerArray,
    key: IntegerArray,
    value: IntegerArray,
    heads: int,
    softmax: DeltaSoftmax | ShiftmaxSoftmax,
    out: DTypeLike = np.int8,
) -> IntegerArray:
    """Scores, softmax and context of every head; int8 [N, T, H*D] to ``out`` (I-ViT Eqs. 3 and 4)."""
    q, k, v = (split_heads(x, heads) for x in (query, key, value))
    return merge_heads(softmax.context(matmul(q, k, transpose_b=True), v, out))
