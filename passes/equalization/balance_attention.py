"""Balancing inside attention: q against k, v against the projection; function-preserving.

Per channel ``c`` of a head:

    q_c -> q_c * f_c, k_c -> k_c / f_c                 f_c = sqrt(max |k_c| / max |q_c|) k_c -> k_c - middle
    of k_c                         adds the same to all scores of a row: softmax ignores it v_c -> (v_c -
    middle of v_c) / s_c                 W_proj[:, c] -> W_proj[:, c] * s_c, s as in smoothing

The last line's middle moves to the projection's bias, because the weights of a row add up to 1. They do so in
the exact softmax; Shiftmax and its like lose up to 3 % of them, which is why centring v is an option.
"""

from __future__ import annotations

import numpy as np

from passes.equalization.smooth_channels import channel_factors
from passes.graph.nodes import AttentionNode, Graph, LinearNode, Node, inputs_of
from passes.quantization.scales import ChannelRange

VALUE_ALPHA = 0.5


def balance_attention(graph: Graph, *, centre_values: bool) -> int:
    """Balance every attention whose channel ranges are known; how many.

    q, k and v must each be read by one attention alone.
    """
    nodes = graph.live()
    readers: dict[Node, list[Node]] = {}
    for node in nodes:
        for source in inputs_of(node):
            readers.setdefault(source, []).append(node)
    count = 0
    for node in nodes:
        if isinstance(node, AttentionNode) and all(
            readers[part] == [node] for part in (node.query, node.key, node.value)
        ):
            count += _balance(node, readers.get(node, []), centre_values, graph)
    return count


def _balance(node: AttentionNode, readers: list[Node], centre_values: bool, graph: Graph) -> bool:
    if node.query.channel_range is None or node.key.channel_range is None:
        return False
    _balance_scores(node.query, node.query.channel_range, node.key, node.key.channel_range)
    result = graph.result.node if graph.result is not None else None
    projections = [reader for reader in readers if isinstance(reader, LinearNode)]
    if len(projections) == len(readers) and node is not result:
        _balance_values(node, projections, centre_values)
    return True


def _balance_scores(q: LinearNode, q_ends: ChannelRange, k: LinearNode, k_ends: ChannelRange) -> None:
    middle = (k_ends.low + k_ends.high) / 2
    k.bias, k_ends = k.bias - middle, k_ends.shifted(-middle)
    alive = (q_ends.magnitude > 0) & (k_ends.magnitude > 0)
    ratio = np.where(alive, k_ends.magnitude, 1.0) / np.where(alive, q_ends.magnitude, 1.0)
    factors = np.sqrt(ratio)
    _scale(q, q_ends, factors)
    _scale(k, k_ends, 1 / factors)


def _balance_values(node: AttentionNode, projections: list[LinearNode], centre: bool) -> None:
    v, ends, context = node.value, node.value.channel_range, node.channel_range
    if ends is None or context is None:
        return
    if centre:
        middle = (ends.low + ends.high) / 2
        v.bias, ends, context = v.bias - middle, ends.shifted(-middle), context.shifted(-middle)
        for projection in projections:
            projection.bias = projection.bias + projection.weight @ middle
    weights = np.max([np.abs(projection.weight).max(axis=0) for projection in projections], axis=0)
    factors = channel_factors(ends.magnitude, weights, VALUE_ALPHA)
    _scale(v, ends, 1 / factors)
    node.channel_range = context.times(1 / factors)
    node.range = node.channel_range.whole()
    for projection in projections:
        projection.weight = projection.weight * factors


def _scale(linear: LinearNode, ends: ChannelRange, factors: np.ndarray) -> None:
    """Multiply output channel ``c`` by ``factors[c]``, positive; ``ends`` are its ranges before."""
    linear.weight = linear.weight * factors[:, None]
    linear.bias = linear.bias * factors
    linear.channel_range = ends.times(factors)
    linear.range = linear.channel_range.whole()
