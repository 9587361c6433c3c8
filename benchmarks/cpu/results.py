"""What a run found, as plain values."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.cpu.kernels import KernelTimes
from benchmarks.cpu.peers import OURS, REFERENCE, Kind, Peer
from benchmarks.cpu.rounds import Timing
from benchmarks.cpu.subjects import Case


@dataclass(frozen=True)
class Row:
    """One peer of one case, or ``error`` says why it has no times.

    ``ratio`` is how many times as long it takes as ours, the median over the rounds; ``cosine`` is that of
    its outputs and PyTorch's. Both are None where the other one is missing.
    """

    model: str
    batch: int
    threads: int
    peer: str
    title: str
    kind: Kind
    median_ms: float | None = None
    ratio: float | None = None
    cosine: float | None = None
    load_s: float | None = None
    first_s: float | None = None
    peak_rss: int | None = None
    rounds_ms: list[float] = field(default_factory=list[float])
    error: str | None = None


@dataclass(frozen=True)
class Program:
    """Our own program of a model: seconds from MLIR to the first output, and what its kernels take."""

    model: str
    compile_s: float | None
    kernels: KernelTimes | None
    error: str | None = None


@dataclass(frozen=True)
class Results:
    """Everything; ``machine`` and ``settings`` are plain values."""

    machine: dict[str, Any]
    settings: dict[str, Any]
    rows: list[Row] = field(default_factory=list[Row])
    programs: list[Program] = field(default_factory=list[Program])

    def cases(self) -> list[list[Row]]:
        """Rows by model, batch and threads."""
        cases: dict[tuple[str, int, int], list[Row]] = {}
        for row in self.rows:
            cases.setdefault((row.model, row.batch, row.threads), []).append(row)
        return list(cases.values())

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)


def rows_of(
    case: Case, peers: Iterable[Peer], timings: Mapping[str, Timing], errors: Mapping[str, str]
) -> list[Row]:
    """A row for each of ``peers``: from its timing, or from its error."""
    ours, reference = timings.get(OURS), timings.get(REFERENCE)
    rows: list[Row] = []
    for peer in peers:
        row = Row(case.model, case.batch, case.threads, peer.key, peer.title, peer.kind)
        values: dict[str, Any] = {"error": errors.get(peer.key)}
        timing = timings.get(peer.key)
        if timing is not None:
            values = {
                "median_ms": timing.median_ms,
                "ratio": _ratio(timing.rounds_ms, ours.rounds_ms) if ours else None,
                "cosine": _cosine(timing.outputs, reference.outputs) if reference else None,
                "load_s": timing.load_s,
                "first_s": timing.first_s,
                "peak_rss": timing.peak_rss,
                "rounds_ms": timing.rounds_ms,
            }
        rows.append(Row(**asdict(row) | values))
    return rows


def fastest(rows: Iterable[Row], admit: Callable[[Row], bool]) -> Row | None:
    """The peer, other than ours, with the lowest median among those that ``admit`` admits."""
    found = [row for row in rows if row.peer != OURS and row.median_ms is not None and admit(row)]
    return min(found, key=lambda row: row.median_ms or 0.0, default=None)


def _ratio(theirs: Sequence[float], ours: Sequence[float]) -> float:
    """Compared round by round, so that a slow minute counts for both."""
    return statistics.median(a / b for a, b in zip(theirs, ours, strict=True))


def _cosine(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    """The lowest over the images."""
    norms = np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1)
    return float(((a * b).sum(axis=1) / norms).min())
