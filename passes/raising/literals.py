"""New tensor literals."""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray
from xdsl.dialects.builtin import (
    AnyFloat,
    BytesAttr,
    DenseIntOrFPElementsAttr,
    DenseResourceAttr,
    IntegerType,
    TensorType,
)
from xdsl.utils.hints import isa

from ivit_dialect.store import WeightStore
from ivit_dialect.torch.ops_constant import ValueTensorLiteralOp
from ivit_dialect.torch.types import ValueTensorType


def make_literal(
    array: NDArray[Any], result: ValueTensorType, stem: str, store: WeightStore
) -> ValueTensorLiteralOp:
    """A literal of ``array``: a splat where all elements are equal, else under a new key like ``stem``."""
    element = result.dtype
    if not isa(element, AnyFloat) and not isa(element, IntegerType):
        raise ValueError(f"a literal of {element} cannot be made")
    tensor = TensorType(element, array.shape)
    if array.size and bool((array == array.flat[0]).all()):
        return ValueTensorLiteralOp(DenseIntOrFPElementsAttr(tensor, BytesAttr(array.tobytes())), result)
    key = store.unique_key(stem)
    store[key] = array
    return ValueTensorLiteralOp(DenseResourceAttr.from_params(key, tensor), result)
