"""The sweep: every node once, in order, with the float values and the quantised ones of all images at hand.

At an activation its range is chosen; at a linear its weights are fitted to the inputs that quantisation
leaves it, rounded, and its bias corrected. What is decided goes onto the nodes (``range``, ``rounded``,
``weight``, ``bias``), where emission finds it; later nodes then see what it does.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np

from passes.fitting.attention_ranges import fit_attention_ranges
from passes.fitting.linears import LinearInputs, fit_linear
from passes.fitting.ranges import fitted_range
from passes.fitting.simulate import fake_quantize, fake_quantize_heads, probability_change
from passes.graph.evaluate import (
    Tensor,
    attention,
    evaluate,
    image_tokens,
    last_readers,
    linear,
    tokens_of,
)
from passes.graph.nodes import (
    AttentionNode,
    GeluNode,
    Graph,
    LinearNode,
    Node,
    NormNode,
    SumNode,
    TokenSlice,
    inputs_of,
)
from passes.graph.readers import readers_of
from passes.quantization import scales
from passes.quantization.activations import ActivationRules
from passes.quantization.log_codes import LogCodes, log2_parameters
from passes.quantization.recipes import Recipe
from passes.quantization.sulq import sulq_parameters

Progress: TypeAlias = Callable[[int, int], None]
"""Called with the number of nodes done and in all."""

MOST_BYTES = 1 << 28
"""Of one value of the widest node: more images than fit are left out, evenly."""


CODED_IMAGES = 8
"""So many images give more than enough probabilities."""
PARAMETERS: dict[str, Callable[[Tensor, int], LogCodes]] = {
    "log2": log2_parameters,
    "sulq": sulq_parameters,
}


def unheard(done: int, total: int) -> None:
    """Nobody listens."""


def fit(graph: Graph, recipe: Recipe, images: Tensor, progress: Progress = unheard) -> None:
    """Fit ``graph`` to ``images`` [N, H, W, C] (as the graph's input has them), as ``recipe`` says."""
    sweep = _Sweep(graph, recipe, _affordable(graph, images))
    nodes = graph.live()
    for done, node in enumerate(nodes):
        sweep.visit(node)
        progress(done + 1, len(nodes))


def _affordable(graph: Graph, images: Tensor) -> Tensor:
    largest = max(node.tokens * node.channels for node in graph.live()) * 4
    count = max(1, min(len(images), MOST_BYTES // largest))
    return images[np.linspace(0, len(images) - 1, count).round().astype(int)]


@dataclass
class _Sweep:
    graph: Graph
    recipe: Recipe
    images: Tensor
    rules: ActivationRules = field(init=False)
    _float: dict[Node, Tensor] = field(default_factory=dict[Node, Tensor])
    _quantised: dict[Node, Tensor] = field(default_factory=dict[Node, Tensor])
    _inputs: dict[tuple[Node, int], Tensor] = field(default_factory=dict[tuple[Node, int], Tensor])
    _last: dict[Node, Node] = field(default_factory=dict[Node, Node])
    _readers: dict[Node, list[Node]] = field(default_factory=dict[Node, list[Node]])

    def __post_init__(self) -> None:
        self.rules = ActivationRules(self.recipe)
        nodes = self.graph.live()
        self._last = last_readers(nodes)
        self._readers = readers_of(self.graph)
        self._float[self.graph.image] = self._quantised[self.graph.image] = image_tokens(self.images)

    def visit(self, node: Node) -> None:
        """Both values of ``node``, once what concerns it is decided."""
        # Before a fit changes its weights, which must be fitted to what the model was.
        self._float[node] = evaluate(node, self._float.__getitem__)
        if isinstance(node, LinearNode):
            self._quantised[node] = self._linear(node)
        elif isinstance(node, AttentionNode):
            self._quantised[node] = self._attention(node)
        elif isinstance(node, GeluNode):
            self._quantised[node] = self._gelu(node)
        else:
            self._quantised[node] = evaluate(node, self._quantised.__getitem__)
        if isinstance(node, SumNode) and node.range is not None:
            scale = scales.stream(node.range, self.recipe.residual_bits)
            self._quantised[node] = fake_quantize(self._quantised[node], scale, self.recipe.residual_bits)
        if isinstance(node, NormNode | AttentionNode | GeluNode):
            self._choose_range(node)
        self._forget(node)

    def _choose_range(self, node: Node) -> None:
        """Of an activation that linears read."""
        readers = [reader for reader in self._readers.get(node, []) if isinstance(reader, LinearNode)]
        if readers:
            bits = self.rules.input_bits(node, readers[0])
            symmetric = self.rules.input_scale(node, bits).zero_point == 0
            node.range = fitted_range(
                self.recipe,
                node,
                self._quantised[node],
                bits,
                symmetric,
                [reader.weight for reader in readers],
            )

    def _input(self, tokens: TokenSlice, reader: LinearNode) -> LinearInputs:
        """What ``reader`` takes."""
        node, bits = tokens.node, self.rules.input_bits(tokens.node, reader)
        if (node, bits) not in self._inputs:
            scale = self.rules.input_scale(node, bits)
            self._inputs[node, bits] = fake_quantize(self._quantised[node], scale, bits)
        whole = self._inputs[node, bits]
        return LinearInputs(
            tokens_of(tokens, lambda _: whole),
            tokens_of(tokens, self._float.__getitem__),
            bits,
            self._stream_error(reader),
        )

    def _stream_error(self, node: LinearNode) -> Tensor | None:
        """Of the residual stream that ``node`` alone is added to."""
        readers = self._readers.get(node, [])
        if len(readers) != 1 or not isinstance(readers[0], SumNode) or readers[0].constant is not None:
            return None
        others = [term for term in readers[0].terms if term.node is not node]
        if len(others) != 1 or len(readers[0].terms) != 2 or any(t.factor != 1.0 for t in readers[0].terms):
            return None
        stream = others[0].node
        return self._quantised[stream] - self._float[stream] if stream in self._float else None

    def _linear(self, node: LinearNode) -> Tensor:
        inputs = self._input(node.source, node)
        rounded = fit_linear(node, self.recipe, self.rules.weight_bits(node), inputs)
        return linear(node, inputs.quantised, rounded.integers * rounded.steps[:, None])

    def _gelu(self, node: GeluNode) -> Tensor:
        source, bits = node.source, self.recipe.gelu_input_bits
        source.range = fitted_range(self.recipe, source, self._quantised[source], bits, False, [])
        x = fake_quantize(self._quantised[source], self.rules.gelu_input(source), bits)
        return evaluate(node, lambda _: x)

    def _attention(self, node: AttentionNode) -> Tensor:
        self._choose_part_ranges(node)
        parts: list[Tensor] = []
        for part in (node.query, node.key, node.value):
            ends = self.rules.head_ends(node, part)
            parts.append(fake_quantize_heads(self._quantised[part], ends, self.recipe.qkv_bits))
        self._choose_codes(node, parts)
        return attention(node, parts[0], parts[1], parts[2], probability_change(self.recipe, node.codes))

    def _choose_part_ranges(self, node: AttentionNode) -> None:
        """Of q, k and v: by the result of attention, unless the rule is one of a tensor alone."""
        bits, linears = self.recipe.qkv_bits, (node.query, node.key, node.value)
        if self.recipe.ranges in ("mse", "output") and bits < self.recipe.ranges_below:
            q, k, v = (self._quantised[part] for part in linears)
            fit_attention_ranges(node, (q, k, v), bits, self.recipe.qkv_scales == "per_head")
            return
        for part in linears:
            part.range = fitted_range(self.recipe, part, self._quantised[part], bits, True, [])

    def _choose_codes(self, node: AttentionNode, parts: list[Tensor]) -> None:
        """Of probabilities in log2 or SULQ codes, from those of some images."""
        parameters = PARAMETERS.get(self.recipe.probabilities) if self.recipe.softmax == "exact" else None
        if parameters is None:
            return
        images = np.linspace(0, len(self.images) - 1, min(CODED_IMAGES, len(self.images))).astype(int)
        seen: list[Tensor] = []

        def watch(p: Tensor) -> Tensor:
            seen.append(p)
            return p

        query, key, value = (part[images] for part in parts)
        attention(node, query, key, value, watch)
        node.codes = parameters(np.stack(seen), self.recipe.probability_bits)

    def _forget(self, node: Node) -> None:
        """Values that no later node reads."""
        for source in inputs_of(node):
            if self._last[source] is node:
                for values in (self._float, self._quantised):
                    values.pop(source, None)
                for key in [key for key in self._inputs if key[0] is source]:
                    del self._inputs[key]
