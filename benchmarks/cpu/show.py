"""Results as tables for the terminal and for Markdown."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console

from benchmarks.cpu.kernels import ATTENTION, GEMM, KernelRow, KernelTimes
from benchmarks.cpu.machine import in_words
from benchmarks.cpu.peers import OURS, Kind
from benchmarks.cpu.results import Program, Results, Row, fastest
from benchmarks.tables import Sheet, markdown_of, number, print_sheets, times

MIB = 1 << 20
COMPARED: dict[str, Kind | None] = {"INT8 peer": "int8", "FP32 peer": "fp32", "peer of all": None}
"""Groups of peers of which the fastest one is named."""


def sheets(results: Results) -> list[Sheet]:
    """All tables, in the order in which they are shown."""
    tables = [_case(rows) for rows in results.cases()]
    if results.cases():
        tables.append(_summary(results))
    if results.programs:
        tables.append(_memory(results.programs))
    return tables + [
        _kernels(program.model, program.kernels)
        for program in results.programs
        if program.kernels is not None
    ]


def show(results: Results, console: Console) -> None:
    """Print all tables."""
    print_sheets(in_words(results.machine), sheets(results), console)


def markdown(results: Results) -> str:
    """The same tables for a page."""
    return markdown_of(in_words(results.machine), sheets(results))


def case_name(row: Row) -> str:
    """The case of ``row`` in words."""
    return f"{row.model}, batch {row.batch}, {count_of(row.threads, 'thread')}"


def count_of(count: int, noun: str) -> str:
    """``2 threads``, ``1 thread``."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def _case(rows: Sequence[Row]) -> Sheet:
    columns = ("peer", "ms", "ivit faster", "cosine", "load s", "first s", "peak MiB")
    cells = [
        (
            row.title,
            "missing" if row.error is not None else number(row.median_ms, 2),
            "" if row.peer == OURS else times(row.ratio),
            number(row.cosine, 4),
            number(row.load_s, 2),
            number(row.first_s, 2),
            number(None if row.peak_rss is None else row.peak_rss / MIB, 0),
        )
        for row in rows
    ]
    missing = [f"{row.title}: {row.error}" for row in rows if row.error is not None]
    return Sheet(case_name(rows[0]), columns, cells, missing)


def _summary(results: Results) -> Sheet:
    columns = ["model", "batch", "threads", "ivit ms"]
    for name in COMPARED:
        columns += [f"fastest {name}", "faster"]
    lines: list[tuple[str, ...]] = []
    for rows in results.cases():
        ours = next((row.median_ms for row in rows if row.peer == OURS), None)
        cells = [rows[0].model, str(rows[0].batch), str(rows[0].threads), number(ours, 2)]
        for kind in COMPARED.values():
            best = fastest(rows, lambda row, kind=kind: kind in (None, row.kind))
            cells += ["–", "–"] if best is None else [best.title, times(best.ratio)]
        lines.append(tuple(cells))
    return Sheet("ivit against the fastest peers", tuple(columns), lines, [])


def _memory(programs: Sequence[Program]) -> Sheet:
    columns = ("model", "compile s", "arena KiB", "least KiB", "weights MiB", "code KiB")
    lines: list[tuple[str, ...]] = []
    for program in programs:
        kernels = program.kernels
        sizes = (
            ("–",) * 4
            if kernels is None
            else (
                number(kernels.arena / 1024, 0),
                number(kernels.live / 1024, 0),
                number(kernels.weights / MIB, 2),
                number(kernels.code / 1024, 0),
            )
        )
        lines.append((program.model, number(program.compile_s, 1), *sizes))
    notes = [f"{program.model}: {program.error}" for program in programs if program.error is not None]
    return Sheet("Our program: compile time, and memory of an image", columns, lines, notes)


def _kernels(model: str, kernels: KernelTimes) -> Sheet:
    columns = ("op", "kernel", "launches", "µs", "share %", "M MAC", "GMAC/s", "of the peak %")

    def cells(name: str, row: KernelRow) -> tuple[str, ...]:
        share = 100 * row.microseconds / kernels.microseconds
        products = ("", "", "")
        if row.macs:
            fraction = 100 * row.gigamacs / kernels.weight_peak
            products = (f"{row.macs / 1e6:.1f}", f"{row.gigamacs:.1f}", f"{fraction:.0f}")
        return (name, row.kernel, str(row.launches), f"{row.microseconds:.0f}", f"{share:.1f}", *products)

    lines = [cells(row.group, row) for row in kernels.rows]
    whole = kernels.total({row.kernel for row in kernels.rows})
    for name, row in (
        ("all GEMM", kernels.total({GEMM})),
        ("all attention", kernels.total({ATTENTION})),
        ("all else", kernels.rest()),
        ("everything", whole),
    ):
        lines.append(cells(name, row))
    note = (
        f"Target {kernels.target}. Measured peak of a core: {kernels.weight_peak:.1f} GMAC/s for products"
        f" with weights, {kernels.pair_peak:.1f} for pairs of int16."
    )
    if kernels.narrow_peak is not None:
        note += (
            " Layers whose weights allow it are multiplied by the instruction that sums two products in 16"
            f" bits ({kernels.narrow_peak:.1f} GMAC/s), so that they may pass the first of these peaks."
        )
    return Sheet(f"{model}: kernels, one image, one thread", columns, lines, [note], words=2)
