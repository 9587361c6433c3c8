"""The integer function of a graph: ``@main`` with its argument, its result, and what the source's carried."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from xdsl.dialects.builtin import (
    ArrayAttr,
    DictionaryAttr,
    FloatAttr,
    StringAttr,
    UnknownLoc,
    f64,
    i8,
)
from xdsl.dialects.func import FuncOp, ReturnOp
from xdsl.ir import Attribute, Block, Region

from ivit_dialect.store import WeightStore
from ivit_dialect.types import ui8
from passes.emission.builder import IntegerBuilder
from passes.emission.emitter import Emitter, image_type
from passes.emission.families import families_of
from passes.emission.records import Record
from passes.graph.nodes import Graph, ImageNode
from passes.quantization import scales
from passes.quantization.recipes import Recipe
from passes.quantization.scales import Range
from passes.ranges import RANGE, channel_name
from passes.torch_entry import Normalisation, image_sizes

PIXEL_STEP = 1.0
"""Pixels 0..255 enter the patch embedding as they are; mean, std and 255 are in its weights and bias."""


def emit_function(
    function: FuncOp,
    graph: Graph,
    recipe: Recipe,
    pixels: Normalisation | None,
    store: WeightStore,
    kind: Callable[..., Emitter] = Emitter,
    records: list[Record] | None = None,
) -> FuncOp:
    """The integer function of ``graph``, whose float source is ``function``; constants go to ``store``.

    ``kind`` makes the emitter: one that keeps more of what it does, for instance. ``records``, if given, gets
    what each integer value stands for.
    """
    step = PIXEL_STEP if pixels else scales.symmetric(_image_range(graph.image), 8).step
    argument = image_type(graph.image, image_sizes(function)[0], ui8 if pixels else i8)
    block = Block(arg_types=[argument])
    block.args[0].name_hint = "image"
    place = function.body.block.args[0].location
    block.args[0].location = function.location if isinstance(place, UnknownLoc) else place
    emitter = kind(IntegerBuilder(block, store), recipe, families_of(recipe), block.args[0], step)
    if graph.result is None:
        raise ValueError("@main does not return")
    emitter.emit_streams(graph.live())
    result = emitter.result(graph.result, graph.result_rank)
    block.add_op(ReturnOp(result.value))
    if records is not None:
        records += emitter.records.values()
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
        if not name.startswith("torch.") and name not in (RANGE, channel_name(RANGE))
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
