"""What calibration and fitting found, as buffers: a checkpoint holds all that decides a bit."""

# pyright: strict, reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# (torch is only partly typed)

from __future__ import annotations

import math
import re
from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ivit.qat.binding import ARRAYS, BoundGraph
from passes.graph.derived import replay
from passes.graph.nodes import AttentionNode, GeluNode, Graph, LinearNode, Node, RoundedWeight
from passes.quantization.activations import ActivationRules
from passes.quantization.log_codes import LogCodes
from passes.quantization.scales import ChannelRange, Range
from passes.rounding.nearest import round_nearest

Numbers = dict[str, NDArray[np.float64]]
RANGE_TRAINING = ("frozen", "ema", "learned")
"""What becomes of ranges in training: nothing; an average that follows the data; steps that are trained."""
EMA_MOMENTUM = 0.95
"""As I-ViT trains (methods.md 1.1)."""
GAIN_RATE = 10.0
"""How much faster than a weight a learned range moves at the same learning rate."""


def state_of(bound: BoundGraph) -> Numbers:
    """The numbers of ``bound`` that are no parameters, by ``node.what``."""
    found: Numbers = {**bound.constants, **bound.fixed}
    for binding in bound.bindings:
        if binding.added is not None:
            found[f"{binding.key}.added"] = binding.added
    for node in nodes_of(bound.graph):
        if node.range is not None:
            found[f"{node.name}.range"] = np.array([node.range.low, node.range.high])
        if node.channel_range is not None:
            found[f"{node.name}.channels"] = np.stack([node.channel_range.low, node.channel_range.high])
        if isinstance(node, AttentionNode) and node.scores is not None:
            found[f"{node.name}.scores"] = np.array([node.scores.low, node.scores.high])
        if isinstance(node, AttentionNode) and node.codes is not None:
            found[f"{node.name}.codes"] = _code_numbers(node.codes)
        if isinstance(node, GeluNode) and node.factors is not None:
            found[f"{node.name}.factors"] = node.factors
            found[f"{node.name}.floor"] = np.array([node.floor])
        if isinstance(node, LinearNode) and node.rounded is not None and bound.recipe.fits_weights:
            found[f"{node.name}.steps"] = node.rounded.steps
            found[f"{node.name}.pull"] = node.rounded.integers * node.rounded.steps[:, None] - node.weight
    return found


def nodes_of(graph: Graph) -> list[Node]:
    """The image and all live nodes; every one has a name."""
    graph.image.name = graph.image.name or "image"
    return [graph.image, *graph.live()]


class Quantizer(nn.Module):
    """Buffers of ``numbers``; where ranges are ``learned`` also ``gains``, logarithms of their factors."""

    def __init__(self, numbers: Numbers, range_training: str) -> None:
        super().__init__()
        if range_training not in RANGE_TRAINING:
            raise ValueError(
                f"range_training={range_training!r} is not known: choose one of {', '.join(RANGE_TRAINING)}"
            )
        self.range_training = range_training
        self._names = {key: re.sub(r"\W", "_", key) for key in numbers}
        for key, name in self._names.items():
            self.register_buffer(name, torch.from_numpy(np.array(numbers[key], np.float64)))
        self._parts: dict[str, slice] = {}
        if range_training == "learned":
            count = 0
            for key, array in numbers.items():
                if key.endswith((".range", ".steps")):
                    size = len(array) if key.endswith(".steps") else 1
                    self._parts[key], count = slice(count, count + size), count + size
            self.gains = nn.Parameter(torch.zeros(count))

    def has(self, key: str) -> bool:
        """Whether there are numbers of ``key``."""
        return key in self._names

    def buffer(self, key: str) -> Tensor:
        """The numbers of ``key``, as calibration found them or an average made them."""
        return self.get_buffer(self._names[key])

    def numbers(self) -> Numbers:
        """All of them, in float64, with what was learned."""
        found = {key: self.buffer(key).detach().cpu().double().numpy() for key in self._names}
        if self._parts:
            factors = np.exp(GAIN_RATE * self.gains.detach().cpu().double().numpy())
            for key, part in self._parts.items():
                found[key] = found[key] * (factors[part] if key.endswith(".steps") else factors[part][0])
        return found

    def gain(self) -> dict[str, Tensor]:
        """The logarithm of the factor of each range (a scalar) and of each weight's steps [O]."""
        logarithms = {key: self.gains[part] * GAIN_RATE for key, part in self._parts.items()}
        return {key: value if key.endswith(".steps") else value[0] for key, value in logarithms.items()}

    def observe(self, node: Node, name: str, values: Tensor) -> None:
        """Let the range ``name`` of ``node`` follow ``values``, with ``range_training="ema"``."""
        key = f"{node.name}.{name}"
        if self.range_training != "ema" or not self.has(key):
            return
        low, high = torch.aminmax(values.detach())
        seen = torch.stack([low, high]).to(self.buffer(key))
        self.buffer(key).lerp_(seen, 1.0 - EMA_MOMENTUM)


def write_numbers(bound: BoundGraph, leaves: Mapping[str, NDArray[np.float32]], numbers: Numbers) -> None:
    """Bring the graph to the parameters ``leaves`` and to ``numbers``."""
    given = {**leaves, **{key: numbers[key] for key in bound.constants}}
    for binding in bound.bindings:
        array = np.asarray(replay(binding.recipe, given), np.float64)
        if binding.added is not None:
            array = array + numbers[f"{binding.key}.added"]
        setattr(binding.node, binding.name, array)
    rules = ActivationRules(bound.recipe)
    for node in nodes_of(bound.graph):
        for name in ARRAYS:
            if f"{node.name}.{name}" in bound.fixed:
                setattr(node, name, numbers[f"{node.name}.{name}"])
        node.range = _range(numbers, f"{node.name}.range")
        if node.channel_range is not None:
            node.channel_range = ChannelRange(*numbers[f"{node.name}.channels"])
        if isinstance(node, AttentionNode):
            node.scores = _range(numbers, f"{node.name}.scores")
            node.codes = _codes(numbers.get(f"{node.name}.codes"))
        if isinstance(node, GeluNode) and node.factors is not None:
            node.factors, node.floor = (
                numbers[f"{node.name}.factors"],
                float(numbers[f"{node.name}.floor"][0]),
            )
        if isinstance(node, LinearNode):
            node.rounded = _rounded(node, numbers, rules.weight_bits(node))


def _rounded(node: LinearNode, numbers: Numbers, bits: int) -> RoundedWeight | None:
    """To the nearest integers, from where the rounding that fitting chose would be nearest."""
    steps = numbers.get(f"{node.name}.steps")
    if steps is None:
        return None
    return RoundedWeight(round_nearest(node.weight + numbers[f"{node.name}.pull"], steps, bits), steps)


def _range(numbers: Numbers, key: str) -> Range | None:
    ends = numbers.get(key)
    return None if ends is None else Range(float(ends.min()), float(ends.max()))


def _code_numbers(codes: LogCodes) -> NDArray[np.float64]:
    """Thresholds, exponents (infinity for the code of 0) and eta."""
    exponents = [math.inf if exponent is None else exponent for exponent in codes.exponents]
    return np.array([*codes.thresholds, *exponents, codes.eta])


def _codes(numbers: NDArray[np.float64] | None) -> LogCodes | None:
    if numbers is None:
        return None
    count = len(numbers) // 2
    exponents = (None if math.isinf(value) else int(value) for value in numbers[count - 1 : -1])
    return LogCodes(count.bit_length() - 1, numbers[: count - 1], tuple(exponents), float(numbers[-1]))
