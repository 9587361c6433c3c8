"""The float graph run in NumPy, float32, node by node, for all images at once.

A tensor is [N, T, C]. The caller keeps the values: ``evaluate`` is one node's function of its inputs, so that
inputs may as well be what quantisation made of them.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from ivit_dialect.torch.kernels import floating
from ivit_dialect.torch.kernels.floating import matmul
from passes.graph.nodes import (
    AttentionNode,
    ConvNode,
    GeluNode,
    Graph,
    JoinNode,
    LinearNode,
    MeanNode,
    Node,
    NormNode,
    PrefixNode,
    SumNode,
    TokenSlice,
    inputs_of,
)

Tensor: TypeAlias = NDArray[np.float32]
Values: TypeAlias = Callable[[Node], Tensor]
"""The value [N, T, C] of a node."""

OVERFLOWS_SILENTLY = np.errstate(over="ignore", invalid="ignore")
"""As in torch: an overflow is a value, not an error."""


@OVERFLOWS_SILENTLY
def evaluate(node: Node, value: Values) -> Tensor:
    """[N, T, C] of ``node`` from the values of its inputs."""
    match node:
        case ConvNode():
            return _conv(node, value(node.image))
        case LinearNode():
            return linear(node, tokens_of(node.source, value), node.weight)
        case NormNode():
            return _layer_norm(node, tokens_of(node.source, value))
        case GeluNode():
            return _gelu(node, value(node.source))
        case AttentionNode():
            return attention(node, value(node.query), value(node.key), value(node.value))
        case SumNode():
            return _sum(node, value)
        case PrefixNode():
            body = value(node.body)
            prefix = np.broadcast_to(node.prefix.astype(np.float32), (len(body), *node.prefix.shape))
            return np.concatenate([prefix, body], axis=1)
        case MeanNode():
            tokens = tokens_of(node.source, value)
            return tokens.mean(axis=1, keepdims=True, dtype=np.float64).astype(np.float32)
        case JoinNode():
            return np.concatenate([tokens_of(part, value) for part in node.parts], axis=2)
        case _:
            raise ValueError(f"{node.origin}: has no inputs to compute it from")


def run_graph(graph: Graph, images: Tensor) -> Generator[tuple[Node, Tensor]]:
    """Each live node with its value, in order, for ``images`` [N, H, W, C]; values are dropped after last
    use.
    """
    nodes = graph.live()
    values: dict[Node, Tensor] = {graph.image: image_tokens(images)}
    last = last_readers(nodes)
    for node in nodes:
        values[node] = evaluate(node, values.__getitem__)
        yield node, values[node]
        for source in inputs_of(node):
            if last[source] is node and source in values:
                del values[source]


def image_tokens(images: Tensor) -> Tensor:
    """[N, H, W, C] as the tokens of the image's node, one a pixel."""
    count, height, width, channels = images.shape
    return images.reshape(count, height * width, channels)


def last_readers(nodes: Iterable[Node]) -> dict[Node, Node]:
    """The last of ``nodes`` that reads each node."""
    return {source: node for node in nodes for source in inputs_of(node)}


def tokens_of(tokens: TokenSlice, value: Values) -> Tensor:
    """The part of a node's value that a reader takes."""
    return value(tokens.node)[:, tokens.start : tokens.start + tokens.count]


@OVERFLOWS_SILENTLY
def linear(node: LinearNode, x: Tensor, weight: NDArray[np.float64]) -> Tensor:
    """``x`` [N, T, I] times ``weight`` [O, I], plus the bias."""
    rows = x.reshape(-1, x.shape[-1])
    product = rows @ weight.T.astype(np.float32)
    product += node.bias.astype(np.float32)
    return product.reshape(*x.shape[:-1], len(weight))


def split_heads(x: Tensor, heads: int) -> Tensor:
    """[N, T, H * D] -> [N, H, T, D]."""
    count, tokens, channels = x.shape
    return x.reshape(count, tokens, heads, channels // heads).transpose(0, 2, 1, 3)


def softmax(scores: Tensor) -> Tensor:
    """Over the last dimension, in place."""
    scores -= scores.max(axis=-1, keepdims=True)
    np.exp(scores, out=scores)
    scores /= scores.sum(axis=-1, keepdims=True)
    return scores


@OVERFLOWS_SILENTLY
def attention(
    node: AttentionNode,
    query: Tensor,
    key: Tensor,
    values: Tensor,
    probabilities: Callable[[Tensor], Tensor] = lambda p: p,
) -> Tensor:
    """Context [N, T, H * D]; ``probabilities`` [H, T, T] of an image may be changed before they weigh
    values.
    """
    q, k, v = (split_heads(x, node.heads) for x in (query, key, values))
    context = np.empty_like(query)
    for image in range(len(query)):
        scores = matmul(q[image], k[image].swapaxes(-1, -2)) * np.float32(node.scale)
        weighed = matmul(probabilities(softmax(scores)), v[image])
        context[image] = weighed.transpose(1, 0, 2).reshape(context.shape[1:])
    return context


def _conv(node: ConvNode, image: Tensor) -> Tensor:
    outs, height, width, channels = node.weight.shape
    rows, columns = node.image.height // height, node.image.width // width
    grid = (image - node.image.centre.astype(np.float32)).reshape(-1, rows, height, columns, width, channels)
    patches = grid.transpose(0, 1, 3, 2, 4, 5).reshape(len(image), rows * columns, height * width * channels)
    weight = node.weight.reshape(outs, -1).T.astype(np.float32)
    return np.add(patches @ weight, node.bias, dtype=np.float32)


def _layer_norm(node: NormNode, x: Tensor) -> Tensor:
    centred = x - x.mean(axis=-1, keepdims=True)
    variance = np.square(centred).mean(axis=-1, keepdims=True)
    centred /= np.sqrt(variance + np.float32(node.eps))
    centred *= node.gamma.astype(np.float32)
    centred += node.beta.astype(np.float32)
    return centred


def _gelu(node: GeluNode, x: Tensor) -> Tensor:
    y: Tensor = floating.gelu_tanh(x) if node.approximate == "tanh" else floating.gelu(x)
    if node.factors is None:
        return y
    return np.divide(y - np.float32(node.floor), node.factors, dtype=np.float32)


def _sum(node: SumNode, value: Values) -> Tensor:
    first, *rest = node.terms
    total: Tensor = np.multiply(value(first.node), np.float32(first.factor), dtype=np.float32)
    for term in rest:
        total += value(term.node) * np.float32(term.factor)
    if node.constant is not None:
        total += node.constant.astype(np.float32)
    return total
