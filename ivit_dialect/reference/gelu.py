"""Reference of ShiftGELU."""

from __future__ import annotations

import numpy as np

from ivit_dialect.reference.ranges import IntegerArray, as_int64, narrow
from ivit_dialect.reference.softmax import intdiv, shiftexp

SIGMOID_BITS = 8


def shiftgelu(x: IntegerArray, x0: int, n: int) -> IntegerArray:
    """ShiftGELU (I-ViT Algorithm 2): ``x * sigmoid(1.6875 x)`` of int8 rows; int16, output scale ``S / 128``.

    ``m = max(0, row maximum)``: with the paper's plain maximum, a row of negative inputs alone would raise
    ``e^-m`` above 1 and shift past the word (methods.md 7).
    """
    value = as_int64(x)
    p = value + (value >> 1) + (value >> 3) + (value >> 4)
    m = np.maximum(p.max(axis=-1, keepdims=True), 0)
    e = as_int64(shiftexp(p - m, x0, n))
    sigmoid = intdiv(e, e + as_int64(shiftexp(-m, x0, n)), SIGMOID_BITS)
    return narrow(value * as_int64(sigmoid), np.int16, "shiftgelu")
