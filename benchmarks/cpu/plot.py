"""The results as one picture: a panel for each case, a bar for each peer."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.cpu.peers import OURS
from benchmarks.cpu.results import Results, Row
from benchmarks.cpu.show import case_name
from benchmarks.drawing import plain, pyplot

COLOURS = {"fp32": "#9aa5b1", "bf16": "#c8a951", "int8": "#1b6ca8"}
OUR_COLOUR = "#d1495b"
ROW_HEIGHT, HEADER_HEIGHT, WIDTH, COLUMNS = 0.26, 0.6, 5.2, 2
"""Inches, and panels beside each other."""


def plot(results: Results, path: Path) -> None:
    """Write a PNG. ImportError, one line, without matplotlib; ValueError without figures."""
    cases = [[row for row in rows if row.median_ms is not None] for rows in results.cases()]
    cases = [rows for rows in cases if rows]
    if not cases:
        raise ValueError("there is nothing to draw: no peer has times")
    plt = pyplot()
    lines = -(-len(cases) // COLUMNS)
    columns = min(COLUMNS, len(cases))
    height = max(len(rows) for rows in cases) * ROW_HEIGHT + HEADER_HEIGHT
    figure, axes = plt.subplots(
        lines,
        columns,
        figsize=(WIDTH * columns, height * lines + 0.4),
        squeeze=False,
        layout="constrained",
    )
    for axis in axes.flat[len(cases) :]:
        axis.set_visible(False)
    for axis, rows in zip(axes.flat, cases, strict=False):
        _panel(axis, rows)
    figure.supxlabel("milliseconds a batch, median (less is better)", fontsize=9)
    figure.savefig(path, dpi=160, format="png")
    plt.close(figure)


def _panel(axis: Any, rows: Sequence[Row]) -> None:
    times = [row.median_ms or 0.0 for row in rows]
    colours = [OUR_COLOUR if row.peer == OURS else COLOURS[row.kind] for row in rows]
    axis.barh(range(len(rows)), times, color=colours, height=0.72, zorder=3)
    for place, time in enumerate(times):
        axis.text(time, place, f" {time:.1f}", va="center", fontsize=7)
    axis.set_title(case_name(rows[0]), loc="left", fontsize=9, fontweight="bold")
    axis.set_yticks(range(len(rows)), [row.title for row in rows], fontsize=7)
    axis.set_ylim(len(rows) - 0.4, -0.6)
    axis.set_xlim(0, 1.12 * max(times))
    axis.tick_params(axis="x", labelsize=7)
    plain(axis)
