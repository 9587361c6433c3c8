"""Real ratios as dyadic numbers ``b / 2^c`` (I-ViT Eq. 9): what requant multiplies and shifts by.

``b`` is as large as 32 bits allow, so the relative error is at most 2^-31 (methods.md 2).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

MULTIPLIER_BITS = 31
MAX_SHIFT = 62


class NumberError(ValueError):
    """Numbers of a model that have no integers here; the message does not say where they are."""


@dataclass(frozen=True)
class Dyadic:
    """``multiplier / 2^shift``; |multiplier| < 2^31, shift in [1, 62]."""

    multiplier: int
    shift: int


def nearest_dyadic(ratio: float) -> Dyadic:
    """The nearest ``b / 2^c`` with ``2^30 <= |b| < 2^31``, fewer bits where that would need c > 62.

    A ratio that would round to 0 gets ``1 / 2^62``: like the ratio itself, it makes 0 of every int32.
    Raises NumberError for a ratio that is not finite or too large (2^30 and more).
    """
    shift = _shift_of(abs(ratio))
    return Dyadic(_rounded(ratio, shift) or 1, shift)


def channel_dyadics(ratios: NDArray[np.float64]) -> tuple[NDArray[np.int32], int]:
    """``ratios`` (float64 [C]) as int32 multipliers over one common shift, set by the largest magnitude.

    A ratio of 0 is a multiplier of 0; all zero gives shift 1. Raises NumberError as ``nearest_dyadic``.
    """
    if not np.all(np.isfinite(ratios)):
        raise NumberError("requantisation ratios are not finite")
    largest = float(np.abs(ratios).max(initial=0.0))
    if largest == 0.0:
        return np.zeros(ratios.shape, np.int32), 1
    shift = _shift_of(largest)
    return np.rint(np.ldexp(ratios, shift)).astype(np.int32), shift


def row_dividend(ratio: float, min_divisor: int) -> Dyadic:
    """``dividend / 2^shift ~ ratio`` for ``ivit.row_requant``: ``dividend / min_divisor`` fits 31 bits.

    The dividend is as large as that allows. Raises NumberError for a ratio that is not positive and finite,
    or out of the range of the shifts.
    """
    if not (math.isfinite(ratio) and ratio > 0):
        raise NumberError(f"row requantisation ratio must be positive and finite, got {ratio!r}")
    limit = min_divisor << MULTIPLIER_BITS
    shift = min(math.frexp(limit / ratio)[1], MAX_SHIFT)
    while shift >= 1 and _rounded(ratio, shift) >= limit:
        shift -= 1
    dividend = _rounded(ratio, shift)
    if shift < 1 or dividend == 0:
        raise NumberError(f"row requantisation ratio {ratio!r} is out of range")
    return Dyadic(dividend, shift)


def _rounded(ratio: float, shift: int) -> int:
    return round(math.ldexp(ratio, shift))


def _shift_of(magnitude: float) -> int:
    """The shift that brings ``magnitude`` into [2^30, 2^31) after rounding."""
    if not math.isfinite(magnitude):
        raise NumberError(f"requantisation ratio {magnitude!r} is not finite")
    if magnitude == 0.0:
        return MAX_SHIFT
    shift = MULTIPLIER_BITS - math.frexp(magnitude)[1]
    if shift <= MAX_SHIFT and _rounded(magnitude, shift) >= 1 << MULTIPLIER_BITS:
        shift -= 1
    if shift < 1:
        raise NumberError(f"requantisation ratio {magnitude!r} is too large for b / 2^c with c >= 1")
    return min(shift, MAX_SHIFT)
