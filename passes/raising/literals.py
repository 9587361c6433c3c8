"""New tensor literals."""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray
from xdsl.dialects.builtin import DenseIntOrFPElementsAttr, DenseResourceAttr, TensorType

from ivit_dialect.store import WeightStore
from ivit_dialect.torch.ops_constant import ValueTensorLiteralOp
from ivit_dialect.torch.types import ValueTensorType


def make_literal(
    array: NDArray[Any], result: ValueTensorType, stem: str, store: WeightStore
) -> ValueTensorLiteralOp:
    """A literal of ``array``: a splat where all elements are equal, else under a new key like ``stem``."""
    tensor = TensorType(result.dtype, array.shape)
    if array.size and bool((array == array.flat[0]).all()):
        return ValueTensorLiteralOp(DenseIntOrFPElementsAttr.from_list(tensor, [array.flat[0].item()]), result)
    key = store.unique_key(stem)
    store[key] = array
    return ValueTensorLiteralOp(DenseResourceAttr.from_params(key, tensor), result)
