"""What is counted of one tensor, batch by batch: error powers, cosines, ranges, histograms, saturation."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ivit.metrics import ratio_db

BINS = 64
"""Of a histogram, at most: each holds a whole number of codes."""
SMALL = 1e-300


@dataclass
class ErrorPower:
    """How far values are from exact ones."""

    signal: float = 0.0
    noise: float = 0.0
    power: float = 0.0
    product: float = 0.0

    def add(self, exact: NDArray[np.float64], values: NDArray[np.float64]) -> None:
        """Both of one shape."""
        self.signal += float(np.vdot(exact, exact))
        self.power += float(np.vdot(values, values))
        self.product += float(np.vdot(exact, values))
        difference = values - exact
        self.noise += float(np.vdot(difference, difference))

    @property
    def sqnr_db(self) -> float:
        """Power of the exact values over that of the error, in dB."""
        return ratio_db(self.signal, self.noise)

    @property
    def cosine(self) -> float:
        """Of all values as one vector; 1 where both are zero."""
        if self.signal == 0 and self.power == 0:
            return 1.0
        return self.product / max(math.sqrt(self.signal * self.power), SMALL)


@dataclass
class Histogram:
    """Counts in ``bins`` of one width over [low, high), with the values below and above at the two ends."""

    low: float
    high: float
    bins: int
    counts: NDArray[np.int64] = field(init=False)

    def __post_init__(self) -> None:
        self.counts = np.zeros(self.bins + 2, np.int64)

    def add(self, values: NDArray[np.float64]) -> None:
        """Count finite ``values``."""
        scaled = (values.ravel() - self.low) * (self.bins / (self.high - self.low))
        places = np.clip(np.floor(scaled), -1, self.bins).astype(np.int64) + 1
        self.counts += np.bincount(places, minlength=self.bins + 2)


@dataclass(frozen=True)
class Codes:
    """The integers of a tensor: the least and the largest, and the reals between which their bins lie.

    ``low`` and ``high`` are half a step beyond the reals of the two codes, where all channels share a scale;
    None where they do not, or where the codes reach far beyond any value (32-bit accumulators).
    """

    least: int
    most: int
    low: float | None = None
    high: float | None = None


@dataclass
class TensorStatistics:
    """Of one tensor in integers against the same tensor in float."""

    codes: Codes
    accumulated: ErrorPower = field(default_factory=ErrorPower)
    local: ErrorPower = field(default_factory=ErrorPower)
    count: int = 0
    saturated: int = 0
    clipped: int = 0
    least: float = math.inf
    most: float = -math.inf
    exact_histogram: Histogram | None = None
    integer_histogram: Histogram | None = None

    def add(
        self, exact: NDArray[np.float64], codes: NDArray[np.integer], values: NDArray[np.float64]
    ) -> None:
        """``values`` are the reals that ``codes`` stand for, in a run that is integer from the input on."""
        self.count += exact.size
        self.least, self.most = min(self.least, float(exact.min())), max(self.most, float(exact.max()))
        self.saturated += int(np.count_nonzero((codes <= self.codes.least) | (codes >= self.codes.most)))
        if self.codes.low is not None and self.codes.high is not None:
            outside = (exact < self.codes.low) | (exact > self.codes.high)
            self.clipped += int(np.count_nonzero(outside))
        self.accumulated.add(exact, values)
        for_exact, for_integers = self._histograms()
        for_exact.add(exact)
        for_integers.add(values)

    def add_local(self, exact: NDArray[np.float64], values: NDArray[np.float64]) -> None:
        """``values`` are those of the op on exact inputs, quantised."""
        self.local.add(exact, values)

    def _histograms(self) -> tuple[Histogram, Histogram]:
        if self.exact_histogram is None or self.integer_histogram is None:
            low, high, bins = self._edges()
            self.exact_histogram, self.integer_histogram = (Histogram(low, high, bins) for _ in range(2))
        return self.exact_histogram, self.integer_histogram

    def _edges(self) -> tuple[float, float, int]:
        """Of the histograms: the codes' own, else what the first batch spans, and a little more."""
        if self.codes.low is not None and self.codes.high is not None:
            return self.codes.low, self.codes.high, min(BINS, self.codes.most - self.codes.least + 1)
        margin = max((self.most - self.least) / BINS, abs(self.most) * 1e-6, SMALL)
        return self.least - margin, self.most + margin, BINS
