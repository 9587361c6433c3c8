"""From ``graph`` to ``ivit`` ops: a node as an accumulator, as the int16 stream, or as an int8 activation.

Which of these a node becomes is up to its consumers; each is emitted once, when it is first asked for. The
non-linear kinds are emitted by the functions of the chosen families (``families``).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from xdsl.dialects.builtin import DYNAMIC_INDEX, IntegerType, TensorType, i16, i32
from xdsl.ir import SSAValue

from ivit_dialect.ops.arithmetic import ReduceKind, ReduceOp
from ivit_dialect.ops.linear import Conv2dOp
from passes.emission.builder import IntegerBuilder, type_of
from passes.emission.records import Record
from passes.graph.nodes import (
    AttentionNode,
    ConvNode,
    GeluNode,
    ImageNode,
    LinearNode,
    MeanNode,
    Node,
    NormNode,
    PrefixNode,
    SumNode,
    Term,
    TokenSlice,
)
from passes.quantization import scales
from passes.quantization.activations import ActivationRules
from passes.quantization.recipes import Recipe
from passes.quantization.scales import Scale
from passes.quantization.weights import quantize_weights


@dataclass(frozen=True)
class Quantised:
    """``real = scale.step * (value - scale.zero_point) + offset``."""

    value: SSAValue
    scale: Scale
    offset: float = 0.0


@dataclass(frozen=True)
class Accumulator:
    """int32 ``value`` whose channel ``o`` has the step ``steps[o]`` (0 where it is all zero)."""

    value: SSAValue
    steps: NDArray[np.float64]


@dataclass(frozen=True)
class Families:
    """How the non-linear kinds are emitted; chosen by ``QuantizeOptions``."""

    attention: Callable[[Emitter, AttentionNode], Quantised]
    gelu: Callable[[Emitter, GeluNode], Quantised]
    norm: Callable[[Emitter, NormNode, Scale, IntegerType], Quantised]


@dataclass
class Emitter:
    """Emission of one graph; ``image``, its argument, is uint8 pixels or int8 of ``image_step``."""

    build: IntegerBuilder
    recipe: Recipe
    families: Families
    image: SSAValue
    image_step: float
    rules: ActivationRules = field(init=False)
    records: dict[SSAValue, Record] = field(default_factory=dict[SSAValue, Record])
    _accumulators: dict[Node, Accumulator] = field(default_factory=dict[Node, Accumulator])
    _streams: dict[Node, Quantised] = field(default_factory=dict[Node, Quantised])
    _activations: dict[tuple[Node, int], Quantised] = field(default_factory=dict[tuple[Node, int], Quantised])

    def __post_init__(self) -> None:
        self.rules = ActivationRules(self.recipe)

    def note(
        self,
        node: Node,
        value: SSAValue,
        step: float | NDArray[np.float64],
        zero_point: int | NDArray[np.int64] = 0,
        offset: float = 0.0,
        part: str = "",
        by_row: bool = False,
        levels: NDArray[np.float64] | None = None,
    ) -> None:
        """Remember what ``value`` stands for (``Record``); the last word on a value counts."""
        numbers = np.asarray(step, np.float64), np.asarray(zero_point, np.int64), np.asarray(offset)
        self.records[value] = Record(node, value, *numbers, part, by_row, levels)

    def accumulator(self, node: LinearNode | ConvNode) -> Accumulator:
        """int32 products plus bias."""
        if node not in self._accumulators:
            with self.build.at(node):
                emitted = self._conv(node) if isinstance(node, ConvNode) else self._linear(node)
            self._accumulators[node] = emitted
            self.note(node, emitted.value, emitted.steps)
        return self._accumulators[node]

    def stream(self, node: Node) -> Quantised:
        """int16 at the residual scale of the node's own range."""
        if node not in self._streams:
            scale = scales.stream(node.calibrated(), self.recipe.residual_bits)
            with self.build.at(node):
                if isinstance(node, NormNode):
                    self._streams[node] = self.families.norm(self, node, scale, i16)
                else:
                    self._streams[node] = Quantised(self._at_scale(node, scale), scale)
            self.note(node, self._streams[node].value, scale.step, scale.zero_point)
        return self._streams[node]

    def emit_streams(self, nodes: list[Node]) -> None:
        """The residual stream, from the input on: keeps recursion within a block, whatever the depth."""
        for node in self._residuals(nodes):
            self.stream(node)

    @staticmethod
    def _residuals(nodes: list[Node]) -> list[Node]:
        """Sums and prefixes that another sum or a layer_norm takes up, in the order of the program."""
        taken: set[Node] = set()
        for node in nodes:
            if isinstance(node, SumNode):
                taken.update(term.node for term in node.terms)
            elif isinstance(node, NormNode | MeanNode):
                taken.add(node.source.node)
        return [node for node in nodes if node in taken and isinstance(node, SumNode | PrefixNode)]

    def activation(self, tokens: TokenSlice, bits: int) -> Quantised:
        """``bits`` wide, for the input of a linear."""
        node = tokens.node
        if (node, bits) not in self._activations:
            with self.build.at(node):
                made = self._activations[node, bits] = self._activation(node, bits)
            self.note(node, made.value, made.scale.step, made.scale.zero_point, made.offset)
        whole = self._activations[node, bits]
        value = self.build.slice_tokens(whole.value, tokens.start, tokens.count)
        return Quantised(value, whole.scale, whole.offset)

    def stream_slice(self, tokens: TokenSlice) -> Quantised:
        """``stream`` of some tokens."""
        whole = self.stream(tokens.node)
        return Quantised(self.build.slice_tokens(whole.value, tokens.start, tokens.count), whole.scale)

    def requantised(
        self, node: LinearNode | ConvNode, scale: Scale, element: IntegerType, factor: float = 1.0
    ) -> SSAValue:
        """``factor * node`` at ``scale``."""
        accumulator = self.accumulator(node)
        ratios = accumulator.steps * (factor / scale.step)
        with self.build.at(node):
            value = self.build.requant_channels(
                accumulator.value, ratios, element, scale.zero_point, node.name
            )
        if element != i32 and factor:  # else a term of a sum, or nothing
            self.note(node, value, scale.step / factor, scale.zero_point)
        return value

    def result(self, tokens: TokenSlice, rank: int) -> Quantised:
        """What the function returns: int32 for logits (linears and their sums), else the int16 stream."""
        node = tokens.node
        if isinstance(node, LinearNode | ConvNode) or (isinstance(node, SumNode) and _is_logits(node)):
            scale = scales.output(node.calibrated())
            with self.build.at(node):
                value = self._sum(_as_sum(node), scale, i32)
            self.note(node, value, scale.step)
        else:
            emitted = self.stream(node)
            value, scale = emitted.value, emitted.scale
        with self.build.at(node):
            value = self.build.slice_tokens(value, tokens.start, tokens.count)
            return Quantised(self.build.drop_token_dimension(value) if rank == 2 else value, scale)

    def _linear(self, node: LinearNode) -> Accumulator:
        x = self.activation(node.source, self.rules.input_bits(node.source.node, node))
        value = self.build.drop_token_dimension(x.value) if node.flat else x.value
        bias = node.bias + node.weight.sum(axis=1) * x.offset
        bits = self.rules.weight_bits(node)
        weights = quantize_weights(node.weight, bias, x.scale, bits, rounded=node.rounded)
        value = self.build.linear(value, weights.weight, weights.bias, bits, node.name)
        return Accumulator(value, weights.steps)

    def _conv(self, node: ConvNode) -> Accumulator:
        bits = self.rules.weight_bits(node)
        weights = quantize_weights(node.weight, node.bias, Scale(self.image_step), bits, node.image.centre)
        operands = (
            self.build.constant(f"{node.name}.weight", weights.weight, IntegerType(bits)),
            self.build.constant(f"{node.name}.bias", weights.bias),
        )
        _, height, width, _ = weights.weight.shape
        grid = (node.image.height // height, node.image.width // width)
        batch = type_of(self.image).get_shape()[0]
        result = TensorType(i32, (batch, *grid, node.channels))
        patches = self.build.append(Conv2dOp(self.image, *operands, result), f"{node.name}.acc")
        shape = (batch, node.tokens, node.channels)
        tokens = self.build.collapse(patches, [[0], [1, 2], [3]], shape, f"{node.name}.tokens")
        return Accumulator(tokens, weights.steps)

    def _activation(self, node: Node, bits: int) -> Quantised:
        match node:
            case GeluNode():
                return self.families.gelu(self, node)
            case AttentionNode():
                return self.families.attention(self, node)
            case _:
                scale, element = self.rules.input_scale(node, bits), IntegerType(bits)
        match node:
            case NormNode():
                return self.families.norm(self, node, scale, element)
            case LinearNode() | ConvNode() | MeanNode():
                return Quantised(self._at_scale(node, scale, element), scale)
            case _:
                source = self.stream(node)
                ratio = source.scale.step / scale.step
                name = f"{node.name}.i{bits}"
                return Quantised(
                    self.build.requant(source.value, ratio, element, scale.zero_point, name), scale
                )

    def _at_scale(self, node: Node, scale: Scale, element: IntegerType = i16) -> SSAValue:
        match node:
            case LinearNode() | ConvNode():
                return self.requantised(node, scale, element)
            case SumNode():
                return self._sum(node, scale, element)
            case PrefixNode():
                return self._prefix(node, scale)
            case MeanNode():
                return self._mean(node, scale, element)
            case _:
                raise ValueError(f"{node.origin}: its result cannot enter a sum or a layer_norm")

    def _sum(self, node: SumNode, scale: Scale, element: IntegerType) -> SSAValue:
        """Branches first, then the stream, then the constant.

        Terms are int32, clamped only after the last addition: a branch may exceed the sum (methods.md 4).
        """
        ordered = sorted(node.terms, key=lambda term: not isinstance(term.node, LinearNode | ConvNode))
        if node.constant is None and len(ordered) == 1:
            return self._single(ordered[0], scale, element, node.name)
        parts = [self._single(term, scale, i32, f"{node.name}.stream") for term in ordered]
        if node.constant is not None:
            parts.append(self._constant(node, node.constant, scale))
        total = parts[0]
        for part in parts[1:-1]:
            total = self.build.add(total, part, i32, f"{node.name}.partial")
        return self.build.add(total, parts[-1], element, node.name)

    def _single(self, term: Term, scale: Scale, element: IntegerType, name: str) -> SSAValue:
        if isinstance(term.node, LinearNode | ConvNode):
            return self.requantised(term.node, scale, element, term.factor)
        source = self.stream(term.node)
        return self.build.requant(
            source.value, source.scale.step * term.factor / scale.step, element, 0, name
        )

    def _constant(self, node: Node, constant: NDArray[np.float64], scale: Scale) -> SSAValue:
        integers = _to_int16(constant, scale)
        shape = (1, node.channels) if node.flat else (1, *integers.shape)
        return self.build.constant(f"{node.name}.constant", integers.reshape(shape))

    def _prefix(self, node: PrefixNode, scale: Scale) -> SSAValue:
        from_body = self._at_body(node, scale)
        prefix = self.build.constant(f"{node.name}.prefix", _to_int16(node.prefix, scale)[None])
        return self.build.prepend_tokens(prefix, from_body, node.name)

    def _at_body(self, node: PrefixNode, scale: Scale) -> SSAValue:
        body = node.body
        if isinstance(body, LinearNode | ConvNode | SumNode | MeanNode | PrefixNode):
            return self._at_scale(body, scale)
        return self._single(Term(body), scale, i16, f"{node.name}.body")

    def _mean(self, node: MeanNode, scale: Scale, element: IntegerType) -> SSAValue:
        source = self.stream_slice(node.source)
        batch, _, channels = type_of(source.value).get_shape()
        reduced = ReduceOp(ReduceKind.SUM, source.value, 1, TensorType(i32, (batch, 1, channels)))
        total = self.build.append(reduced, f"{node.name}.sum")
        ratio = source.scale.step / (node.source.count * scale.step)
        return self.build.requant(total, ratio, element, scale.zero_point, node.name)


def image_type(node: ImageNode, batch: int | None, element: IntegerType) -> TensorType[IntegerType]:
    """The function's argument, channels last."""
    return TensorType(element, (batch or DYNAMIC_INDEX, node.height, node.width, node.channels))


def _to_int16(array: NDArray[np.float64], scale: Scale) -> NDArray[np.int16]:
    return np.clip(np.rint(array / scale.step), -32768, 32767).astype(np.int16)


def _is_logits(node: SumNode) -> bool:
    return node.constant is None and all(isinstance(term.node, LinearNode | ConvNode) for term in node.terms)


def _as_sum(node: Node) -> SumNode:
    if isinstance(node, SumNode):
        return node
    return SumNode(
        tokens=node.tokens,
        channels=node.channels,
        origin=node.origin,
        location=node.location,
        range=node.range,
        name=node.name,
        flat=node.flat,
        terms=(Term(node),),
    )
