"""NumPy types of MLIR element types, and arrays that must be of one."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from xdsl.dialects.builtin import (
    BFloat16Type,
    Float16Type,
    Float32Type,
    Float64Type,
    IntegerType,
    Signedness,
    TensorType,
)
from xdsl.ir import Attribute

from ivit_dialect.hints import isa
from ivit_dialect.reference.ranges import IntegerFormat, integer_limits
from ivit_dialect.types import integer_range

_FLOATS: dict[type[Attribute], type[np.floating[Any]]] = {
    Float16Type: np.float16,
    Float32Type: np.float32,
    Float64Type: np.float64,
}


def numpy_dtype(element: Attribute) -> np.dtype[Any]:
    """The NumPy type that holds an element type; signless integers are signed, ``i1`` is bool.

    An integer of 2 to 16 bits is held in the next wider type: ``i4`` in int8, ``i12`` in int16, ``ui4`` in
    uint8. Raises ValueError for bf16, which NumPy lacks, and for types that are neither integer nor float.
    """
    if (floating := _FLOATS.get(type(element))) is not None:
        return np.dtype(floating)
    if isa(element, IntegerType):
        width = element.width.data
        if width == 1:
            return np.dtype(np.bool_)
        if 2 <= width <= 16 or width in (32, 64):
            kind = "uint" if element.signedness.data is Signedness.UNSIGNED else "int"
            return np.dtype(f"{kind}{8 if width < 8 else 16 if 8 < width < 16 else width}")
    if isinstance(element, BFloat16Type):
        raise ValueError("bf16 is not supported: export the model in float32 (model.float())")
    raise ValueError(f"element type {element} is not supported")


def held_bits(element: Attribute) -> int:
    """Bits of memory that one element takes: 8 for ``i4``; ValueError as ``numpy_dtype`` raises it."""
    return 8 * numpy_dtype(element).itemsize


def element_format(element: Attribute) -> IntegerFormat:
    """The format of an integer element type: what holds it, and its least and greatest value."""
    return IntegerFormat(numpy_dtype(element), *integer_range(element))


def check_values(array: NDArray[Any], element: Attribute, what: str) -> None:
    """ValueError unless every value of ``array``, which holds ``element``, is one of that integer type.

    Costs nothing where the type fills what holds it.
    """
    if array.dtype.kind not in "iu" or not array.size:
        return
    low, high = integer_range(element)
    if (low, high) != integer_limits(array.dtype) and (array.min() < low or array.max() > high):
        raise ValueError(f"{what}: values in [{array.min()}, {array.max()}] leave {element}, [{low}, {high}]")


def check_array(array: NDArray[Any], tensor: TensorType[Any], key: str) -> None:
    """ValueError unless ``array``, stored under ``key``, has the shape of ``tensor`` and values of it."""
    element = tensor.get_element_type()
    if array.shape != tensor.get_shape() or array.dtype != numpy_dtype(element):
        raise ValueError(f"'{key}' is {array.dtype}{list(array.shape)} in the weight store, not {tensor}")
    check_values(array, element, f"'{key}' in the weight store")
