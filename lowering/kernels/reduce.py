"""Kernels of ``ivit.reduce``: over the last dimension by rows, over another (mean pooling) by columns."""

from __future__ import annotations

from math import prod

from ivit_dialect.ops.arithmetic import ReduceOp
from lowering.kernels.base import KernelBuilder, KernelFamily, KernelSpec, Launch
from lowering.kernels.build import Operand, Value, element_width, shape
from lowering.kernels.elements import (
    Reduction,
    activation,
    config_number,
    config_text,
    each_lane_shared,
    flat,
    load_wide,
    loop_step,
    reduce_lanes,
    reshape,
    splat,
    store,
    unsigned_inputs,
)
from lowering.kernels.signature import Choice, Signature
from lowering.targets import Target


def plan_reduce(op: ReduceOp, target: Target) -> Launch:
    """The dimension is counted without the batch."""
    config = {"kind": op.kind.data.value, "dimension": op.dimension.value.data - 1}
    return Launch("reduce", (activation(op.input),), config)


class _Shape:
    """The input as ``outer x reduced x inner``; sums are taken in the output's width, which they fit."""

    def __init__(self, b: KernelBuilder) -> None:
        extents = shape(b.inputs[0])
        dimension = config_number(b, "dimension")
        self.outer, self.inner = prod(extents[:dimension]), prod(extents[dimension + 1 :])
        self.reduced = extents[dimension]
        self.source = reshape(b, b.inputs[0], (self.outer, self.reduced, self.inner))
        self.target = flat(b, b.outputs[0])
        maximum = config_text(b, "kind") == "max"
        out = element_width(b.outputs[0])
        widest = max(element_width(b.inputs[0]), out)
        self.reduction = Reduction(max(widest if maximum else out, 32), maximum)
        self._unsigned = unsigned_inputs(b)[0]
        self._b = b

    def load(self, at: list[Operand], lanes: int) -> Value:
        """Lanes in the width of the reduction."""
        return load_wide(self._b, self.source, at, lanes, self.reduction.width, unsigned=self._unsigned)

    def store(self, x: Value, at: Operand) -> None:
        """A result, which fits."""
        store(self._b, self._b.truncate(x, element_width(self.target)), self.target, [at])


def build_reduce(b: KernelBuilder) -> None:
    """By rows where the last dimension goes, else by vectors of columns."""
    view = _Shape(b)
    if view.inner == 1:
        flat_source = reshape(b, view.source, (view.outer, view.reduced))
        view.source = flat_source
        step = loop_step(b, view.reduced, 32)
        first, last = b.my_share(view.outer)
        with b.loop(first, last) as row:
            (total,) = reduce_lanes(
                b,
                view.reduced,
                step,
                [view.reduction],
                lambda i, lanes: [view.load([row.index, i], lanes)],
            )
            view.store(total, row.index)
        return
    step = loop_step(b, view.inner, 16)
    with b.loop(0, view.outer) as outer:

        def column(i: Operand, lanes: int) -> None:
            start = view.reduction.start(b, 0)
            with b.loop(0, view.reduced, carried=[splat(b, start, lanes)]) as k:
                x = view.load([outer.index, k.index, i], lanes)
                k.carry(view.reduction.combine(b, k.carried[0], x))
            view.store(k.results[0], b.add(b.mul(outer.index, view.inner), i))

        each_lane_shared(b, view.inner, step, column)


def _check_reduce(spec: KernelSpec, target: Target) -> None:
    """The dimension is one of the input's, the output has what remains."""
    (extents,), (out,) = spec.shapes()
    dimension = dict(spec.config)["dimension"]
    assert isinstance(dimension, int)
    if dimension >= len(extents):
        raise ValueError(f"reduces dimension {dimension} of x, which has {len(extents)}")
    if prod(out) * extents[dimension] != prod(extents):
        raise ValueError(f"needs y to have {prod(extents) // extents[dimension]} elements, got {list(out)}")


REDUCE = KernelFamily(
    "reduce",
    build_reduce,
    Signature({"x": "...N"}, {"y": "...M"}),
    {ReduceOp: plan_reduce},
    {"kind": Choice(("sum", "max")), "dimension": Choice(range(64))},
    _check_reduce,
)
FAMILIES = (REDUCE,)
