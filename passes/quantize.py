"""``quantize``: a raised torch function with ranges becomes integer ``ivit`` ops.

    quantize{softmax=exact gelu=exact layernorm=exact mean=0.485,0.456,0.406 std=0.229,0.224,0.225}

Linears get int8 weights per output channel, activations are int8, the residual stream is int16, and every
scale is an integer multiplier with a shift. With ``mean`` and ``std`` (given, or left on the module by the
import) the function takes uint8 pixels.

The function is ``@main`` from here on, whatever its name was: everything behind this pass runs that one. It
keeps its attributes but for torch's own and the calibrated range; its ops keep their places in the source.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from xdsl.context import Context
from xdsl.dialects.builtin import (
    ArrayAttr,
    DictionaryAttr,
    FloatAttr,
    ModuleOp,
    StringAttr,
    UnknownLoc,
    f64,
    i8,
)
from xdsl.dialects.func import FuncOp, ReturnOp
from xdsl.ir import Attribute, Block, Region
from xdsl.passes import ModulePass

from ivit_dialect.store import WeightStore, store_of
from ivit_dialect.torch.entry import main_function
from ivit_dialect.types import ui8
from passes.emission.builder import IntegerBuilder
from passes.emission.emitter import Emitter, image_type
from passes.emission.families import families_of
from passes.emission.gelu import paper_notice
from passes.graph.names import name_nodes
from passes.graph.nodes import ConvNode, Graph, ImageNode
from passes.graph.trace import trace
from passes.graph.trace_ops import HANDLERS
from passes.quantization import scales
from passes.quantization.options import QuantizeOptions
from passes.quantization.scales import Range
from passes.ranges import RANGE
from passes.torch_entry import (
    MEAN,
    STD,
    Normalisation,
    image_sizes,
    normalisation_of,
)

PIXEL_STEP = 1.0
"""Pixels 0..255 enter the patch embedding as they are; mean, std and 255 are in its weights and bias."""


@dataclass(frozen=True)
class QuantizePass(ModulePass):
    """See the module's docstring. ValueError (one line) for options, ops or values that it cannot take."""

    name = "quantize"

    softmax: str = "exact"
    gelu: str = "exact"
    layernorm: str = "exact"
    mean: tuple[float | int, ...] | None = None
    std: tuple[float | int, ...] | None = None

    def __post_init__(self) -> None:
        QuantizeOptions(self.softmax, self.gelu, self.layernorm)

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        options = QuantizeOptions(self.softmax, self.gelu, self.layernorm)
        pixels = normalisation_of(op, self.mean, self.std)
        store = store_of(ctx)
        function = main_function(op)
        graph = trace(op, function, store, HANDLERS)
        name_nodes(graph.live())
        if pixels is not None:
            fold_normalisation(graph, pixels)
        integers = WeightStore()
        lowered = _emit(function, graph, options, pixels, integers)
        notice = paper_notice(graph.live()) if options.gelu == "ivit" else None
        if notice is not None:
            print(f"{self.name}: {notice}", file=sys.stderr)
        op.body.block.insert_op_before(lowered, function)
        op.body.block.erase_op(function)
        for name in (MEAN, STD):
            op.attributes.pop(name, None)
        store.clear()
        store.update(integers)


def fold_normalisation(graph: Graph, pixels: Normalisation) -> None:
    """``x = (p / 255 - mean) / std`` moves into the patch embedding, which then takes pixels ``p``."""
    graph.image.centre = 255.0 * np.array(pixels.mean)
    for node in graph.nodes:
        if isinstance(node, ConvNode):
            node.weight = node.weight / (255.0 * np.array(pixels.std))


def _emit(
    function: FuncOp,
    graph: Graph,
    options: QuantizeOptions,
    pixels: Normalisation | None,
    store: WeightStore,
) -> FuncOp:
    """The integer function of ``graph``."""
    step = PIXEL_STEP if pixels else scales.symmetric(_image_range(graph.image), 8).step
    argument = image_type(graph.image, image_sizes(function)[0], ui8 if pixels else i8)
    block = Block(arg_types=[argument])
    block.args[0].name_hint = "image"
    place = function.body.block.args[0].location
    block.args[0].location = function.location if isinstance(place, UnknownLoc) else place
    emitter = Emitter(IntegerBuilder(block, store), families_of(options), block.args[0], step)
    if graph.result is None:
        raise ValueError("@main does not return")
    emitter.emit_streams(graph.live())
    result = emitter.result(graph.result, graph.result_rank)
    block.add_op(ReturnOp(result.value))
    lowered = _integer_main(function, block, result.value.type)
    lowered.attributes["ivit.input"] = _input_attribute(pixels, step)
    lowered.attributes["ivit.output"] = DictionaryAttr({"scale": FloatAttr(result.scale.step, f64)})
    return lowered


def _integer_main(function: FuncOp, block: Block, result: Attribute) -> FuncOp:
    """``@main`` with the body ``block``, and with what ``function`` carries that still holds of it."""
    lowered = FuncOp(
        "main",
        (block.arg_types, [result]),
        Region(block),
        function.sym_visibility,
        arg_attrs=_each_kept(function.arg_attrs),
        res_attrs=_each_kept(function.res_attrs),
    )
    lowered.attributes.update(_kept(function.attributes))
    for new, old in ((lowered, function), (block.last_op, function.body.block.last_op)):
        if new is not None and old is not None:
            new.location = old.location
    return lowered


def _each_kept(dictionaries: ArrayAttr[DictionaryAttr] | None) -> ArrayAttr[DictionaryAttr] | None:
    """Of each argument, or of each result."""
    kept = [DictionaryAttr(_kept(dictionary.data)) for dictionary in dictionaries or ()]
    return ArrayAttr(kept) if any(dictionary.data for dictionary in kept) else None


def _kept(attributes: Mapping[str, Attribute]) -> dict[str, Attribute]:
    """All but what only torch understands, and the range of the input, which is in the scale now."""
    return {
        name: attribute
        for name, attribute in attributes.items()
        if not name.startswith("torch.") and name != RANGE
    }


def _image_range(image: ImageNode) -> Range:
    if image.range is None:
        raise ValueError(
            "@main has no ivit.range for its input: run the pass 'calibrate' first, or give mean and std"
        )
    return image.range


def _input_attribute(pixels: Normalisation | None, step: float) -> DictionaryAttr:
    if pixels is None:
        return DictionaryAttr({"kind": StringAttr("quantized"), "scale": FloatAttr(step, f64)})
    return DictionaryAttr(
        {
            "kind": StringAttr("pixels"),
            "mean": ArrayAttr(FloatAttr(value, f64) for value in pixels.mean),
            "std": ArrayAttr(FloatAttr(value, f64) for value in pixels.std),
        }
    )
