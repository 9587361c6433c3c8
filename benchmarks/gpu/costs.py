"""What each launch of a compiled model computes: needs the compiler."""

from __future__ import annotations

import math

from xdsl.ir import Operation

from benchmarks.gpu.carried import Cost
from ivit.pipeline import fuse
from ivit.report.costs import macs_of
from ivit.source import open_integers
from ivit_dialect.ops.linear import Conv2dOp, LinearOp
from ivit_dialect.types import tensor_types
from lowering.launches import WEIGHT
from runtime.artifact import Artifact
from runtime.cuda_program import CudaProgram

TOGETHER = " + "
"""Between the names of launches that became one."""


def launch_costs(artifact: Artifact) -> tuple[Cost, ...]:
    """A cost for each launch of a model for a GPU. ValueError where a product has no launch of its name."""
    assert isinstance(artifact.program, CudaProgram)
    source = open_integers(artifact)
    fuse(source.module, source.ctx)
    products = {_launch_of(op): _cost(op) for op in source.module.walk() if macs_of(op)}
    names = [launch.name.split(TOGETHER) for launch in artifact.program.launches]
    unknown = sorted(set(products) - {name for launch in names for name in launch})
    if unknown:
        raise ValueError(f"no launch is called {', '.join(unknown)}")
    return tuple(_sum([products.get(name, Cost()) for name in launch]) for launch in names)


def _sum(costs: list[Cost]) -> Cost:
    """Of launches that became one: linear layers of the same inputs are one of all their columns."""
    linear = [cost.linear for cost in costs if cost.linear is not None]
    shapes = {(rows, depth) for rows, _, depth in linear}
    whole = None
    if len(linear) == len(costs) and len(shapes) == 1:
        rows, depth = shapes.pop()
        whole = rows, sum(columns for _, columns, _ in linear), depth
    return Cost(sum(cost.macs for cost in costs), whole)


def _launch_of(op: Operation) -> str:
    """As ``lowering.launches.launch_name``: by the weights, else by the result."""
    if isinstance(op, LinearOp | Conv2dOp):
        hint = op.weight.name_hint or ""
        return hint.rpartition(WEIGHT)[0]
    return op.results[0].name_hint or ""


def _cost(op: Operation) -> Cost:
    macs = macs_of(op)
    if not isinstance(op, LinearOp):
        return Cost(macs)
    (result,) = tensor_types(op.results[0])
    *rows, columns = result.get_shape()[1:]
    return Cost(macs, (math.prod(rows), columns, macs // (math.prod(rows) * columns)))
