"""Steps of symmetric weights, one for each output channel: ``w ~ step * q``, ``|q| <= 2^(bits-1) - 1``."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

CLIP_FACTORS = np.linspace(1.0, 0.3, 71)
"""Of the largest magnitude, tried by ``mse_steps``: hundredths."""


def largest_code(bits: int) -> int:
    """``2^(bits-1) - 1``, for 2 to 8 bits; ValueError for others."""
    if not 2 <= bits <= 8:
        raise ValueError(f"weights take 2 to 8 bits, got {bits}")
    return (1 << (bits - 1)) - 1


def minmax_steps(weight: NDArray[np.float64], bits: int) -> NDArray[np.float64]:
    """``max|w| / (2^(bits-1) - 1)`` of each row of [O, I] (I-ViT Eq. 6): nothing is clipped; 0 for zeros."""
    _require_finite(weight)
    return np.abs(weight).max(axis=1, initial=0.0) / largest_code(bits)


def mse_steps(
    weight: NDArray[np.float64], bits: int, importance: NDArray[np.float64] | None = None
) -> NDArray[np.float64]:
    """The min-max step times the clip factor of least ``Σ_i importance_i (w_i - ŵ_i)²`` (LAPQ, 1911.07190).

    ``importance`` [I] is 1 by default; the diagonal of the inputs' Gram matrix makes it the output error of
    uncorrelated inputs. Never worse than min-max by that measure: the factor 1 is among those tried.
    """
    code, base = largest_code(bits), minmax_steps(weight, bits)
    weights = np.ones(weight.shape[1]) if importance is None else importance
    best, least = base, np.full(len(weight), np.inf)
    for factor in CLIP_FACTORS:
        steps = base * factor
        divisors = np.where(steps > 0, steps, 1.0)[:, None]
        error = weight - np.clip(np.rint(weight / divisors), -code, code) * divisors
        errors = (error * error) @ weights
        best = np.where(errors < least, steps, best)
        least = np.minimum(errors, least)
    return best


def _require_finite(weight: NDArray[np.float64]) -> None:
    if not np.all(np.isfinite(weight)):
        raise ValueError("weights must be finite")
