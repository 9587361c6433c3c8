"""Where the time of our own program goes: kernel by kernel, on one thread and one image.

    python -m benchmarks.cpu.kernels FOLDER MODEL TARGET

writes a JSON object to stdout.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.cpu import peak
from benchmarks.cpu.processes import run_module
from benchmarks.cpu.subjects import Case, images
from ivit.pipeline import machine_of
from ivit.report.content import LaunchRow
from ivit.report.costs import GROUPS, OTHER, group_of
from ivit.report.timing import time_launches
from ivit.source import open_integers
from lowering.targets import Target
from runtime import artifact as artifacts
from runtime.artifact import Artifact

GEMM, ATTENTION = "linear", "attention"
"""Kernels; everything else is expected to take little."""


@dataclass(frozen=True)
class KernelRow:
    """All launches of one kernel for one kind of op; ``macs`` of an image, 0 for what has none."""

    kernel: str
    group: str
    launches: int
    microseconds: float
    macs: int

    @property
    def gigamacs(self) -> float:
        """10⁹ multiply-accumulates a second."""
        return self.macs / self.microseconds / 1e3


@dataclass(frozen=True)
class KernelTimes:
    """The rows, bytes, and 10⁹ multiply-accumulates a second that a core's instructions can do at most.

    ``weight_peak`` is of the instruction for products with weights, ``pair_peak`` of that for pairs of int16.
    """

    target: str
    weight_peak: float
    pair_peak: float
    narrow_peak: float | None
    arena: int
    live: int
    weights: int
    code: int
    rows: list[KernelRow]

    @property
    def microseconds(self) -> float:
        """Of an image."""
        return sum(row.microseconds for row in self.rows)

    def total(self, kernels: Iterable[str]) -> KernelRow:
        """All rows of some kernels as one."""
        rows = [row for row in self.rows if row.kernel in set(kernels)]
        return KernelRow(
            "",
            "",
            sum(row.launches for row in rows),
            sum(row.microseconds for row in rows),
            sum(row.macs for row in rows),
        )

    def rest(self) -> KernelRow:
        """All that is neither GEMM nor attention."""
        return self.total({row.kernel for row in self.rows} - {GEMM, ATTENTION})

    @staticmethod
    def from_json(values: dict[str, Any]) -> KernelTimes:
        """What ``asdict`` made of it."""
        rows: Any = [KernelRow(**row) for row in values["rows"]]
        return KernelTimes(**values | {"rows": rows})


def main() -> None:
    folder, model, target = sys.argv[1:]
    case = Case(Path(folder), model, 1, 1, target)
    artifact = artifacts.load(case.artifact)
    json.dump(asdict(kernel_times(artifact, images(1), machine_of(target))), sys.stdout)


def measured(case: Case) -> KernelTimes:
    """Those of the artifact of ``case``, from another process. RuntimeError, one line, where it fails."""
    arguments = (str(case.folder), case.model, case.target)
    return KernelTimes.from_json(json.loads(run_module("benchmarks.cpu.kernels", *arguments)))


def kernel_times(
    artifact: Artifact, image: NDArray[np.float32], machine: Target, seconds: float = peak.SECONDS
) -> KernelTimes:
    """Compile the integers of ``artifact`` with stamps and run them on ``image`` [1, C, H, W].

    ``seconds`` are those of a run of a peak probe.
    """
    source = open_integers(artifact)
    timed = time_launches(source.module, source.ctx, image, machine)
    return KernelTimes(
        target=machine.name,
        weight_peak=peak.gigamacs(machine, machine.weight_dot, seconds),
        pair_peak=peak.gigamacs(machine, machine.pair_dot, seconds),
        narrow_peak=None
        if machine.narrow_dot is None
        else peak.gigamacs(machine, machine.narrow_dot, seconds),
        arena=timed.arena_bytes,
        live=timed.program.live_bytes,
        weights=timed.program.weights.size,
        code=len(timed.program.object_code),
        rows=kernel_rows(timed.launches, timed.macs),
    )


def kernel_rows(launches: Iterable[LaunchRow], macs: Mapping[str, int]) -> list[KernelRow]:
    """Launches by kind of op and kernel, in the order of a model.

    The multiply-accumulates of a kind are its slowest kernel's: others of that kind only move data.
    """
    times: dict[str, dict[str, list[float]]] = {group: {} for group in (*GROUPS.values(), OTHER)}
    for launch in launches:
        times[group_of(launch.name)].setdefault(launch.kernel, []).append(launch.microseconds)
    rows: list[KernelRow] = []
    for group, kernels in times.items():
        slowest = max(kernels, key=lambda kernel: sum(kernels[kernel]), default=None)
        for kernel, parts in kernels.items():
            count = macs.get(group, 0) if kernel == slowest else 0
            rows.append(KernelRow(kernel, group, len(parts), sum(parts), count))
    return rows


if __name__ == "__main__":
    main()
