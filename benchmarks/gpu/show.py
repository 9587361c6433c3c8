"""Results on a GPU as tables and as a picture."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from benchmarks.drawing import OUR_COLOUR, Bar, Panel, draw_panels
from benchmarks.gpu.kernels import KernelRow
from benchmarks.gpu.machine import in_words
from benchmarks.gpu.peaks import peak_of
from benchmarks.gpu.peers import GRAPH, OURS, Kind
from benchmarks.gpu.results import CaseResult, Results, Row, fastest
from benchmarks.tables import Sheet, markdown_of, number, times

COLOURS = {"fp32": "#9aa5b1", "tf32": "#7b8794", "fp16": "#c8a951", "bf16": "#a68a3c", "int8": "#1b6ca8"}
COMPARED: dict[str, tuple[Kind, ...]] = {
    "FP32": ("fp32",),
    "TF32": ("tf32",),
    "FP16 or BF16": ("fp16", "bf16"),
}
"""Groups of peers of which the fastest one is named."""


def markdown(results: Results) -> str:
    """All tables for a page, or for the terminal."""
    return markdown_of(in_words(results.machine), sheets(results))


def sheets(results: Results) -> list[Sheet]:
    """All tables, in the order in which they are shown."""
    tables = [_peers(case) for case in results.cases]
    if results.cases:
        tables.insert(0, _summary(results.cases))
    device = results.machine["device"]
    for case in results.cases:
        if case.kernels:
            tables.append(_kernels(case, device))
        if case.linear:
            tables.append(_linear(case))
    return tables


def plot(results: Results, path: Path) -> None:
    """Write a PNG. ImportError, one line, without matplotlib; ValueError without figures."""
    caption = f"milliseconds a batch on {results.machine['device']}, median (less is better)"
    draw_panels([_panel(case) for case in results.cases], caption, path)


def case_name(case: CaseResult) -> str:
    """The model and the batch size."""
    return f"{case.model}, batch {case.batch}"


def bits_text(case: CaseResult) -> str:
    """Whether the results are those of the CPU."""
    return f"{case.target}: {'every bit as on the CPU' if case.equal else 'OTHER BITS THAN ON THE CPU'}"


def _summary(cases: Sequence[CaseResult]) -> Sheet:
    columns = ["model", "batch", "bits", "ivit ms"]
    for name in COMPARED:
        columns += [f"fastest {name}", "faster"]
    lines: list[tuple[str, ...]] = []
    for case in cases:
        cells = [case.model, str(case.batch), "equal" if case.equal else "OTHER", number(_ours(case), 3)]
        for kinds in COMPARED.values():
            best = fastest(case.rows, lambda row, kinds=kinds: row.kind in kinds)
            cells += ["–", "–"] if best is None else [best.title, times(best.ratio)]
        lines.append(tuple(cells))
    return Sheet("ivit against the fastest peers", tuple(columns), lines, [])


def _ours(case: CaseResult) -> float | None:
    return next((row.median_ms for row in case.rows if row.peer == OURS), None)


def _peers(case: CaseResult) -> Sheet:
    columns = ("peer", "ms", "images/s", "ivit faster", "cosine")
    cells = [
        (
            row.title,
            "missing" if row.error is not None else number(row.median_ms, 3),
            number(None if row.median_ms is None else 1e3 * case.batch / row.median_ms, 0),
            "" if row.peer == OURS else times(row.ratio),
            number(row.cosine, 4),
        )
        for row in case.rows
    ]
    missing = [f"{row.title}: {row.error}" for row in case.rows if row.error is not None]
    return Sheet(case_name(case), columns, cells, [bits_text(case), *missing])


def _kernels(case: CaseResult, device: str) -> Sheet:
    columns = ("op", "kernel", "launches", "µs", "share %", "M MAC", "TOPS", "MB", "GB/s", "of the peak %")
    total = sum(row.microseconds for row in case.kernels)
    lines = [_kernel(row, total) for row in case.kernels]
    floors = [row.floor_us for row in case.kernels if row.floor_us is not None]
    whole = KernelRow(
        "everything",
        "",
        sum(row.launches for row in case.kernels),
        total,
        sum(row.macs for row in case.kernels),
        sum(row.size for row in case.kernels),
        sum(floors) if len(floors) == len(case.kernels) else None,
    )
    graph = next((row.median_ms for row in case.rows if row.peer == GRAPH), None)
    notes = ["Each launch by itself, repeated in a graph: what it reads may lie in a cache."]
    if graph is not None:
        notes.append(f"The graph of all of them takes {1e3 * graph:.1f} µs.")
    peak = peak_of(device)
    if peak is None:
        notes.append(f"No peak is known of {device}: benchmarks/gpu/peaks.py lists those that are.")
    else:
        notes.append(f"Peak of {device}: {peak.teraops:.0f} TOPS of int8, {peak.gigabytes:.0f} GB/s.")
    return Sheet(f"{case_name(case)}: kernels", columns, [*lines, _kernel(whole, total)], notes, words=2)


def _kernel(row: KernelRow, total: float) -> tuple[str, ...]:
    share = 100 * row.microseconds / total
    rates = ("", "")
    if row.macs:
        rates = (f"{row.macs / 1e6:.0f}", f"{2 * row.macs / row.microseconds / 1e6:.1f}")
    memory = (f"{row.size / 1e6:.2f}", f"{row.size / row.microseconds / 1e3:.0f}")
    peak = number(None if row.fraction is None else 100 * row.fraction, 0)
    text = (row.name, row.kernel, str(row.launches), f"{row.microseconds:.1f}", f"{share:.1f}")
    return (*text, *rates, *memory, peak)


def _linear(case: CaseResult) -> Sheet:
    columns = ("layers", "rows", "columns", "depth", "ivit µs", "torch._int_mm µs", "ivit faster")
    lines = [
        (
            row.name,
            *map(str, (row.rows, row.columns, row.depth)),
            f"{row.microseconds:.1f}",
            number(row.int_mm_us, 1),
            times(None if row.int_mm_us is None else row.int_mm_us / row.microseconds),
        )
        for row in case.linear
    ]
    notes = ["torch._int_mm writes int32; ours also adds the bias and makes int8 or int16 of it, or more."]
    notes += [f"{row.name}: {row.error}" for row in case.linear if row.error is not None]
    return Sheet(f"{case_name(case)}: linear layers", columns, lines, notes)


def _panel(case: CaseResult) -> Panel:
    bars = [Bar(row.title, row.median_ms, _colour(row)) for row in case.rows if row.median_ms is not None]
    return Panel(case_name(case), bars)


def _colour(row: Row) -> str:
    return OUR_COLOUR if row.peer in (OURS, GRAPH) else COLOURS[row.kind]
