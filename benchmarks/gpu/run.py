"""The whole benchmark on a GPU: bits first, then peers in turn, then our kernels one by one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.gpu.carried import load_best, load_reference, pixels
from benchmarks.gpu.kernels import kernel_rows, launch_times, linear_rows
from benchmarks.gpu.peaks import peak_of
from benchmarks.gpu.peers import OURS, REFERENCE, Case, Peer
from benchmarks.gpu.results import CaseResult, Results, Row, cosine, fastest, ratio
from benchmarks.gpu.show import case_name
from benchmarks.gpu.timing import Clock, Contestant, contest, one_line
from runtime.cuda.devices import open_device
from runtime.cuda.executable import CudaExecutable

Tell = Callable[[str], None]
"""Hears of progress, line by line."""


@dataclass(frozen=True)
class Plan:
    """What is measured; ``folder`` holds what ``--prepare`` has written."""

    folder: Path
    models: tuple[str, ...]
    batches: tuple[int, ...]
    peers: tuple[Peer, ...]
    rounds: int
    milliseconds: float
    kernels: bool

    def settings(self) -> dict[str, Any]:
        """Those that the times depend on."""
        return {"rounds": self.rounds, "milliseconds": self.milliseconds}


def run(
    plan: Plan, torch: Any, clock: Clock, machine: dict[str, Any], tell: Tell, keep: Callable[[Results], None]
) -> Results:
    """Everything that ``plan`` asks for; ``keep`` gets what there is after each case."""
    results = Results(machine, plan.settings())
    device = open_device()
    for model in plan.models:
        carried = load_best(plan.folder, model, device.capability, device.name)
        reference = load_reference(plan.folder, model)
        executable = CudaExecutable(carried.program, carried.boundary)
        for batch in plan.batches:
            tell(f"{model}, batch {batch}")
            images = torch.from_numpy(pixels(batch, carried.boundary.input_shape)).cuda()
            case = Case(torch, carried, executable, images)
            found = measure(case, reference, plan, clock, machine["device"])
            results.cases.append(found)
            keep(results)
            tell(_line(found))
    return results


def measure(case: Case, reference: NDArray[Any], plan: Plan, clock: Clock, device: str) -> CaseResult:
    """One case. ValueError where there are fewer reference outputs than images."""
    carried, batch = case.carried, len(case.pixels)
    if len(reference) < batch:
        raise ValueError(f"{carried.model} has {len(reference)} reference outputs, batch {batch} needs more")
    equal = np.array_equal(case.bits(), reference[:batch])
    case.torch._dynamo.reset()  # else it compiles a function for so many models, and then no more
    contestants, outputs = _load(case, plan.peers)
    contest(contestants, clock, plan.rounds, plan.milliseconds)
    rows = _rows(case, plan.peers, contestants, outputs)
    if not plan.kernels:
        return CaseResult(carried.model, batch, carried.program.target, equal, rows)
    launches = launch_times(case, clock)
    kernels = kernel_rows(carried, batch, launches, peak_of(device))
    linear = linear_rows(case, launches, clock)
    return CaseResult(carried.model, batch, carried.program.target, equal, rows, kernels, linear)


def _load(case: Case, peers: Sequence[Peer]) -> tuple[list[Contestant], dict[str, NDArray[np.float64]]]:
    """All peers, each run once; one that fails keeps why."""
    contestants: list[Contestant] = []
    outputs: dict[str, NDArray[np.float64]] = {}
    for peer in peers:
        entry = Contestant(peer.key, _nothing, lambda peer=peer: peer.prepare(case.torch))
        contestants.append(entry)
        try:
            entry.prepare()
            entry.call = peer.load(case)
            outputs[peer.key] = case.outputs(entry.call)
        except Exception as error:  # a compiler may raise anything; the peer is missing, with this reason
            entry.error = one_line(error)
    return contestants, outputs


def _nothing() -> None:
    """What a peer does that could not be loaded."""


def _rows(
    case: Case,
    peers: Sequence[Peer],
    contestants: Sequence[Contestant],
    outputs: dict[str, NDArray[np.float64]],
) -> list[Row]:
    ours = next((each.rounds_ms for each in contestants if each.key == OURS), list[float]())
    reference = outputs.get(REFERENCE)
    rows: list[Row] = []
    for peer, each in zip(peers, contestants, strict=True):
        row = (case.carried.model, len(case.pixels), peer.key, peer.title, peer.kind)
        if each.error is not None:
            rows.append(Row(*row, error=each.error))
            continue
        theirs = outputs[peer.key]
        rows.append(
            Row(
                *row,
                median_ms=each.median_ms,
                ratio=ratio(each.rounds_ms, ours) if ours else None,
                cosine=None if reference is None else cosine(theirs, reference),
                rounds_ms=each.rounds_ms,
            )
        )
    return rows


def _line(case: CaseResult) -> str:
    """A case in one line."""
    ours = next((row.median_ms for row in case.rows if row.peer == OURS), None)
    parts = ["equal" if case.equal else "OTHER BITS THAN ON THE CPU"]
    parts.append("ivit failed" if ours is None else f"ivit {ours:.3f} ms")
    best = fastest(case.rows, lambda row: True)
    if best is not None:
        parts.append(f"fastest peer {best.median_ms:.3f} ms, {best.title}")
    missing = sum(row.error is not None for row in case.rows)
    return f"{case_name(case)}: " + ", ".join(parts) + (f" ({missing} missing)" if missing else "")
