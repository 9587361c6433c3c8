"""The integer constants of I-BERT's polynomials and of its LayerNorm, from steps and ranges.

Constants are rounded to the nearest integer, where the paper rounds down; ``snapped`` steps make ``ln 2`` a
whole number of them, so that the halvings of the exponential are exact (methods.md 5 to 7).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from passes.quantization import scales
from passes.quantization.dyadic import NumberError
from passes.quantization.scales import Range, Scale

LN2 = math.log(2.0)
EXP_QUADRATIC, EXP_LINEAR = 0.35815147, 0.96963238
"""``e^p ~ 0.358 p^2 + 0.970 p + 1`` for p in (-ln 2, 0]."""
ERF_QUADRATIC, ERF_CENTRE = -0.2888, -1.769
"""``erf(u) ~ sign(u) * (-0.2888 * (min(|u|, 1.769) - 1.769)^2 + 1)``."""
EXP_BITS = 16
"""Of an exponential, as in the released code."""
MOST_X0 = 106
"""The largest with ``c = x0^2 / (0.358 ln^2 2)`` in 16 bits; scores that need more are all but equal."""
LEAST_GELU_STEP = 2.0**-13
"""Keeps ``c`` and ``b^2`` below 2^30; inputs that need less lie in [-4, 4] even at 16 bits."""
VARIANCE_BITS = 32
"""Of the sum of squares that the published LayerNorm keeps to."""


@dataclass(frozen=True)
class ExpIntegers:
    """``e^(-S d)`` of ``d`` in steps ``S``: ``x0``, ``b``, ``c`` and ``n`` of ``ivit.ibert_softmax``."""

    x0: int
    b: int
    c: int
    n: int


@dataclass(frozen=True)
class GeluIntegers:
    """``b``, ``c``, ``one`` and ``shift`` of ``ivit.ibert_gelu``, and the (negative) step of its result."""

    b: int
    c: int
    one: int
    shift: int
    step: float


def score_scale(range_: Range, *, snapped: bool, bits: int = 8) -> Scale:
    """A symmetric scale for scores; ``snapped``: of a step ``ln 2 / x0``, where that is not above ``ln 2``.

    The step is never below the symmetric one, so nothing that was observed is clipped.
    """
    step = max(scales.symmetric(range_, bits).step, LN2 / MOST_X0)
    if snapped and step < LN2:
        return Scale(LN2 / math.floor(LN2 / step * (1 + 1e-12)))
    return Scale(step)


def exp_integers(step: float, terms: int, *, snapped: bool) -> ExpIntegers:
    """For rows of ``terms`` scores of a step as ``score_scale`` gives it.

    Not ``snapped``, ``ln 2 / S`` is rounded up and the others down, as published. NumberError for rows whose
    exponentials do not sum below 2^31.
    """
    rounded = round if snapped else math.floor
    x0 = max(1, round(LN2 / step)) if snapped else math.ceil(LN2 / step)
    c = max(1, rounded(1.0 / (EXP_QUADRATIC * step**2)))
    b = max(x0 - 1, rounded(EXP_LINEAR / EXP_QUADRATIC / step))
    n = min(EXP_BITS - c.bit_length(), 31 - (terms * c).bit_length())
    if n < 0:
        raise NumberError(f"{terms} exponentials of up to {c} do not fit 31 bits")
    return ExpIntegers(x0, b, c, n)


def gelu_scale(range_: Range, bits: int) -> Scale:
    """Symmetric, without the tail on which GELU is zero."""
    clipped = Range(max(min(range_.low, 0.0), scales.GELU_LOWER_CLIP), max(range_.high, 0.0))
    return Scale(max(scales.symmetric(clipped, bits).step, LEAST_GELU_STEP))


def gelu_integers(step: float, bits: int) -> GeluIntegers:
    """For inputs of ``bits`` and a step as ``gelu_scale`` gives it.

    The shift is the least for which the products fit 32 bits: 0 for 8 bits, and 12 for 16 bits, where the
    published one is 14. ``one`` cancels erf at its lower end; the result's step makes large inputs their own
    GELU.
    """
    unit = step / math.sqrt(2.0)
    b = min(-1, round(ERF_CENTRE / unit))
    c = min(-1, round(1.0 / (ERF_QUADRATIC * unit**2)))
    largest = max(-c, c + b * b)
    shift = next(s for s in range(31) if (-(-largest >> s) + (-c >> s)) << (bits - 1) < 1 << 31)
    one = -(-c >> shift)
    return GeluIntegers(b, c, one, shift, step / ((c >> shift) + one))


def variance_shift(range_: Range, step: float, channels: int) -> int:
    """The least shift for which rows within ``range_`` have a sum of squares below 2^32."""
    half_span = (range_.high - range_.low) / (2.0 * step) + 1.0
    excess = math.log2(channels) + 2.0 * math.log2(half_span) - VARIANCE_BITS
    return min(max(math.ceil(excess / 2.0), 0), 15)
