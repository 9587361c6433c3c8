"""Float graphs of tiny models, calibrated on a few images: what lies between float and integers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch_exports import parse
from xdsl.dialects.builtin import ModuleOp
from xdsl.passes import PassPipeline

from ivit_dialect.store import StoreContext, WeightStore
from ivit_dialect.torch.entry import main_function
from ivit_dialect.torch.interpreter import run
from passes.calibrate import calibrate
from passes.calibration.images import normalise
from passes.emission.function import emit_function
from passes.graph.evaluate import Tensor, run_graph
from passes.graph.nodes import Graph, Node, NormNode
from passes.graph.readers import linear_readers
from passes.quantization.recipes import Recipe
from passes.quantization.scales import ChannelRange
from passes.quantize import float_graph, graph_images
from passes.registry import get_passes
from passes.torch_entry import Normalisation, image_sizes


@dataclass(frozen=True)
class Traced:
    """A float graph, its module, ``images`` as the graph takes them and the float model's results."""

    graph: Graph
    module: ModuleOp
    ctx: StoreContext
    images: NDArray[np.float32]
    expected: NDArray[np.float32]

    def values(self) -> dict[Node, Tensor]:
        """Of every live node, as the graph is now."""
        return dict(run_graph(self.graph, self.images))

    def values_of(self, *nodes: Node) -> list[Tensor]:
        """Of some nodes; ``run_graph`` hands out each once, before it is dropped."""
        wanted = {node: value for node, value in run_graph(self.graph, self.images) if node in nodes}
        return [wanted[node] for node in nodes]

    def result(self) -> Tensor:
        """What the function returns, as the graph is now."""
        tokens = self.graph.result
        assert tokens is not None
        values = self.values()[tokens.node][:, tokens.start : tokens.start + tokens.count]
        return values.reshape(self.expected.shape)

    @property
    def pixels(self) -> NDArray[np.uint8]:
        """The images of a model that takes pixels."""
        return np.rint(self.images).astype(np.uint8)

    def emit(self, recipe: Recipe, pixels: Normalisation) -> tuple[ModuleOp, WeightStore]:
        """The integers of the graph as it is now."""
        store = WeightStore()
        function = main_function(self.module)
        return ModuleOp([emit_function(function, self.graph, recipe, pixels, store)]), store

    def observe_channels(self) -> None:
        """Every channel range as it is on ``images``, neither widened nor rounded."""
        for node, values in self.values().items():
            if node.channel_range is not None:
                node.channel_range = seen(values)
                node.range = node.channel_range.whole()


def rescale(model: Traced, norm: NormNode, factors: NDArray[np.float64]) -> None:
    """Outlier channels behind ``norm``, which only linears read; the function stays."""
    norm.gamma, norm.beta = norm.gamma * factors, norm.beta * factors
    for linear in linear_readers(model.graph)[norm]:
        linear.weight = linear.weight / factors
    model.observe_channels()


def seen(values: Tensor) -> ChannelRange:
    """Of [N, T, C]."""
    return ChannelRange(
        values.min(axis=(0, 1)).astype(np.float64), values.max(axis=(0, 1)).astype(np.float64)
    )


def traced(text: str, pixels: Normalisation | None = None, count: int = 4) -> Traced:
    """The graph of ``text``, calibrated on ``count`` images; of pixels, where ``pixels`` says so."""
    module, ctx = parse(text)
    PassPipeline.parse_spec(get_passes(), "raise-torch,generalize-batch").apply(ctx, module)
    _, channels, height, width = image_sizes(main_function(module))
    rng = np.random.default_rng(0)
    if pixels is None:
        x = rng.standard_normal((count, channels, height, width)).astype(np.float32)
    else:
        x = normalise(rng.integers(0, 256, (count, height, width, channels)).astype(np.uint8), pixels)
    expected = run(module, ctx.store, x)[0]
    calibrate(module, ctx.store, x)
    return Traced(float_graph(module, ctx.store, pixels), module, ctx, graph_images(x, pixels), expected)
