"""SULQ of I&S-ViT (arXiv 2311.10126): logarithmic codes of probabilities that are lifted by ``eta`` first.

``q = clamp(round(-log2(x + eta) / s) + z, 0, 2^b - 1)`` and ``x^ = 2^-round(s (q - z)) - eta``, in
thresholds and exponents: ``q > k`` where ``x <= 2^-(s (k + 1/2 - z)) - eta``. Two differences from the
paper: ``eta`` is a power of two, so that it is a shift as well, and there are 2^b levels (its code has one
more).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from passes.quantization.log_codes import LogCodes, require_bits, sampled, squared_error

ETA_EXPONENTS = (10, 8, 7, 6, 5, 4, 3, 2, 1, 0)
"""The paper's grid (0.001, 0.005, 0.01, … 0.5, 1), each rounded to a power of two."""
DEFAULT_ETA_EXPONENT = 10
"""Without data: the finest of the grid, which leaves small probabilities apart."""


@dataclass(frozen=True, eq=False)
class Sulq(LogCodes):
    """SULQ's codes, and the parameters that they come from."""

    scale: float = 1.0
    zero: int = 0


def sulq_codes(bits: int, eta: float, low: float = 0.0, high: float = 1.0) -> Sulq:
    """SULQ for probabilities in [low, high]; NumberError for bits outside [2, 8]."""
    require_bits(bits)
    ends = -math.log2(high + eta), -math.log2(low + eta)
    most = (1 << bits) - 1
    scale = max(ends[1] - ends[0], 1e-6) / most
    zero = -round(ends[0] / scale)
    codes = np.arange(most + 1)
    exponents = tuple(int(e) for e in np.rint(scale * (codes - zero)))
    thresholds = np.exp2(-scale * (codes[:-1] + 0.5 - zero)) - eta
    return Sulq(bits, thresholds, exponents, eta, scale, zero)


def sulq_parameters(probabilities: NDArray[Any], bits: int) -> Sulq:
    """The ``eta`` of the grid with the least squared error, scale and zero point from the range.

    ``probabilities``: a sample, any shape, float. NumberError for none, and for what is no probability.
    """
    sample = sampled(probabilities)
    low, high = float(sample.min()), min(float(sample.max()), 1.0)
    candidates = [sulq_codes(bits, 2.0**-exponent, low, high) for exponent in ETA_EXPONENTS]
    return min(candidates, key=lambda codes: squared_error(codes, sample))


def default_sulq(bits: int) -> Sulq:
    """For probabilities of which nothing is known; fewer codes than octaves take a larger ``eta``."""
    return sulq_codes(bits, 2.0 ** -min(DEFAULT_ETA_EXPONENT, (1 << bits) - 2))
