"""``quantize``: a raised torch function with ranges becomes integer ``ivit`` ops.

    quantize{recipe=default softmax=exact weight_bits=8 mean=0.485,0.456,0.406 std=0.229,0.224,0.225}

Linears get integer weights per output channel, activations are 8 bits and the residual stream 16 unless the
options say otherwise, and every scale is an integer multiplier with a shift. With ``mean`` and ``std``
(given, or left on the module by the import) the function takes uint8 pixels.

Between the float graph and the integers come rewrites that leave its function as it is
(``passes.equalization``) and, where the recipe fits ranges or weights to data, a sweep over the calibration
images (``passes.fitting``).

The function is ``@main`` from here on, whatever its name was: everything behind this pass runs that one. It
keeps its attributes but for torch's own and the calibrated range; its ops keep their places in the source.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.passes import ModulePass

from ivit_dialect.store import WeightStore, emit_remark, store_of
from ivit_dialect.torch.entry import main_function
from passes.calibration.images import load_images
from passes.calibration.inputs import calibration_inputs
from passes.emission.floating import mark_simulation
from passes.emission.fqvit import layernorm_notice
from passes.emission.function import emit_function
from passes.emission.gelu import paper_notice
from passes.emission.records import Record
from passes.equalization.balance_attention import balance_attention
from passes.equalization.scale_gelu import scale_gelu
from passes.equalization.smooth_channels import smooth_channels
from passes.fitting.sweep import Progress, fit, unheard
from passes.graph.names import name_nodes
from passes.graph.nodes import ConvNode, Graph
from passes.graph.trace import trace
from passes.graph.trace_ops import HANDLERS
from passes.quantization.options import QuantizeOptions
from passes.quantization.recipes import Recipe, resolve, without_effect
from passes.torch_entry import MEAN, STD, Normalisation, normalisation_of
from passes.wording import counted

FEW_IMAGES = 8
"""Fewer say little of what other images look like."""


@dataclass(frozen=True)
class QuantizePass(QuantizeOptions, ModulePass):
    """See the module's docstring. ValueError (one line) for options, ops or values that it cannot take."""

    name = "quantize"

    images: str | None = None
    mean: tuple[float | int, ...] | None = None
    std: tuple[float | int, ...] | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        resolve(self)

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        recipe = resolve(self)
        tell_without_effect(self)
        images = load_images(Path(self.images)) if self.images is not None and recipe.fits else None
        quantize(op, ctx, recipe, images, mean=self.mean, std=self.std)


def tell_without_effect(options: QuantizeOptions) -> None:
    """On stderr, what was asked for and changes nothing."""
    for line in without_effect(options):
        print(f"{QuantizePass.name}: {line}", file=sys.stderr)


def quantize(
    module: ModuleOp,
    ctx: Context,
    recipe: Recipe,
    images: NDArray[Any] | None = None,
    *,
    mean: tuple[float, ...] | None = None,
    std: tuple[float, ...] | None = None,
    progress: Progress = unheard,
    records: list[Record] | None = None,
) -> None:
    """``module``, raised and calibrated, in integers, in place; its weights in ``ctx`` too.

    ``images`` as ``calibrate`` takes them; they are looked at only where the recipe fits something to them.
    ``records``, if given, gets what each integer value stands for. Raises ValueError in one line.
    """
    pixels = normalisation_of(module, mean, std)
    store = store_of(ctx)
    function = main_function(module)
    graph = float_graph(module, store, pixels)
    equalize(graph, recipe, ctx)
    if recipe.fits:
        inputs = calibration_inputs(module, images, pixels, QuantizePass.name, "fitted weights and ranges")
        if len(inputs) < FEW_IMAGES:
            line = f"weights or ranges are fitted to {counted(len(inputs), 'image')}: 32 or more are better"
            print(f"{QuantizePass.name}: {line}", file=sys.stderr)
        fit(graph, recipe, graph_images(inputs, pixels), progress)
    integers = WeightStore()
    lowered = emit_function(function, graph, recipe, pixels, integers, records=records)
    notices = [
        paper_notice(graph.live(), recipe.exponent) if recipe.gelu == "ivit" else None,
        layernorm_notice(graph.live()) if recipe.layernorm == "fqvit" else None,
        mark_simulation(module, recipe),
    ]
    for notice in notices:
        if notice is not None:
            print(f"{QuantizePass.name}: {notice}", file=sys.stderr)
    module.body.block.insert_op_before(lowered, function)
    module.body.block.erase_op(function)
    for name in (MEAN, STD):
        module.attributes.pop(name, None)
    store.clear()
    store.update(integers)


def float_graph(module: ModuleOp, store: WeightStore, pixels: Normalisation | None) -> Graph:
    """The graph of a raised module, its nodes named; its input are pixels where ``pixels`` says how."""
    graph = trace(module, main_function(module), store, HANDLERS)
    name_nodes(graph.live())
    if pixels is not None:
        fold_normalisation(graph, pixels)
    return graph


def graph_images(inputs: NDArray[np.float32], pixels: Normalisation | None) -> NDArray[np.float32]:
    """float32 [N, C, H, W] in the source's convention -> [N, H, W, C] as the graph's input has them.

    What no pixel can be is clipped, as it is at run time.
    """
    images = inputs.transpose(0, 2, 3, 1)
    if pixels is None:
        return images
    mean, std = np.array(pixels.mean, np.float32), np.array(pixels.std, np.float32)
    with np.errstate(over="ignore"):
        return np.clip((images * std + mean) * np.float32(255), 0, 255)


def equalize(graph: Graph, recipe: Recipe, ctx: Context) -> None:
    """What the recipe has of rewrites that leave the function as it is."""
    if recipe.smoothing:
        count = smooth_channels(graph, recipe.smoothing)
        emit_remark(ctx, f"{QuantizePass.name}: smoothed the channels of {count} LayerNorms{_reason(count)}")
    if recipe.balance:
        count = balance_attention(graph, centre_keys=recipe.softmax == "exact")
        emit_remark(ctx, f"{QuantizePass.name}: balanced q, k and v of {count} attentions{_reason(count)}")
    if recipe.gelu_channels and recipe.gelu == "exact":
        count = scale_gelu(graph)
        emit_remark(ctx, f"{QuantizePass.name}: scaled the channels of {count} GELUs{_reason(count)}")


def _reason(count: int) -> str:
    return "" if count else " (ranges of single channels are recorded on none: calibrate again)"


def fold_normalisation(graph: Graph, pixels: Normalisation) -> None:
    """``x = (p / 255 - mean) / std`` moves into the patch embedding, which then takes pixels ``p``."""
    graph.image.centre = 255.0 * np.array(pixels.mean)
    for node in graph.nodes:
        if isinstance(node, ConvNode):
            node.weight = node.weight / (255.0 * np.array(pixels.std))
