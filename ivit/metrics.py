"""How good outputs are: against labels, and against a float reference."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray


def in_top_k(logits: NDArray[Any], labels: NDArray[np.int64], k: int) -> NDArray[np.bool_]:
    """Of each row of ``logits`` [N, classes], whether its label is among its ``k`` largest; bool [N]."""
    best = np.argpartition(-logits, min(k, logits.shape[1]) - 1, axis=1)[:, :k]
    return (best == labels[:, None]).any(axis=1)


def top_k(logits: NDArray[Any], labels: NDArray[np.int64], k: int) -> float:
    """Share of rows, in percent, whose label is among the ``k`` largest of ``logits`` [N, classes]."""
    return 100 * float(in_top_k(logits, labels, k).mean())


def agreement(a: NDArray[Any], b: NDArray[Any]) -> float:
    """Share of rows, in percent, in which both have their largest value at the same place."""
    return 100 * float((a.argmax(axis=1) == b.argmax(axis=1)).mean())


def sqnr_db(reference: NDArray[Any], values: NDArray[Any]) -> float:
    """Power of ``reference`` over the power of the difference, in dB; infinity where there is none."""
    exact = reference.astype(np.float64)
    return ratio_db(float((exact**2).sum()), float(((exact - values) ** 2).sum()))


def ratio_db(signal: float, noise: float) -> float:
    """Power ``signal`` over power ``noise``, both >= 0, in dB: infinity without noise, else -infinity without
    signal."""
    if noise == 0:
        return math.inf
    return -math.inf if signal == 0 else 10 * math.log10(signal / noise)


def cosines(reference: NDArray[Any], values: NDArray[Any]) -> NDArray[np.float64]:
    """The cosine of each row of ``values`` to the same row of ``reference``, float64 [N]."""
    a = reference.reshape(len(reference), -1).astype(np.float64)
    b = values.reshape(len(values), -1).astype(np.float64)
    lengths = np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1)
    return (a * b).sum(axis=1) / np.maximum(lengths, np.finfo(np.float64).tiny)
