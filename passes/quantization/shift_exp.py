"""The exponent range ``n`` of ShiftExp: the octaves that occur, sums within 32 bits (methods.md 6 and 7).

``n`` beyond the octaves that occur changes no exponential, but it uses up the bits of IntDiv's reciprocal
``floor((2^31 - 1) / sum)``: with the paper's fixed n that is 1 to 31 for narrow ranges, 50 % to 3 % of error.
"""

from __future__ import annotations

from passes.quantization.dyadic import NumberError

SOFTMAX_MOST_SHIFT = 15
GELU_MOST_SHIFT = 23
"""The paper's n for Shiftmax and for ShiftGELU."""
GELU_MARGIN = 8
"""Octaves by which a vanishing sigmoid must stay below 1 for its 8 bits to be 0."""
SOFTMAX_SPAN = 255
"""The largest difference of two int8 scores."""
GELU_SPAN = 127 + (127 >> 1) + (127 >> 3) + (127 >> 4)
"""The largest 1.6875 x of int8 x."""


def octaves(span: int, x0: int) -> int:
    """Halvings between e^0 and e^(-span / x0), rounded up."""
    return (span + (span >> 1) - (span >> 4)) // x0 + 1


def softmax_shift(x0: int, terms: int) -> int:
    """n for rows of ``terms`` int8 scores. NumberError where even n = 0 does not fit."""
    return min(octaves(SOFTMAX_SPAN, x0), SOFTMAX_MOST_SHIFT, largest_shift(x0, terms))


def gelu_shift(x0: int) -> int:
    """n for ShiftGELU on int8."""
    return min(octaves(GELU_SPAN, x0) + GELU_MARGIN, GELU_MOST_SHIFT, largest_shift(x0, 2))


def largest_shift(x0: int, terms: int) -> int:
    """The largest n with ``terms * x0 * 2^n < 2^31``; NumberError where even n = 0 is too much."""
    n = 31 - (terms * x0).bit_length()
    if n < 0:
        raise NumberError(f"{terms} exponentials of up to {x0} do not fit 31 bits")
    return n
