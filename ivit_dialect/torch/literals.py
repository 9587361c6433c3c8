"""The value of a tensor literal."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from xdsl.dialects.builtin import DenseIntOrFPElementsAttr

from ivit_dialect.element_types import numpy_dtype
from ivit_dialect.store import WeightStore
from ivit_dialect.torch.ops_constant import ValueTensorLiteralOp


def literal_value(op: ValueTensorLiteralOp, store: WeightStore) -> NDArray[Any]:
    """The (read-only) array of ``op``; KeyError where the store lacks its key."""
    if op.key is not None:
        return store[op.key]
    assert isinstance(op.value, DenseIntOrFPElementsAttr)
    dtype = numpy_dtype(op.value.get_element_type())
    return np.frombuffer(op.value.data.data, dtype).reshape(op.value.get_shape())
