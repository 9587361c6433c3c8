"""Sums and concatenation of tokens, in nodes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from xdsl.ir import Operation

from passes.graph.derived import float64
from passes.graph.fold_layer_scale import scale
from passes.graph.layout import View
from passes.graph.nodes import (
    ConvNode,
    JoinNode,
    LinearNode,
    Node,
    PrefixNode,
    SumNode,
    Term,
    TokenSlice,
)
from passes.graph.trace import Tracer, Value
from passes.ranges import describe, read_channel_range, read_range


def add(tracer: Tracer, op: Operation, lhs: Value, rhs: Value, alpha: float) -> View:
    """``lhs + alpha * rhs``; at least one is an activation."""
    if isinstance(lhs, View) and isinstance(rhs, View):
        return _add_views(tracer, op, lhs, rhs, alpha)
    if isinstance(lhs, View):
        return _add_constant(tracer, op, lhs, alpha * float64(rhs))
    return _add_constant(tracer, op, scale(tracer, op, rhs, alpha), float64(lhs))


def _add_views(tracer: Tracer, op: Operation, lhs: View, rhs: View, alpha: float) -> View:
    if lhs.index.shape != rhs.index.shape:
        raise ValueError(f"shapes {list(lhs.index.shape)} and {list(rhs.index.shape)} do not match")
    nodes: list[Node] = []
    for view in (lhs, rhs):
        tokens = tracer.plain_rows(view).tokens
        if not tokens.whole:
            raise ValueError("a sum of some of the tokens of an activation is not supported")
        nodes.append(tokens.node)
    node = SumNode(
        tokens=nodes[0].tokens,
        channels=nodes[0].channels,
        origin=describe(op),
        location=op.location,
        range=read_range(op),
        channel_range=read_channel_range(op, tracer.store),
        flat=nodes[0].flat and nodes[1].flat,
        terms=(Term(nodes[0]), Term(nodes[1], alpha)),
    )
    return tracer.view(tracer.add(node), lhs.index.shape)


def _add_constant(tracer: Tracer, op: Operation, x: View, constant: NDArray[np.float64]) -> View:
    """A bias where it is the same for all tokens of a linear, else a part of a sum (position embedding)."""
    shape = x.index.shape
    if np.broadcast_shapes(shape, constant.shape) != shape:
        raise ValueError(f"a constant of shape {list(constant.shape)} does not broadcast to {list(shape)}")
    node = _whole(tracer, x)
    offsets = tracer.unbatched(np.broadcast_to(constant, shape)).reshape(node.tokens, node.channels)
    result = _plus(tracer, node, offsets, op)
    return tracer.view(result, shape)


def _plus(tracer: Tracer, node: Node, offsets: NDArray[np.float64], op: Operation) -> Node:
    """``node`` plus a constant [T, C]."""
    range_ = read_range(op)
    if isinstance(node, LinearNode | ConvNode) and not np.any(offsets != offsets[:1]):
        return tracer.add(
            replace(
                node, bias=node.bias + offsets[0], range=range_, origin=describe(op), location=op.location
            )
        )
    if isinstance(node, PrefixNode):
        count = len(node.prefix)
        body = _plus(tracer, node.body, offsets[count:], op)
        prefix = node.prefix + offsets[:count]
        return tracer.add(
            replace(node, prefix=prefix, body=body, range=range_, origin=describe(op), location=op.location)
        )
    return tracer.add(
        SumNode(
            tokens=node.tokens,
            channels=node.channels,
            origin=describe(op),
            location=op.location,
            range=range_,
            channel_range=read_channel_range(op, tracer.store),
            flat=node.flat,
            terms=(Term(node),),
            constant=offsets,
        )
    )


def concatenate(tracer: Tracer, op: Operation, parts: list[Value], dim: int) -> View:
    """Constant tokens (class, distillation, registers) before an activation [N, T, C], or channels [N, C]."""
    *first, last = parts
    if isinstance(last, View) and last.index.ndim == 2 and dim % 2 == 1:
        return _join_channels(tracer, op, parts)
    if not isinstance(last, View) or last.index.ndim != 3 or dim % 3 != 1:
        raise ValueError("only constant tokens before an activation [N, T, C] can be concatenated")
    prefix = [_constant_tokens(tracer, part) for part in first]
    body = _whole(tracer, last)
    tokens = np.concatenate([part for part in prefix if len(part)] or [np.zeros((0, body.channels))])
    node = PrefixNode(
        tokens=len(tokens) + body.tokens,
        channels=body.channels,
        origin=describe(op),
        location=op.location,
        range=read_range(op),
        channel_range=read_channel_range(op, tracer.store),
        prefix=tokens,
        body=body,
    )
    return tracer.view(tracer.add(node))


def _join_channels(tracer: Tracer, op: Operation, parts: list[Value]) -> View:
    slices: list[TokenSlice] = []
    for part in parts:
        if not isinstance(part, View) or part.index.ndim != 2:
            raise ValueError("only activations [N, C] can be joined channel by channel")
        slices.append(tracer.plain_rows(part).tokens)
    node = JoinNode(
        tokens=1,
        channels=sum(part.node.channels for part in slices),
        origin=describe(op),
        location=op.location,
        range=read_range(op),
        flat=True,
        parts=tuple(slices),
    )
    return tracer.view(tracer.add(node))


def _constant_tokens(tracer: Tracer, part: Value) -> NDArray[np.float64]:
    """[P, C] of a constant [N, P, C], or of a view of the constant tokens of a prefix."""
    if not isinstance(part, View):
        array: NDArray[Any] = np.asanyarray(part)
        return tracer.unbatched(array)
    tokens = tracer.plain_rows(part).tokens
    end = tokens.start + tokens.count
    if not isinstance(tokens.node, PrefixNode) or end > len(tokens.node.prefix):
        raise ValueError("only the last part of a concatenation may depend on the image")
    return tokens.node.prefix[tokens.start : end]


def _whole(tracer: Tracer, x: View) -> Node:
    tokens = tracer.plain_rows(x).tokens
    if not tokens.whole:
        raise ValueError("some of the tokens of an activation cannot be taken here")
    return tokens.node
