"""Balancing inside attention: q against k, v against the projection; function-preserving.

Per channel ``c`` of a head, with ``s`` as in smoothing:

- ``q_c -> q_c * f_c``, ``k_c -> (k_c - middle of k_c) / f_c`` with ``f_c = sqrt(max |k_c| / max |q_c|)``.
  The middle adds the same to all scores of a row, which softmax ignores.
- ``v_c -> (v_c - middle of v_c) / s_c``, ``W_proj[:, c] -> W_proj[:, c] * s_c``. The middle moves to the bias
  of the projection, because the weights of a row add up to 1. Where integers make them add up to a little
  less, the middle is spared that error.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from passes.equalization.smooth_channels import channel_factors
from passes.graph.nodes import AttentionNode, Graph, LinearNode
from passes.graph.readers import linear_readers, readers_of
from passes.quantization.scales import ChannelRange

VALUE_ALPHA = 0.5


def balance_attention(graph: Graph, *, centre_keys: bool = True) -> int:
    """Balance every attention whose channel ranges are known; how many.

    q, k and v must each be read by one attention alone. Without ``centre_keys`` the scores stay what they
    were, for a softmax that rounds them within their calibrated range.
    """
    readers, projections = readers_of(graph), linear_readers(graph)
    count = 0
    for node in graph.live():
        if not isinstance(node, AttentionNode):
            continue
        alone = all(readers[part] == [node] for part in (node.query, node.key, node.value))
        if alone and node.query.channel_range is not None and node.key.channel_range is not None:
            if centre_keys:
                _centre(node.key, node.key.channel_range)
            _balance_scores(node.query, node.query.channel_range, node.key, node.key.channel_range)
            _balance_values(node, projections.get(node, []))
            count += 1
    return count


def _centre(k: LinearNode, ends: ChannelRange) -> None:
    middle = (ends.low + ends.high) / 2
    k.bias, k.channel_range = k.bias - middle, ends.shifted(-middle)


def _balance_scores(q: LinearNode, q_ends: ChannelRange, k: LinearNode, k_ends: ChannelRange) -> None:
    alive = (q_ends.magnitude > 0) & (k_ends.magnitude > 0)
    ratio = np.where(alive, k_ends.magnitude, 1.0) / np.where(alive, q_ends.magnitude, 1.0)
    factors = np.sqrt(ratio)
    _scale(q, q_ends, factors)
    _scale(k, k_ends, 1 / factors)


def _balance_values(node: AttentionNode, projections: list[LinearNode]) -> None:
    v, ends, context = node.value, node.value.channel_range, node.channel_range
    if ends is None or context is None or not projections:
        return
    middle = (ends.low + ends.high) / 2
    v.bias, ends, context = v.bias - middle, ends.shifted(-middle), context.shifted(-middle)
    weights = np.max([np.abs(projection.weight).max(axis=0) for projection in projections], axis=0)
    factors = channel_factors(ends.magnitude, weights, VALUE_ALPHA)
    _scale(v, ends, 1 / factors)
    node.channel_range = context.times(1 / factors)
    node.range = node.channel_range.whole()
    for projection in projections:
        projection.bias = projection.bias + projection.weight @ middle
        projection.weight = projection.weight * factors


def _scale(linear: LinearNode, ends: ChannelRange, factors: NDArray[np.float64]) -> None:
    """Multiply output channel ``c`` by ``factors[c]``, positive; ``ends`` are its ranges before."""
    linear.weight = linear.weight * factors[:, None]
    linear.bias = linear.bias * factors
    linear.channel_range = ends.times(factors)
    linear.range = linear.channel_range.whole()
