"""The results as one picture: a panel for each case, a bar for each peer."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from benchmarks.cpu.peers import OURS
from benchmarks.cpu.results import Results, Row
from benchmarks.cpu.show import case_name
from benchmarks.drawing import OUR_COLOUR, Bar, Panel, draw_panels

COLOURS = {"fp32": "#9aa5b1", "bf16": "#c8a951", "int8": "#1b6ca8"}


def plot(results: Results, path: Path) -> None:
    """Write a PNG. ImportError, one line, without matplotlib; ValueError without figures."""
    draw_panels(
        [_panel(rows) for rows in results.cases()], "milliseconds a batch, median (less is better)", path
    )


def _panel(rows: Sequence[Row]) -> Panel:
    bars = [
        Bar(row.title, row.median_ms, OUR_COLOUR if row.peer == OURS else COLOURS[row.kind])
        for row in rows
        if row.median_ms is not None
    ]
    return Panel(case_name(rows[0]), bars)
