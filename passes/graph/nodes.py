"""The model between torch and integers: what each tensor is, in float64, with layouts already resolved.

A node stands for a float tensor [N, T, C] (T tokens of C channels; T = 1 after pooling). Nodes are made by
``trace`` and turned into integer ops by ``emit``; transformations that preserve the function (smoothing, bias
correction, other weights) go between the two.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from xdsl.dialects.builtin import LocationAttr, UnknownLoc

from passes.quantization.log_codes import LogCodes
from passes.quantization.scales import ChannelRange, Range


@dataclass(eq=False, kw_only=True)
class Node:
    """``origin`` says where it came from, for messages, and ``location`` for the ops that it becomes.

    ``range`` is its calibrated range, if it has one, and ``channel_range`` that of each channel.
    ``name_nodes`` gives it its name, and its role: what it is in its block (``q``, ``proj``, ``fc1``,
    ``norm2``, ``head``, …).
    """

    tokens: int
    channels: int
    origin: str
    location: LocationAttr = field(default_factory=UnknownLoc)
    range: Range | None = None
    channel_range: ChannelRange | None = None
    name: str = ""
    role: str = ""
    flat: bool = False
    """[N, C] rather than [N, 1, C]."""

    def calibrated(self) -> Range:
        """``range``; ValueError where calibration has not been here."""
        if self.range is None:
            raise ValueError(f"{self.origin}: no ivit.range on its result; run the pass 'calibrate' first")
        return self.range


@dataclass(frozen=True)
class TokenSlice:
    """``count`` tokens of ``node`` from ``start`` on."""

    node: Node
    start: int
    count: int

    @property
    def whole(self) -> bool:
        return self.count == self.node.tokens


@dataclass(eq=False, kw_only=True)
class ImageNode(Node):
    """The model's input; tokens are pixels, in rows, and channels come last.

    ``centre`` [C] is what counts as 0 in it: the mean pixel, where the input is pixels.
    """

    height: int
    width: int
    centre: NDArray[np.float64]


@dataclass(eq=False, kw_only=True)
class ConvNode(Node):
    """Patch embedding: weight [O, KH, KW, C], bias [O]."""

    image: ImageNode
    weight: NDArray[np.float64]
    bias: NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class RoundedWeight:
    """Integers [O, I] and the step of each row [O], where something better than rounding to nearest made
    them.
    """

    integers: NDArray[np.int8]
    steps: NDArray[np.float64]


@dataclass(eq=False, kw_only=True)
class LinearNode(Node):
    """weight [O, I], bias [O]; the input's channels are in their canonical order.

    ``rounded`` is what the weight becomes, where that is settled.
    """

    source: TokenSlice
    weight: NDArray[np.float64]
    bias: NDArray[np.float64]
    rounded: RoundedWeight | None = None


@dataclass(eq=False, kw_only=True)
class NormNode(Node):
    """LayerNorm over the channels: gamma [C], beta [C]."""

    source: TokenSlice
    gamma: NDArray[np.float64]
    beta: NDArray[np.float64]
    eps: float


@dataclass(eq=False, kw_only=True)
class GeluNode(Node):
    """``(gelu(x) - floor) / factors[c]``; ``approximate`` as in torch: "none" or "tanh".

    ``factors`` [C] are 1 and ``floor`` 0 where they are not given (see ``passes.equalization.scale_gelu``).
    """

    source: LinearNode
    approximate: str
    factors: NDArray[np.float64] | None = None
    floor: float = 0.0


@dataclass(eq=False, kw_only=True)
class AttentionNode(Node):
    """softmax(scale · q kᵀ) v; each of q, k, v has its channels in the order [head, depth].

    ``codes`` are those of its probabilities, where they were fitted to data.
    """

    query: LinearNode
    key: LinearNode
    value: LinearNode
    heads: int
    scale: float
    scores: Range | None
    codes: LogCodes | None = None


@dataclass(frozen=True)
class Term:
    """``factor * node``, all of its tokens."""

    node: Node
    factor: float = 1.0


@dataclass(eq=False, kw_only=True)
class SumNode(Node):
    """The sum of the terms and of a constant [T, C], if there is one."""

    terms: tuple[Term, ...]
    constant: NDArray[np.float64] | None = None


@dataclass(eq=False, kw_only=True)
class PrefixNode(Node):
    """Constant tokens [P, C] before those of ``body``."""

    prefix: NDArray[np.float64]
    body: Node


@dataclass(eq=False, kw_only=True)
class MeanNode(Node):
    """The mean over the tokens."""

    source: TokenSlice


@dataclass(eq=False, kw_only=True)
class JoinNode(Node):
    """Channels of one token each of other nodes, side by side (class token and mean of patches)."""

    parts: tuple[TokenSlice, ...]


@dataclass
class Graph:
    """Nodes in the order of the program, and what the function returns."""

    image: ImageNode
    nodes: list[Node] = field(default_factory=list[Node])
    result: TokenSlice | None = None
    result_rank: int = 0

    def live(self) -> list[Node]:
        """The nodes that the result depends on, in the order of the program."""
        pending: list[Node] = [] if self.result is None else [self.result.node]
        found: set[Node] = set()
        while pending:
            node = pending.pop()
            if node not in found:
                found.add(node)
                pending += inputs_of(node)
        return [node for node in self.nodes if node in found]


def inputs_of(node: Node) -> tuple[Node, ...]:
    """The nodes that ``node`` is computed from."""
    match node:
        case ConvNode():
            return (node.image,)
        case LinearNode() | NormNode() | MeanNode():
            return (node.source.node,)
        case GeluNode():
            return (node.source,)
        case AttentionNode():
            return (node.query, node.key, node.value)
        case SumNode():
            return tuple(term.node for term in node.terms)
        case PrefixNode():
            return (node.body,)
        case JoinNode():
            return tuple(part.node for part in node.parts)
        case _:
            return ()
