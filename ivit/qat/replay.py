"""Recipes of the graph's arrays in torch, for gradients (``passes.graph.derived`` has them in NumPy)."""

# pyright: strict, reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# (torch is only partly typed)

from __future__ import annotations

import operator
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor

from passes.graph.derived import Functions


def _index(array: Tensor, index: Any) -> Tensor:
    parts = cast("tuple[Any, ...]", index) if isinstance(index, tuple) else (index,)
    return array[tuple(_as_index(part, array.device) for part in parts)]


def _as_index(part: Any, device: torch.device) -> Any:
    return torch.from_numpy(part).to(device) if isinstance(part, np.ndarray) else part


def _reshape(array: Tensor, shape: Any) -> Tensor:
    return array.reshape(shape)


def _transpose(array: Tensor, order: Any) -> Tensor:
    return array.permute(order)


def _broadcast_to(array: Tensor, shape: Any) -> Tensor:
    return array.expand(shape)


def _concatenate(arrays: Any, axis: int = 0) -> Tensor:
    return torch.cat(list(arrays), axis)


def _as_it_is(array: Tensor) -> Tensor:
    return array


TORCH: Functions = {
    "add": operator.add,
    "subtract": operator.sub,
    "multiply": operator.mul,
    "divide": operator.truediv,
    "negative": operator.neg,
    "matmul": operator.matmul,
    "index": _index,
    "reshape": _reshape,
    "transpose": _transpose,
    "broadcast_to": _broadcast_to,
    "concatenate": _concatenate,
    "float64": _as_it_is,
}
"""The steps of ``NUMPY``, in the precision of the parameters."""
