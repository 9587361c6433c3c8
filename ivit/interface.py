"""The host's side of an integer module: read from the attributes of its function."""

from __future__ import annotations

from typing import Any, cast

from xdsl.dialects.builtin import (
    ArrayAttr,
    DictionaryAttr,
    FloatAttr,
    IntegerType,
    ModuleOp,
    StringAttr,
    TensorType,
    i8,
    i16,
    i32,
)
from xdsl.dialects.func import FuncOp
from xdsl.ir import Attribute

from ivit_dialect.entry import entry_function
from ivit_dialect.hints import isa
from ivit_dialect.types import ui8
from runtime.boundary import Boundary

INPUT, OUTPUT = "ivit.input", "ivit.output"


def boundary_of(module: ModuleOp) -> Boundary:
    """The boundary of ``@main``: [N, H, W, C] images to one tensor.

    ValueError where its types or its attributes ``ivit.input`` and ``ivit.output`` are not as they must be.
    """
    function = entry_function(module)
    inputs, outputs = function.function_type.inputs.data, function.function_type.outputs.data
    if len(inputs) != 1 or len(outputs) != 1:
        raise ValueError("@main must take one tensor of images and return one tensor")
    image, pixel = _tensor(inputs[0], "the image")
    result, integer = _tensor(outputs[0], "the result")
    if len(image) != 3:
        raise ValueError(f"the image of @main must be [N, H, W, C], got {inputs[0]}")
    if integer not in (i8, i16, i32):
        raise ValueError(f"the result of @main must be of i8, i16 or i32, got {outputs[0]}: requantise it")
    given, output = _dictionary(function, INPUT), _dictionary(function, OUTPUT)
    kind = given.get("kind")
    if not isinstance(kind, StringAttr) or kind.data not in ("pixels", "quantized"):
        raise ValueError(f'{INPUT} of @main needs kind = "pixels" or "quantized"')
    pixels = kind.data == "pixels"
    if pixel != (ui8 if pixels else i8):
        raise ValueError(
            f'the image of @main must be of {ui8 if pixels else i8} where {INPUT} has kind = "{kind.data}",'
            f" got {inputs[0]}"
        )
    return Boundary(
        kind="pixels" if pixels else "quantized",
        input_shape=(image[0], image[1], image[2]),
        output_shape=result,
        output_dtype=f"int{integer.width.data}",
        output_scale=_number(output.get("scale"), OUTPUT, "scale"),
        mean=_numbers(given.get("mean"), "mean") if pixels else (),
        std=_numbers(given.get("std"), "std") if pixels else (),
        input_scale=1.0 if pixels else _number(given.get("scale"), INPUT, "scale"),
    )


def _tensor(attribute: Attribute, what: str) -> tuple[tuple[int, ...], IntegerType]:
    """Shape without the batch, and the element type."""
    if not isinstance(attribute, TensorType):
        raise ValueError(f"{what} of @main must be a tensor, got {attribute}")
    tensor = cast("TensorType[Attribute]", attribute)
    element, shape = tensor.element_type, tuple(tensor.get_shape())[1:]
    if not isa(element, IntegerType) or any(size < 1 for size in shape):
        raise ValueError(
            f"{what} of @main must be integers of static shape but for the batch, got {attribute}"
        )
    return shape, element


def _dictionary(function: FuncOp, name: str) -> dict[str, Attribute]:
    attribute = function.attributes.get(name)
    if not isinstance(attribute, DictionaryAttr):
        raise ValueError(f"@main has no attribute {name}: lower the model with --lower-to-int")
    return dict(attribute.data)


def _number(attribute: Attribute | None, where: str, name: str) -> float:
    if not isinstance(attribute, FloatAttr):
        raise ValueError(f"{where} of @main needs the number {name}")
    return float(cast("FloatAttr[Any]", attribute).value.data)


def _numbers(attribute: Attribute | None, name: str) -> tuple[float, ...]:
    if not isinstance(attribute, ArrayAttr):
        raise ValueError(f"{INPUT} of @main needs the list {name}")
    values = cast("ArrayAttr[Attribute]", attribute)
    return tuple(_number(value, INPUT, name) for value in values)
