"""Tensors whose elements are all one constant, seen through shape ops."""

from __future__ import annotations

import numpy as np
from xdsl.ir import SSAValue

from ivit_dialect.store import WeightStore
from ivit_dialect.torch.literals import literal_value
from ivit_dialect.torch.ops_constant import ValueTensorLiteralOp
from ivit_dialect.torch.ops_shape import (
    AtenBroadcastToOp,
    AtenPermuteOp,
    AtenSelectIntOp,
    AtenSliceTensorOp,
    AtenViewOp,
)
from passes.raising.build import sizes_of

SHAPE_ONLY = (AtenBroadcastToOp, AtenPermuteOp, AtenSelectIntOp, AtenSliceTensorOp, AtenViewOp)


class UniformValues:
    """Looks literals up in a weight store, each key once."""

    def __init__(self, store: WeightStore) -> None:
        self._store = store
        self._by_key: dict[str, float | None] = {}

    def of(self, value: SSAValue) -> float | None:
        """The one element that ``value`` repeats, or None. Bools count as 0 and 1."""
        while isinstance(value.owner, SHAPE_ONLY):
            value = value.owner.input
        literal = value.owner
        if not isinstance(literal, ValueTensorLiteralOp):
            return None
        if literal.key is None:
            return self._look(literal)
        if literal.key not in self._by_key:
            self._by_key[literal.key] = self._look(literal)
        return self._by_key[literal.key]

    def is_rank_zero(self, value: SSAValue) -> bool:
        """Whether ``value`` is a literal without dimensions."""
        return isinstance(value.owner, ValueTensorLiteralOp) and sizes_of(value) == ()

    def _look(self, literal: ValueTensorLiteralOp) -> float | None:
        array = literal_value(literal, self._store)
        if not array.size or not bool(np.all(array == array.flat[0])):
            return None
        return float(array.flat[0])
