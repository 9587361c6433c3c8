"""A torch-level module in integers, with the float graph and what each integer value stands for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from xdsl.passes import ModulePass

from ivit.progress import Report
from ivit.source import Source
from ivit_dialect.store import StoreContext
from ivit_dialect.torch.entry import main_function
from passes.calibrate import CalibratePass, calibrate
from passes.calibration.images import checked_images
from passes.emission.records import Record
from passes.graph.nodes import Graph
from passes.lower_to_int import LowerToIntOptions
from passes.pipeline_text import build_passes
from passes.pipelines import LOWER_TO_INT
from passes.quantization.recipes import Recipe, resolve
from passes.quantize import QuantizePass, equalize, float_graph, graph_images, quantize
from passes.registry import get_passes
from passes.run_passes import run_passes
from passes.torch_entry import Normalisation, image_sizes, normalisation_of


@dataclass(frozen=True)
class Quantized:
    """``source`` holds integers now, before what only drops unread tokens; ``rest`` are those passes.

    ``graph`` is the float model as it was before anything was fitted.
    """

    source: Source
    recipe: Recipe
    graph: Graph
    records: list[Record]
    rest: Sequence[ModulePass]
    shape: tuple[int, int, int]
    pixels: Normalisation | None

    def inputs(self, images: NDArray[Any]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """``images`` in the source's convention [N, C, H, W], and as the graph takes them [N, H, W, C].

        ValueError, one line, for images that do not suit the model.
        """
        checked = checked_images(images, self.shape, self.pixels)
        return checked, graph_images(checked, self.pixels)


def quantize_source(
    source: Source, options: LowerToIntOptions, calibration: NDArray[Any], report: Report
) -> Quantized:
    """``source``, at torch level, to integers as ``--lower-to-int`` does it; it is changed in place."""
    module, ctx = source.module, source.ctx
    recipe, mean, std = resolve(options), options.mean, options.std
    steps = build_passes(LOWER_TO_INT.specs(options.pipeline_options()), get_passes())
    names = [step.name for step in steps]
    run_passes(steps[: names.index(CalibratePass.name)], module, ctx, report)
    calibrate(
        module,
        ctx.store,
        calibration,
        mean=mean,
        std=std,
        progress=lambda done, total: report(CalibratePass.name, done, total),
    )
    pixels = normalisation_of(module, mean, std)
    _, channels, height, width = image_sizes(main_function(module))
    graph = float_graph(module, ctx.store, pixels)
    equalize(graph, recipe, StoreContext())
    records: list[Record] = []
    quantize(
        module,
        ctx,
        recipe,
        calibration,
        mean=mean,
        std=std,
        progress=lambda done, total: report(QuantizePass.name, done, total),
        records=records,
    )
    rest = steps[names.index(QuantizePass.name) + 1 :]
    return Quantized(source, recipe, graph, records, rest, (channels, height, width), pixels)
