"""What a run on a GPU found, as plain values."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.gpu.kernels import KernelRow, LinearRow
from benchmarks.gpu.peers import GRAPH, OURS, Kind


@dataclass(frozen=True)
class Row:
    """One peer of one case, or ``error`` says why it has no times.

    ``ratio`` is how many times as long it takes as ours, the median over the rounds; ``cosine`` is that of
    its logits and those of PyTorch's FP32. Both are None where the other one is missing.
    """

    model: str
    batch: int
    peer: str
    title: str
    kind: Kind
    median_ms: float | None = None
    ratio: float | None = None
    cosine: float | None = None
    rounds_ms: list[float] = field(default_factory=list[float])
    error: str | None = None


@dataclass(frozen=True)
class CaseResult:
    """A model at a batch size: whether every bit is the CPU's, peers, kernels, linear layers."""

    model: str
    batch: int
    target: str
    equal: bool
    rows: list[Row] = field(default_factory=list[Row])
    kernels: list[KernelRow] = field(default_factory=list[KernelRow])
    linear: list[LinearRow] = field(default_factory=list[LinearRow])


@dataclass(frozen=True)
class Results:
    """Everything; ``machine`` and ``settings`` are plain values."""

    machine: dict[str, Any]
    settings: dict[str, Any]
    cases: list[CaseResult] = field(default_factory=list[CaseResult])

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Results:
        """The inverse of ``to_json``. ValueError, one line, for anything else."""
        try:
            return cls(values["machine"], values["settings"], [_case(case) for case in values["cases"]])
        except (KeyError, TypeError) as error:
            raise ValueError(f"not the results of a run on a GPU ({error})") from error


def _case(values: Mapping[str, Any]) -> CaseResult:
    return CaseResult(
        model=values["model"],
        batch=values["batch"],
        target=values["target"],
        equal=values["equal"],
        rows=[Row(**row) for row in values["rows"]],
        kernels=[KernelRow(**row) for row in values["kernels"]],
        linear=[LinearRow(**row) for row in values["linear"]],
    )


def ratio(theirs: Sequence[float], ours: Sequence[float]) -> float:
    """Compared round by round, so that a GPU that drifts drifts under both."""
    return statistics.median(a / b for a, b in zip(theirs, ours, strict=True))


def cosine(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    """The lowest over the images."""
    norms = np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1)
    return float(((a * b).sum(axis=1) / norms).min())


def fastest(rows: Iterable[Row], admit: Callable[[Row], bool]) -> Row | None:
    """The peer, other than ours, with the lowest median among those that ``admit`` admits."""
    found = [
        row for row in rows if row.peer not in (OURS, GRAPH) and row.median_ms is not None and admit(row)
    ]
    return min(found, key=lambda row: row.median_ms or 0.0, default=None)
