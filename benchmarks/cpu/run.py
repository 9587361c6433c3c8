"""The whole benchmark: prepares each model, runs its cases, looks into our own program."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.cpu.kernels import measured
from benchmarks.cpu.peers import OURS, Peer
from benchmarks.cpu.prepare import prepare
from benchmarks.cpu.processes import environment, module_command
from benchmarks.cpu.results import Program, Results, Row, fastest, rows_of
from benchmarks.cpu.rounds import measure
from benchmarks.cpu.show import case_name
from benchmarks.cpu.subjects import Case
from ivit.pipeline import HOST as CPU

HOST = "host"
"""The target that is this machine."""

Tell = Callable[[str], None]
"""Hears of progress, line by line."""


@dataclass(frozen=True)
class Plan:
    """What is measured; ``target`` is ``host`` or a name of ``lowering.targets``."""

    folder: Path
    models: tuple[str, ...]
    batches: tuple[int, ...]
    threads: tuple[int, ...]
    peers: tuple[Peer, ...]
    target: str
    rounds: int
    milliseconds: float

    def case(self, model: str, batch: int, threads: int) -> Case:
        """One of its cases."""
        return Case(self.folder, model, batch, threads, CPU if self.target == HOST else self.target)

    def settings(self) -> dict[str, Any]:
        """Those that the times depend on."""
        return {"target": self.target, "rounds": self.rounds, "milliseconds": self.milliseconds}


def run(plan: Plan, machine: dict[str, Any], tell: Tell, keep: Callable[[Results], None]) -> Results:
    """Everything that ``plan`` asks for; ``keep`` gets what there is after each case."""
    results = Results(machine, plan.settings())
    for model in plan.models:
        errors, facts = _prepare(plan, model, tell)
        for threads in plan.threads:
            for batch in plan.batches:
                rows = _measure(plan, plan.case(model, batch, threads), errors)
                results.rows.extend(rows)
                keep(results)
                tell(_line(rows))
        tell(f"{model}: kernels")
        results.programs.append(_program(plan.case(model, 1, 1), errors.get(OURS), facts.get("compile_s")))
        keep(results)
    return results


def _prepare(plan: Plan, model: str, tell: Tell) -> tuple[dict[str, str], dict[str, Any]]:
    """Make the files of all peers: why some peers cannot take part, and what the steps tell."""
    case = plan.case(model, 1, 1)
    errors = {peer.key: reason for peer in plan.peers if (reason := peer.missing()) is not None}
    failed: dict[str, str] = {}
    facts: dict[str, Any] = {}
    present = [peer for peer in plan.peers if peer.key not in errors]
    for step in dict.fromkeys(step for peer in present for step in peer.steps):
        tell(f"{model}: {step}")
        try:
            facts |= prepare(case, step)
        except RuntimeError as error:
            failed[step] = f"{step}: {error}"
    for peer in present:
        reason = next((failed[step] for step in peer.steps if step in failed), None)
        if reason is not None:
            errors[peer.key] = reason
    return errors, facts


def _measure(plan: Plan, case: Case, errors: dict[str, str]) -> list[Row]:
    """The rows of a case."""
    arguments = (case.model, str(case.batch), str(case.threads), str(case.folder), case.target)
    commands = {
        peer.key: module_command("benchmarks.cpu.worker", peer.key, *arguments)
        for peer in plan.peers
        if peer.key not in errors
    }
    variables = environment(
        OMP_NUM_THREADS=str(case.threads), TORCHINDUCTOR_CACHE_DIR=str(case.folder / "inductor")
    )
    timings, died = measure(commands, plan.rounds, plan.milliseconds, variables)
    return rows_of(case, plan.peers, timings, errors | died)


def _program(case: Case, error: str | None, compile_s: float | None) -> Program:
    """What our own program of a model takes."""
    if error is not None:
        return Program(case.model, None, None, error)
    try:
        return Program(case.model, compile_s, measured(case))
    except RuntimeError as failure:
        return Program(case.model, compile_s, None, f"kernels: {failure}")


def _line(rows: list[Row]) -> str:
    """A case in one line."""
    ours = next((row.median_ms for row in rows if row.peer == OURS), None)
    best = fastest(rows, lambda row: True)
    parts = [case_name(rows[0]) + ":", "ivit failed" if ours is None else f"ivit {ours:.2f} ms"]
    if best is not None:
        parts.append(f"fastest peer {best.median_ms:.2f} ms, {best.title}")
    missing = sum(row.error is not None for row in rows)
    return " ".join(parts) + (f" ({missing} missing)" if missing else "")
