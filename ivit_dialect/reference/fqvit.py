"""Reference of FQ-ViT's log-int-softmax (arXiv 2111.13824)."""

from __future__ import annotations

import numpy as np

from ivit_dialect.reference.arithmetic import sum_exact
from ivit_dialect.reference.ibert import i_exp
from ivit_dialect.reference.ranges import IntegerArray, as_int64, require_range
from ivit_dialect.reference.roots import bit_length


def log_int_softmax(x: IntegerArray, x0: int, b: int, c: int, n: int, bits: int) -> IntegerArray:
    """Codes uint8 of the softmax over the last dimension of integers of 8 bits (FQ-ViT Eqs. 14 to 18).

    ``e = i_exp(max(x) - x)``; ``t``, the nearest integer to ``sum e / e``, has the code ``k`` of the nearest
    ``2^k``, the larger one from ``1.5 * 2^(k-1)`` on. Codes above ``2^bits - 1``, and ``e = 0``, are the zero
    level ``2^bits``. OverflowError where a row's exponentials leave 31 bits, or are all 0.
    """
    value = as_int64(x)
    exponentials = as_int64(i_exp(value.max(axis=-1, keepdims=True) - value, x0, b, c, n))
    total = sum_exact(exponentials, -1)
    require_range(total, 1, (1 << 31) - 1, "log_int_softmax: sum")
    divisor = np.maximum(exponentials, 1)
    quotient = (2 * total + divisor) // (2 * divisor)
    floor_log2 = bit_length(quotient) - 1
    code = floor_log2 + (2 * quotient >= np.left_shift(np.int64(3), floor_log2))
    zero_level = 1 << bits
    return np.where(exponentials == 0, zero_level, np.minimum(code, zero_level)).astype(np.uint8)
