"""What the pictures of the benchmarks share: matplotlib, which is optional, and axes without ornament."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

OUR_COLOUR = "#d1495b"
ROW_HEIGHT, HEADER_HEIGHT, WIDTH, COLUMNS = 0.26, 0.6, 5.2, 2
"""Inches, and panels beside each other."""


@dataclass(frozen=True)
class Bar:
    """What it stands for, how long it is, and its colour."""

    title: str
    value: float
    colour: str


@dataclass(frozen=True)
class Panel:
    """Bars below each other."""

    title: str
    bars: list[Bar]


def pyplot() -> Any:
    """matplotlib's pyplot, drawing to files. ImportError, one line, without matplotlib (extra [bench])."""
    try:
        matplotlib = importlib.import_module("matplotlib")
    except ModuleNotFoundError as error:
        raise ImportError("a picture needs matplotlib: pip install 'ivit[bench]'") from error
    matplotlib.use("Agg")
    return importlib.import_module("matplotlib.pyplot")


def plain(axis: Any) -> None:
    """Vertical grid lines behind what is drawn, and no frame but the line below."""
    axis.grid(axis="x", color="#dddddd", linewidth=0.7)
    axis.set_axisbelow(True)
    axis.tick_params(left=False)
    for side in ("top", "right", "left"):
        axis.spines[side].set_visible(False)


def draw_panels(panels: Sequence[Panel], caption: str, path: Path) -> None:
    """Write a PNG of all panels that have bars.

    ImportError, one line, without matplotlib; ValueError where there is nothing to draw.
    """
    panels = [panel for panel in panels if panel.bars]
    if not panels:
        raise ValueError("there is nothing to draw: no peer has times")
    plt = pyplot()
    lines = -(-len(panels) // COLUMNS)
    columns = min(COLUMNS, len(panels))
    height = max(len(panel.bars) for panel in panels) * ROW_HEIGHT + HEADER_HEIGHT
    figure, axes = plt.subplots(
        lines,
        columns,
        figsize=(WIDTH * columns, height * lines + 0.4),
        squeeze=False,
        layout="constrained",
    )
    for axis in axes.flat[len(panels) :]:
        axis.set_visible(False)
    for axis, panel in zip(axes.flat, panels, strict=False):
        _draw(axis, panel)
    figure.supxlabel(caption, fontsize=9)
    figure.savefig(path, dpi=160, format="png")
    plt.close(figure)


def _draw(axis: Any, panel: Panel) -> None:
    bars = panel.bars
    longest = max(bar.value for bar in bars)
    colours = [bar.colour for bar in bars]
    axis.barh(range(len(bars)), [bar.value for bar in bars], color=colours, height=0.72, zorder=3)
    digits = 1 if longest >= 10 else 2
    for place, bar in enumerate(bars):
        axis.text(bar.value, place, f" {bar.value:.{digits}f}", va="center", fontsize=7)
    axis.set_title(panel.title, loc="left", fontsize=9, fontweight="bold")
    axis.set_yticks(range(len(bars)), [bar.title for bar in bars], fontsize=7)
    axis.set_ylim(len(bars) - 0.4, -0.6)
    axis.set_xlim(0, 1.12 * longest)
    axis.tick_params(axis="x", labelsize=7)
    plain(axis)
