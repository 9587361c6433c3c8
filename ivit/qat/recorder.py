"""Emission that remembers what each node of the graph became: which integers, and what they stand for."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray
from xdsl.dialects.func import FuncOp
from xdsl.dialects.tensor import CollapseShapeOp

from ivit_dialect.ops.elementwise import ConstantOp
from ivit_dialect.ops.linear import Conv2dOp, LinearOp
from ivit_dialect.store import WeightStore
from ivit_dialect.types import integer_range, tensor_types
from passes.emission.emitter import Accumulator, Emitter, Quantised
from passes.emission.function import emit_function
from passes.emission.records import Record
from passes.graph.nodes import ConvNode, Graph, LinearNode, Node
from passes.quantization.recipes import Recipe
from passes.torch_entry import Normalisation

LEAST_WIDE = 32
"""Bits of accumulators and terms of sums, which no linear and no table takes."""

BY_HEADS = 4
"""Dimensions of q, k and v split into heads."""


@dataclass(frozen=True)
class Product:
    """What a linear computes: ``total``, the record of its int32 accumulator, from integer weights.

    ``weight`` [O, I] in float64 is what the integers stand for, ``limits`` [O, I] what the largest one would.
    """

    total: Record
    weight: NDArray[np.float64]
    limits: NDArray[np.float64]


@dataclass
class Recorder(Emitter):
    """An emitter that can be asked."""

    _made: dict[str, Accumulator] = field(default_factory=dict[str, Accumulator])
    _inner: dict[str, Record] = field(default_factory=dict[str, Record])

    def accumulator(self, node: LinearNode | ConvNode) -> Accumulator:
        self._made[node.name] = super().accumulator(node)
        return self._made[node.name]

    def streamed(self, node: Node) -> Record | None:
        """``node`` as the residual stream has it, None where it is not in there."""
        return self._record(self._streams.get(node))

    def activated(self, node: Node, reader: LinearNode) -> Record | None:
        """``node`` as ``reader`` takes it."""
        return self._record(self._activations.get((node, self.rules.input_bits(node, reader))))

    def inner(self, node: LinearNode) -> Record | None:
        """``node`` as attention (q, k, v) or a GELU takes it."""
        if not self._inner:
            for record in self.records.values():
                (tensor,) = tensor_types(record.value)
                if tensor.element_type.width.data < LEAST_WIDE and len(tensor.get_shape()) < BY_HEADS:
                    self._inner[record.node.name] = record
        return self._inner.get(node.name)

    def product(self, node: LinearNode | ConvNode) -> Product:
        """What ``node`` computes."""
        accumulator = self._made[node.name]
        step: float | NDArray[np.float64] = self.image_step
        if isinstance(node, LinearNode):
            x = self.activated(node.source.node, node)
            assert x is not None
            step = x.step
        op = accumulator.value.owner
        while isinstance(op, CollapseShapeOp):
            op = op.src.owner
        weight = cast("LinearOp | Conv2dOp", op).weight
        (tensor,) = tensor_types(weight)
        integers = self.build.store[cast("ConstantOp", weight.owner).key.data]
        unit = accumulator.steps[:, None] / step
        return Product(
            self.records[accumulator.value],
            integers.reshape(len(integers), -1) * unit,
            unit * integer_range(tensor.element_type)[1],
        )

    def _record(self, made: Quantised | None) -> Record | None:
        return None if made is None else self.records[made.value]


@dataclass(frozen=True)
class Emission:
    """The integers of one state of the parameters."""

    function: FuncOp
    store: WeightStore
    recorder: Recorder

    def __deepcopy__(self, memo: dict[int, Any]) -> Emission:
        """Itself: nothing changes it."""
        return self


def emit(function: FuncOp, graph: Graph, recipe: Recipe, pixels: Normalisation | None) -> Emission:
    """``graph`` in integers, recorded. ValueError, one line, for numbers that have no integers."""
    store = WeightStore()
    recorders: list[Recorder] = []

    def recorder(*arguments: object) -> Emitter:
        recorders.append(Recorder(*arguments))  # pyright: ignore[reportArgumentType]  # those of Emitter
        return recorders[0]

    lowered = emit_function(function, graph, recipe, pixels, store, recorder)
    return Emission(lowered, store, recorders[0])


def limits_of(record: Record) -> tuple[NDArray[np.float64], ...]:
    """The least and the greatest value that ``record``'s integers can stand for, scalars or [C]."""
    (tensor,) = tensor_types(record.value)
    low, high = integer_range(tensor.element_type)
    return tuple(np.asarray((end - record.zero_point) * record.step + record.offset) for end in (low, high))
