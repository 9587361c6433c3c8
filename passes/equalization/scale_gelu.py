"""A scale for each channel of a GELU's result; the next linear's columns make up for it, function-preserving.

    y_c -> (y_c - floor) / f_c            W[:, c] -> W[:, c] * f_c, bias -> bias + floor * W.sum(axis=1)

``floor`` is GELU's least value, so that every channel fills its codes from the lowest up; ``f`` is as in
smoothing, with the width ``high_c - floor`` for the channel's size. A table makes ``y`` in 16 bits, a requant
with a multiplier for each channel brings it to the scale that all share.
"""

from __future__ import annotations

import numpy as np

from passes.equalization.smooth_channels import channel_factors
from passes.graph.nodes import GeluNode, Graph, LinearNode
from passes.graph.readers import linear_readers
from passes.quantization.scales import ChannelRange

FLOOR = -0.17003
"""The least value of GELU in either form, rounded down."""
ALPHA = 0.75


def scale_gelu(graph: Graph) -> int:
    """Scale every GELU that only linears read and whose channel ranges are known; how many."""
    count = 0
    for node, linears in linear_readers(graph).items():
        if isinstance(node, GeluNode) and node.channel_range is not None:
            _scale(node, node.channel_range, linears)
            count += 1
    return count


def _scale(node: GeluNode, ends: ChannelRange, linears: list[LinearNode]) -> None:
    weights = np.max([np.abs(linear.weight).max(axis=0) for linear in linears], axis=0)
    width = np.maximum(ends.high - FLOOR, 0.0)
    node.factors, node.floor = channel_factors(width, weights, ALPHA), FLOOR
    node.channel_range = ChannelRange(np.zeros_like(width), width / node.factors)
    node.range = node.channel_range.whole()
    for linear in linears:
        linear.bias = linear.bias + linear.weight @ np.full(node.channels, FLOOR)
        linear.weight = linear.weight * node.factors
