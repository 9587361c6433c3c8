"""Probabilities as codes of powers of two: where the codes part, and what they stand for (methods.md 6).

The integers of ``ivit.threshold_softmax`` and ``ivit.shift_matmul``. log2 (FQ-ViT, arXiv 2111.13824, without
its seventeenth level): code ``k`` stands for ``2^-k``, the last one perhaps for 0.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ivit_dialect.reference.shift_matmul import MOST_SHIFT, ZERO_SHIFT
from passes.quantization.dyadic import NumberError

THRESHOLD_ONE = 1 << 30
LEAST_BITS, MOST_BITS = 2, 8
LEAST_ZERO_BITS = 4
"""From so many bits on, the last level of log2 is better 0: what lies below 2^-14 need not weigh anything."""


@dataclass(frozen=True, eq=False)
class LogCodes:
    """Code ``k`` stands for ``2^-exponents[k] - eta`` (``-eta`` for an exponent of None, which is 0).

    The code of a probability is the number of ``thresholds`` (probabilities, falling) that are not below it;
    there are ``2^bits`` codes. ``eta`` is 0 or a power of two.
    """

    bits: int
    thresholds: NDArray[np.float64]
    exponents: tuple[int | None, ...]
    eta: float = 0.0

    def __post_init__(self) -> None:
        assert len(self.exponents) == len(self.thresholds) + 1 == 1 << self.bits

    @property
    def unit_exponent(self) -> int:
        """The exponent of the step, ``2^-unit_exponent``, in which all levels are whole numbers."""
        known = [exponent for exponent in self.exponents if exponent is not None]
        return max(*known, 0 if self.eta == 0 else round(-np.log2(self.eta)))

    @property
    def levels(self) -> NDArray[np.float64]:
        """What each code stands for."""
        powers = [0.0 if exponent is None else 2.0**-exponent for exponent in self.exponents]
        return np.array(powers) - self.eta

    def encode(self, probabilities: NDArray[Any]) -> NDArray[np.intp]:
        """The code of each probability, by the thresholds."""
        return np.searchsorted(-self.thresholds, -probabilities, side="right")

    def integer_thresholds(self) -> NDArray[np.int32]:
        """In Q30, rounded down."""
        whole = np.floor(self.thresholds * THRESHOLD_ONE)
        return np.clip(whole, -THRESHOLD_ONE, THRESHOLD_ONE).astype(np.int32)

    def shifts(self) -> NDArray[np.int8]:
        """Of each code, -1 for an exact 0. NumberError where the levels lie too far apart."""
        unit = self.unit_exponent
        shifts = [ZERO_SHIFT if e is None else unit - e for e in self.exponents]
        if max(shifts) > MOST_SHIFT:
            raise NumberError(
                f"probabilities in {self.bits} bits reach from 2^{max(shifts) - unit} to 2^-{unit}:"
                f" more than {MOST_SHIFT} octaves; take fewer bits"
            )
        return np.array(shifts, np.int8)

    def integer_eta(self) -> int:
        """``eta`` in steps of ``2^-unit_exponent``."""
        return round(self.eta * 2.0**self.unit_exponent)


def log2_codes(bits: int, *, zero: bool | None = None) -> LogCodes:
    """``round(-log2 p)`` in ``2^bits`` codes; the last is 0 or the next power (None: whichever suits
    ``bits``).

    More than 4 bits have more codes than octaves: from 2^-15 on all stand for 0. NumberError for bits outside
    [2, 8].
    """
    require_bits(bits)
    with_zero = bits >= LEAST_ZERO_BITS if zero is None else zero
    count = 1 << bits
    powers = min(count - with_zero, MOST_SHIFT + 1)
    exponents = [*range(powers), *[None] * (count - powers)]
    thresholds = np.zeros(count - 1)
    halves = np.arange(min(powers, count - 1))
    thresholds[halves] = np.exp2(-(halves + 0.5))
    return LogCodes(bits, thresholds, tuple(exponents))


def log2_parameters(probabilities: NDArray[Any], bits: int) -> LogCodes:
    """``log2_codes`` with the last level that suits a sample of probabilities better, by squared error."""
    sample = sampled(probabilities)
    candidates = [log2_codes(bits, zero=zero) for zero in (True, False)]
    return min(candidates, key=lambda codes: squared_error(codes, sample))


def squared_error(codes: LogCodes, probabilities: NDArray[np.float64]) -> float:
    """The mean over ``probabilities``."""
    difference = codes.levels[codes.encode(probabilities)] - probabilities
    return float(np.mean(difference * difference))


MOST_SAMPLES = 1 << 19


def sampled(probabilities: NDArray[Any]) -> NDArray[np.float64]:
    """At most 2^19 of them, evenly, flat. NumberError for none, and for what is no probability."""
    flat = np.asarray(probabilities).reshape(-1)
    if not flat.size:
        raise NumberError("there are no probabilities to fit codes to")
    sample = flat[:: max(1, flat.size // MOST_SAMPLES)].astype(np.float64)
    if not (np.all(np.isfinite(sample)) and sample.min() >= 0.0 and sample.max() <= 1.0 + 1e-6):
        raise NumberError(f"probabilities must lie in [0, 1], got [{sample.min()}, {sample.max()}]")
    return sample


def require_bits(bits: int) -> None:
    """NumberError unless codes may have so many bits."""
    if not LEAST_BITS <= bits <= MOST_BITS:
        raise NumberError(f"codes of probabilities have {LEAST_BITS} to {MOST_BITS} bits, got {bits}")
