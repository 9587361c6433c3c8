"""LayerScale (CaiT, arXiv 2103.17239) and other products with constants, folded into what they multiply.

    gamma * (W x + b) = (diag(gamma) W) x + gamma * b

Function-preserving but for the rounding of float64; at run time nothing of it is left. Weights are quantised
per output channel, so a small gamma costs no accuracy either.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from xdsl.ir import Operation

from passes.graph.derived import float64
from passes.graph.layout import View
from passes.graph.nodes import ConvNode, LinearNode, Node, SumNode
from passes.graph.trace import Tracer, Value
from passes.ranges import describe, read_range


def scale(tracer: Tracer, op: Operation, x: View, factor: Value) -> View:
    """``x`` times a number, or a constant of one value a channel (LayerScale), folded into its maker."""
    factors = float64(factor)
    if factors.size == 1 and float(factors.reshape(-1)[0]) == 1.0:
        return x
    node = x.node
    if isinstance(node, LinearNode | ConvNode):
        each = _by_channel(x, factors)
        weight = node.weight * each.reshape(-1, *(1,) * (node.weight.ndim - 1))
        scaled: Node = replace(node, weight=weight, bias=node.bias * each, range=None)
    elif isinstance(node, SumNode) and factors.size == 1:
        number = float(factors.reshape(-1)[0])
        terms = tuple(replace(term, factor=term.factor * number) for term in node.terms)
        constant = None if node.constant is None else node.constant * number
        scaled = replace(node, terms=terms, constant=constant, range=None, channel_range=None)
    else:
        raise ValueError(f"a product of {node.origin} with this constant cannot be folded into it")
    scaled.origin, scaled.location = describe(op), op.location
    scaled.range = read_range(op)
    return View(tracer.add(scaled), x.index)


def _by_channel(x: View, factors: NDArray[np.float64]) -> NDArray[np.float64]:
    """The factor of each channel of ``x.node``; ValueError where a channel has several."""
    shape = x.index.shape
    if np.broadcast_shapes(shape, factors.shape) != shape:
        raise ValueError(f"a constant of shape {list(factors.shape)} does not broadcast to {list(shape)}")
    channels = x.index % x.node.channels
    full = np.broadcast_to(factors, shape)
    found, first = np.unique(channels, return_index=True)
    each = full.reshape(-1)[first]
    if len(found) < x.node.channels:
        each, some = np.ones(x.node.channels), each
        each[found] = some
    if np.any(each[channels] != full):
        raise ValueError("a product with a constant that differs between tokens is not supported")
    return each
