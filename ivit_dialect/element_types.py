"""NumPy types of MLIR element types."""

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
from xdsl.utils.hints import isa

_FLOATS: dict[type[Attribute], type[np.floating[Any]]] = {
    Float16Type: np.float16,
    Float32Type: np.float32,
    Float64Type: np.float64,
}


def numpy_dtype(element: Attribute) -> np.dtype[Any]:
    """The NumPy type of an element type; signless integers are signed, ``i1`` is bool.

    Raises ValueError for bf16, which NumPy lacks, and for types that are neither integer nor float.
    """
    if (floating := _FLOATS.get(type(element))) is not None:
        return np.dtype(floating)
    if isa(element, IntegerType):
        width = element.width.data
        if width == 1:
            return np.dtype(np.bool_)
        if width in (8, 16, 32, 64):
            kind = "uint" if element.signedness.data is Signedness.UNSIGNED else "int"
            return np.dtype(f"{kind}{width}")
    if isinstance(element, BFloat16Type):
        raise ValueError("bf16 is not supported: export the model in float32 (model.float())")
    raise ValueError(f"element type {element} is not supported")


def check_array(array: NDArray[Any], tensor: TensorType[Any], key: str) -> None:
    """ValueError unless ``array``, stored under ``key``, has the shape and the element type of ``tensor``."""
    expected = numpy_dtype(tensor.get_element_type())
    if array.shape != tensor.get_shape() or array.dtype != expected:
        raise ValueError(f"'{key}' is {array.dtype}{list(array.shape)} in the weight store, not {tensor}")
