"""The parameters behind a graph's arrays, to be changed in place.

A weight of the graph is often a part of a parameter (q, k and v of one matrix). ``Parameters`` knows which
element of which parameter each element of such an array is, and changes those.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from xdsl.dialects.builtin import DenseResourceAttr, TensorType, f32
from xdsl.dialects.func import FuncOp
from xdsl.ir import Operation

from ivit_dialect.store import WeightStore
from ivit_dialect.torch.literals import literal_value
from ivit_dialect.torch.ops_constant import ValueTensorLiteralOp
from ivit_dialect.torch.ops_nn import AtenLayerNormOp, AtenLinearOp
from passes.graph.derived import leaf, leaves_of, recipe_of, replay

FloatArray = NDArray[np.float64]


def own_literals(function: FuncOp, store: WeightStore) -> None:
    """Give every linear and LayerNorm parameters of its own in ``store``: no splats, none used twice."""
    for op in list(function.walk()):
        if isinstance(op, AtenLinearOp | AtenLayerNormOp):
            for index, operand in enumerate(op.operands):
                literal = operand.owner
                if isinstance(literal, ValueTensorLiteralOp) and not _own(literal):
                    op.operands[index] = _copied(literal, op, store).result


def _own(literal: ValueTensorLiteralOp) -> bool:
    return literal.key is not None and len(list(literal.result.uses)) == 1


def _copied(literal: ValueTensorLiteralOp, op: Operation, store: WeightStore) -> ValueTensorLiteralOp:
    array = literal_value(literal, store).astype(np.float32)
    key = store.unique_key("parameter" if literal.key is None else literal.key)
    store[key] = array
    value = DenseResourceAttr.from_params(key, TensorType(f32, array.shape))
    copy = ValueTensorLiteralOp(value, literal.result.type)
    block = op.parent_block()
    assert block is not None
    block.insert_op_before(copy, op)
    return copy


class Parameters:
    """Arrays of a graph as elements of parameters, in float64 until they are written."""

    def __init__(self, store: WeightStore) -> None:
        self._values: dict[str, FloatArray] = {
            key: array.astype(np.float64) for key, array in store.items() if array.dtype == np.float32
        }
        self._leaves = {key: leaf(key, array) for key, array in store.items()}

    def leaves(self) -> dict[str, NDArray[np.float32]]:
        """The parameters as a trace takes them, so that its arrays know where they come from."""
        return dict(self._leaves)

    def known(self, array: FloatArray) -> bool:
        """Whether ``array`` is made of elements of a parameter (a bias that is not there is not)."""
        return self._positions(array) is not None

    def value(self, array: FloatArray) -> FloatArray:
        """``array`` as it is by now."""
        found = self._positions(array)
        return np.asarray(array) if found is None else self._values[found[0]].reshape(-1)[found[1]]

    def multiply(self, array: FloatArray, factors: FloatArray) -> None:
        """Multiply the elements behind ``array``, in its shape; zeros that are no parameter stay zeros."""
        found = self._positions(array)
        if found is not None:
            flat = self._values[found[0]].reshape(-1)
            flat[found[1]] *= np.broadcast_to(factors, array.shape)
        elif np.any(array):
            raise ValueError(
                "a weight is computed from several parameters: there is no one place to scale it"
            )

    def add(self, array: FloatArray, offsets: FloatArray) -> None:
        """Add to the elements behind ``array``, in its shape; nothing where there are none."""
        found = self._positions(array)
        if found is not None:
            self._values[found[0]].reshape(-1)[found[1]] += offsets

    def write(self, store: WeightStore) -> None:
        """The parameters as they are by now into ``store``, float32."""
        for key, array in self._values.items():
            store[key] = array.astype(np.float32)

    def _positions(self, array: FloatArray) -> tuple[str, NDArray[np.int64]] | None:
        """The parameter and the flat positions that ``array`` was taken from, in its shape."""
        recipe = recipe_of(array)
        keys = set[str]() if recipe is None else leaves_of(recipe)
        if recipe is None or len(keys) != 1:
            return None
        (key,) = keys
        original = self._leaves[key]
        numbered = np.arange(original.size, dtype=np.float64).reshape(original.shape)
        positions = np.asarray(replay(recipe, {key: numbered})).astype(np.int64)
        within = (positions >= 0) & (positions < original.size)
        if not within.all() or np.any(np.asarray(original).reshape(-1)[positions] != np.asarray(array)):
            return None
        return key, positions
