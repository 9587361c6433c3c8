"""What the launches of a program are to the levels below: the bytes that they touch, their kernels, names."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

from xdsl.ir import SSAValue

from ivit_dialect.hints import isa
from lowering import plan
from lowering.kernels.base import KernelSpec

ENTRY = "ivit_main"
"""The function that runs a whole model."""

WEIGHT = "_weight"
"""What the names of weights end in, before what packing adds."""

Interval: TypeAlias = tuple[SSAValue | str, int, int]
"""Memory (an argument, or ``arena``) and the bytes [first, last) of it."""


def interval(value: SSAValue) -> Interval | None:
    """The bytes that a memref of a program stands for; None for weights, which nobody writes."""
    size = plan.byte_size(value.type)
    offset = 0
    while isinstance(value.owner, plan.ViewOp):
        offset += value.owner.offset.value.data
        value = value.owner.source
    if isinstance(value.owner, plan.WeightOp):
        return None
    if isinstance(value.owner, plan.SliceOp):
        offset += value.owner.first_byte
        return "arena", offset, offset + size
    return value, offset, offset + size


def overlap(a: Interval, b: Interval) -> bool:
    """Whether two intervals share a byte."""
    return a[0] == b[0] and a[1] < b[2] and b[1] < a[2]


def independent_groups(launches: Sequence[plan.LaunchOp]) -> list[list[plan.LaunchOp]]:
    """Consecutive launches that may run side by side: none touches what another of its group writes."""
    groups: list[list[plan.LaunchOp]] = []
    read: list[Interval] = []
    written: list[Interval] = []
    for launch in launches:
        ins, outs = _intervals(launch.ins), _intervals(launch.outs)
        waits = _meet(ins, written) or _meet(outs, written) or _meet(outs, read)
        if waits or not groups:
            groups.append([])
            read, written = [], []
        groups[-1].append(launch)
        read += ins
        written += outs
    return groups


def _meet(some: Sequence[Interval], others: Sequence[Interval]) -> bool:
    return any(overlap(a, b) for a in some for b in others)


def _intervals(values: Sequence[SSAValue]) -> list[Interval]:
    return [found for found in map(interval, values) if found is not None]


def kernel_spec(launch: plan.LaunchOp) -> KernelSpec:
    """What makes the launch's kernel distinct."""
    types = [value.type for value in (*launch.ins, *launch.outs)]
    memrefs = tuple(kind for kind in types if isa(kind, plan.Buffer))
    return KernelSpec(
        launch.kernel.data,
        memrefs,
        len(launch.ins),
        tuple(sorted(launch.config_values().items())),
        tuple(sorted(launch.scalar_values())),
    )


def launch_name(launch: plan.LaunchOp) -> str:
    """The name of the weights that it reads, where it reads any, else of the memory that it writes."""
    hints = [value.name_hint or "" for value in launch.ins if isinstance(value.owner, plan.WeightOp)]
    weights = next((hint.rpartition(WEIGHT)[0] for hint in hints if WEIGHT in hint), "")
    return weights or launch.outs[0].name_hint or ""
