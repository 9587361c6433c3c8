"""The float model beside the integers, for gradients: each node on the integers of the ones before it."""

# pyright: strict, reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# (torch is only partly typed)

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F
from xdsl.ir import SSAValue

from ivit.qat.recorder import Emission, limits_of
from ivit.qat.straight_through import Clipped, Linear, RoundedWeight, Straight
from passes.emission.records import Record
from passes.graph.nodes import (
    AttentionNode,
    ConvNode,
    GeluNode,
    Graph,
    ImageNode,
    LinearNode,
    MeanNode,
    Node,
    NormNode,
    PrefixNode,
    SumNode,
    TokenSlice,
)

Seen = Callable[[Node, str, Tensor], None]
"""Hears of a node's float values, and of which of its ranges they belong to."""


def unseen(node: Node, name: str, values: Tensor) -> None:
    """Nobody looks."""


@dataclass
class Surrogate:
    """One batch: ``emission`` run to ``values``; ``arrays`` are the graph's by ``node.field``.

    ``gains`` are logarithms of factors of ranges and of weight steps, where these are learned. Tensors are
    float32 [N, T, C].
    """

    graph: Graph
    emission: Emission
    values: Mapping[SSAValue, Tensor]
    arrays: Mapping[str, Tensor]
    gains: Mapping[str, Tensor] = field(default_factory=dict[str, Tensor])
    seen: Seen = unseen
    _raw: dict[Node, Tensor] = field(default_factory=dict[Node, Tensor])
    _forms: dict[SSAValue, Tensor] = field(default_factory=dict[SSAValue, Tensor])

    def result(self, exact: Tensor) -> Tensor:
        """``exact``, what the function returns ([N, C] or [N, T, C], float32), with its gradients."""
        tokens = self.graph.result
        assert tokens is not None
        for node in (self.graph.image, *self.graph.live()):
            self._raw[node] = self._compute(node)
        source = self.stream(tokens.node) if isinstance(tokens.node, NormNode) else self._raw[tokens.node]
        sliced = source[:, tokens.start : tokens.start + tokens.count]
        return Straight.apply(sliced.reshape(exact.shape), exact)

    def stream(self, node: Node) -> Tensor:
        """``node`` as the residual stream holds it."""
        return self._form(node, self.emission.recorder.streamed(node))

    def activation(self, tokens: TokenSlice, reader: LinearNode) -> Tensor:
        """What ``reader`` takes."""
        whole = self._form(tokens.node, self.emission.recorder.activated(tokens.node, reader))
        return whole[:, tokens.start : tokens.start + tokens.count]

    def _form(self, node: Node, form: Record | None) -> Tensor:
        """``node`` as the integers ``form`` have it; its float value where they do not."""
        if form is None:
            return self._raw[node]
        if form.value not in self._forms:
            raw = self._raw[node]
            exact = dequantised(self.values[form.value], form).reshape(raw.shape)
            low, high = (torch.from_numpy(end).to(raw) for end in limits_of(form))
            gain = self.gains.get(f"{node.name}.range")
            self._forms[form.value] = Clipped.apply(raw, exact, low, high, gain)
        return self._forms[form.value]

    def _compute(self, node: Node) -> Tensor:
        match node:
            case ImageNode():
                return self._image(node)
            case ConvNode():
                return self._conv(node)
            case LinearNode():
                return self._linear(node)
            case NormNode():
                return self._norm(node)
            case GeluNode():
                return self._gelu(node)
            case AttentionNode():
                return self._attention(node)
            case SumNode():
                return self._sum(node)
            case PrefixNode():
                return self._prefix(node)
            case MeanNode():
                source = self.stream(node.source.node)
                sliced = source[:, node.source.start : node.source.start + node.source.count]
                return self._note(node, sliced.mean(1, keepdim=True))
            case _:
                raise ValueError(f"{node.origin}: a {type(node).__name__} has no float form")

    def _note(self, node: Node, values: Tensor) -> Tensor:
        self.seen(node, "range", values)
        return values

    def _image(self, node: ImageNode) -> Tensor:
        recorder = self.emission.recorder
        return self.values[recorder.image].flatten(1, 2).float() * recorder.image_step

    def _conv(self, node: ConvNode) -> Tensor:
        x = self._raw[node.image] - torch.from_numpy(node.image.centre).to(self._raw[node.image])
        _, height, width, channels = node.weight.shape
        rows, columns = node.image.height // height, node.image.width // width
        tiles = x.reshape(len(x), rows, height, columns, width, channels).transpose(2, 3)
        return self._product(node, tiles.reshape(len(x), rows * columns, -1))

    def _linear(self, node: LinearNode) -> Tensor:
        return self._product(node, self.activation(node.source, node))

    def _product(self, node: LinearNode | ConvNode, x: Tensor) -> Tensor:
        product = self.emission.recorder.product(node)
        weight, bias = self.arrays[f"{node.name}.weight"].flatten(1), self.arrays[f"{node.name}.bias"]
        exact = torch.from_numpy(product.weight).to(weight)
        rounded = isinstance(node, LinearNode) and node.rounded is not None
        limits = torch.from_numpy(product.limits).to(weight) if rounded else None
        quantised = RoundedWeight.apply(weight, exact, limits, self.gains.get(f"{node.name}.steps"))
        total = dequantised(self.values[product.total.value], product.total)
        return self._note(node, Linear.apply(x, quantised, bias, total.reshape(*x.shape[:-1], -1)))

    def _norm(self, node: NormNode) -> Tensor:
        source = self.stream(node.source.node)
        x = source[:, node.source.start : node.source.start + node.source.count]
        gamma, beta = self.arrays[f"{node.name}.gamma"], self.arrays[f"{node.name}.beta"]
        return self._note(node, F.layer_norm(x, (node.channels,), gamma, beta, node.eps))

    def _gelu(self, node: GeluNode) -> Tensor:
        x = self._form(node.source, self.emission.recorder.inner(node.source))
        y = F.gelu(x, approximate=node.approximate)
        if node.factors is not None:
            y = (y - node.floor) / torch.from_numpy(node.factors).to(y)
        return self._note(node, y)

    def _attention(self, node: AttentionNode) -> Tensor:
        q, k, v = (
            self._form(part, self.emission.recorder.inner(part))
            .unflatten(-1, (node.heads, -1))
            .transpose(1, 2)
            for part in (node.query, node.key, node.value)
        )
        scores = q @ k.transpose(-1, -2) * node.scale
        self.seen(node, "scores", scores)
        return self._note(node, (scores.softmax(-1) @ v).transpose(1, 2).flatten(2))

    def _sum(self, node: SumNode) -> Tensor:
        total = self._term(node, 0)
        for index in range(1, len(node.terms)):
            total = total + self._term(node, index)
        if node.constant is not None:
            total = total + self.arrays[f"{node.name}.constant"]
        return self._note(node, total)

    def _term(self, node: SumNode, index: int) -> Tensor:
        term = node.terms[index]
        is_product = isinstance(term.node, LinearNode | ConvNode)
        value = self._raw[term.node] if is_product else self.stream(term.node)
        return value if term.factor == 1.0 else value * term.factor

    def _prefix(self, node: PrefixNode) -> Tensor:
        body, prefix = self.stream(node.body), self.arrays[f"{node.name}.prefix"]
        return self._note(node, torch.cat([prefix.expand(len(body), -1, -1), body], 1))


def dequantised(integers: Tensor, form: Record) -> Tensor:
    """What ``integers`` stand for, in float32."""
    value = integers.float()
    step, zero_point, offset = (
        torch.from_numpy(np.asarray(part, np.float32)).to(value.device)
        for part in (form.step, form.zero_point, form.offset)
    )
    if form.zero_point.any():
        value -= zero_point
    value *= step
    return value + offset if form.offset.any() else value
