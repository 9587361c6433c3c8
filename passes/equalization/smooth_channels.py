"""Channel smoothing: LayerNorm hands large channels on smaller, the next linears' columns make up for it.

Per input channel ``c`` of the linears behind a LayerNorm (SmoothQuant, arXiv 2211.10438, Eq. 4):

    s_c = a_c^alpha / w_c^(1 - alpha)          a_c = max |x_c|, w_c = max_o |W[o, c]|
    gamma_c, beta_c -> gamma_c / s_c, beta_c / s_c          W[:, c] -> W[:, c] * s_c

scaled so that the geometric mean of ``s`` is 1. Centring (Outlier Suppression+, arXiv 2304.09145, Eq. 4) goes
first: the middle of each channel's range moves from beta to the linears' biases. The float function stays the
same but for rounding of float64.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from passes.graph.nodes import Graph, LinearNode, NormNode
from passes.graph.readers import linear_readers


def smooth_channels(graph: Graph, alpha: float) -> int:
    """Smooth behind every LayerNorm that only linears read and whose channel ranges are known; how many.

    ``alpha`` in [0, 1] is the part of a channel's size that the weights take over. ValueError for another.
    """
    check_alpha(alpha)
    count = 0
    for norm, linears in linear_readers(graph).items():
        if isinstance(norm, NormNode) and norm.channel_range is not None:
            _centre(norm, linears)
            _smooth(norm, linears, alpha)
            count += 1
    return count


def check_alpha(alpha: float) -> None:
    """ValueError unless ``alpha`` lies in [0, 1]."""
    if not 0.0 <= alpha <= 1.0:
        raise ValueError(f"smoothing={alpha} is not in [0, 1]")


def channel_factors(
    activations: NDArray[np.float64], weights: NDArray[np.float64], alpha: float
) -> NDArray[np.float64]:
    """``s`` of magnitudes ``a`` and ``w`` [C], geometric mean 1; 1 where either is 0 (a dead channel)."""
    alive = (activations > 0) & (weights > 0)
    logs = alpha * np.log(np.where(alive, activations, 1.0)) - (1 - alpha) * np.log(
        np.where(alive, weights, 1.0)
    )
    mean = logs[alive].mean() if alive.any() else 0.0
    return np.where(alive, np.exp(logs - mean), 1.0)


def _centre(norm: NormNode, linears: list[LinearNode]) -> None:
    ends = norm.channel_range
    assert ends is not None
    middle = (ends.low + ends.high) / 2
    norm.beta = norm.beta - middle
    norm.channel_range = ends.shifted(-middle)
    norm.range = norm.channel_range.whole()
    for linear in linears:
        linear.bias = linear.bias + linear.weight @ middle


def _smooth(norm: NormNode, linears: list[LinearNode], alpha: float) -> None:
    ends = norm.channel_range
    assert ends is not None
    weights = np.max([np.abs(linear.weight).max(axis=0) for linear in linears], axis=0)
    factors = channel_factors(ends.magnitude, weights, alpha)
    norm.gamma, norm.beta = norm.gamma / factors, norm.beta / factors
    norm.channel_range = ends.times(1 / factors)
    norm.range = norm.channel_range.whole()
    for linear in linears:
        linear.weight = linear.weight * factors
