"""What a model costs: bytes, multiply-accumulates, and time by kernel."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Operation, SSAValue

from ivit.report.content import CostRow, LaunchRow
from ivit_dialect.ops.attention import AttentionOp
from ivit_dialect.ops.linear import Conv2dOp, LinearOp, MatmulOp
from ivit_dialect.ops.shift_matmul import ShiftMatmulOp
from ivit_dialect.types import tensor_types
from lowering.compile import Launch
from lowering.stamps import Stamps
from runtime.executable import Executable

ROUNDS = 15
WARMING = 2
PART = re.compile(r"(?:block\d+[_.])?(.*?)(?:_\d+)?$")
IN_BLOCK = re.compile(r"^(block\d+)_")
GROUPS = {
    "patches": "patch embedding",
    "patch_embed": "patch embedding",
    "pos_embed": "patch embedding",
    "q": "q, k, v",
    "k": "q, k, v",
    "v": "q, k, v",
    "attention": "attention: softmax(q kᵀ) v",
    "proj": "projection",
    "norm": "LayerNorm",
    "norm1": "LayerNorm",
    "norm2": "LayerNorm",
    "fc1": "MLP: fc1, GELU",
    "gelu": "MLP: fc1, GELU",
    "fc2": "MLP: fc2",
    "head": "head",
}
"""Kinds of op, by what the names of nodes end in, in the order of a model."""
OTHER = "other"


def group_of(name: str) -> str:
    """The kind of op that ``name``, of a value or a launch, belongs to."""
    found = PART.match(name)
    part = found[1] if found else name
    while part not in GROUPS and "_" in part:
        part = part.rpartition("_")[0]
    return GROUPS.get(part, OTHER)


def macs_by_group(module: ModuleOp) -> dict[str, int]:
    """Multiply-accumulates of one image by kind of op, in a module of integer ops, fused or not."""
    result: dict[str, int] = {}
    for op in module.walk():
        count = macs_of(op)
        if count:
            group = group_of(op.results[0].name_hint or "")
            result[group] = result.get(group, 0) + count
    return result


def macs_of(op: Operation) -> int:
    """Of ``op`` for one image; 0 for what is no product of matrices."""
    match op:
        case LinearOp():
            _, inputs = _shape(op.weight)
            return math.prod(_shape(op.results[0])[1:]) * inputs
        case Conv2dOp():
            return math.prod(_shape(op.results[0])[1:]) * math.prod(_shape(op.weight)[1:])
        case MatmulOp() | ShiftMatmulOp():
            return math.prod(_shape(op.results[0])[1:]) * _shape(op.operands[0])[-1]
        case AttentionOp():
            _, tokens, channels = _shape(op.results[0])
            keys = _shape(op.operands[1])[1]
            return 2 * tokens * keys * channels
        case _:
            return 0


def _shape(value: SSAValue) -> tuple[int, ...]:
    (kind,) = tensor_types(value)
    return kind.get_shape()


def launch_rows(
    executable: Executable, launches: Iterable[Launch], stamps: Stamps, image: NDArray[np.integer]
) -> list[LaunchRow]:
    """The median time of each launch for ``image`` [1, H, W, C], on one thread, over several rounds."""
    times: list[NDArray[np.int64]] = []
    for _ in range(WARMING + ROUNDS):
        arena = executable.run_alone(image)
        seconds, rest = arena[stamps.offset : stamps.end].view(np.int64).reshape(-1, 2).T
        times.append(np.diff(seconds * 1_000_000_000 + rest))
    medians = np.median(np.stack(times[WARMING:]), axis=0) / 1000
    return [
        LaunchRow(launch.kernel, IN_BLOCK.sub(r"\1.", launch.name), float(time))
        for launch, time in zip(launches, medians, strict=True)
    ]


def cost_rows(macs: dict[str, int], launches: Iterable[LaunchRow]) -> list[CostRow]:
    """Both by kind of op, in the order of a model."""
    order = [*dict.fromkeys(GROUPS.values()), OTHER]
    microseconds, counts = dict.fromkeys(order, 0.0), dict.fromkeys(order, 0)
    for launch in launches:
        group = group_of(launch.name)
        microseconds[group] += launch.microseconds
        counts[group] += 1
    rows = [CostRow(group, macs.get(group, 0), microseconds[group], counts[group]) for group in order]
    return [row for row in rows if row.macs or row.launches]
