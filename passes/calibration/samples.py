"""Samples of activations made small enough to search: values with counts, rows with weights."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

EXACT_VALUES = 4096
"""Samples of at most so many values are searched as they are, larger ones as histograms of that many bins."""
TAIL_ROWS, OTHER_ROWS = 32, 96
"""Rows of a sample that ``chosen_rows`` keeps: those of the largest values, and some of the others."""


def require_sample(sample: NDArray[np.floating]) -> None:
    """ValueError (one line) for no values, NaN and infinities."""
    if sample.size == 0:
        raise ValueError("a range needs at least one value; the sample is empty")
    if not (math.isfinite(float(sample.min())) and math.isfinite(float(sample.max()))):
        raise ValueError("a range needs finite values; the sample holds NaN or infinity")


def condensed(sample: NDArray[np.floating], bits: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Values and how often each occurs, float64: the sample itself, or the means of the bins of a histogram.

    A bin is at most 1/16 of a step wide where ``2^bits`` steps span the sample, and no value is off by more.
    """
    values = sample.astype(np.float64).ravel()
    low, high = float(values.min()), float(values.max())
    bins = max(EXACT_VALUES, 1 << (bits + 4))
    width = (high - low) / bins
    if values.size <= EXACT_VALUES or width <= 0.0:
        distinct, occurrences = np.unique(values, return_counts=True)
        return distinct, occurrences.astype(np.float64)
    index = np.minimum((values - low) / width, bins - 1).astype(np.int64)
    counts = np.bincount(index, minlength=bins).astype(np.float64)
    sums = np.bincount(index, weights=values, minlength=bins)
    filled = counts > 0
    return sums[filled] / counts[filled], counts[filled]


def chosen_rows(sample: NDArray[np.floating]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Rows of [R, I], float32, and how many rows each stands for.

    The rows with the largest magnitudes stand for themselves: a few tokens carry the outliers that clipping
    is about. The others are evenly spaced among the rest.
    """
    rows = sample.astype(np.float32)
    if len(rows) <= TAIL_ROWS + OTHER_ROWS:
        return rows, np.ones(len(rows), np.float32)
    order = np.argsort(-np.abs(rows).max(axis=1), kind="stable")
    rest = np.sort(order[TAIL_ROWS:])
    spaced = rest[np.linspace(0, len(rest) - 1, OTHER_ROWS).astype(np.int64)]
    chosen = rows[np.concatenate([order[:TAIL_ROWS], spaced])]
    weights = np.full(len(chosen), len(rest) / OTHER_ROWS, np.float32)
    weights[:TAIL_ROWS] = 1.0
    return chosen, weights
