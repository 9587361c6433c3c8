"""The ablation as one picture: SQNR of every variant, a dot for each model."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.ablation.measure import Row
from benchmarks.drawing import plain, pyplot

COLOURS = ("#1b6ca8", "#d1495b", "#3a7d44", "#8a5a9e")
ROW_HEIGHT, HEADER_HEIGHT, WIDTH = 0.24, 0.55, 8.2
"""Inches."""


def plot(rows: Sequence[Row], path: Path) -> None:
    """Write a PNG of the rows that have figures. ImportError, one line, without matplotlib (extra [bench]).

    ValueError where no row has any.
    """
    plt = pyplot()
    rows = [row for row in rows if row.error is None]
    if not rows:
        raise ValueError("there is nothing to draw: no variant gave figures")
    groups = list(dict.fromkeys(row.group for row in rows))
    models = list(dict.fromkeys(row.model for row in rows))
    names = {group: list(dict.fromkeys(row.name for row in rows if row.group == group)) for group in groups}
    heights = [len(names[group]) * ROW_HEIGHT + HEADER_HEIGHT for group in groups]
    figure, axes = plt.subplots(
        len(groups),
        1,
        figsize=(WIDTH, sum(heights) + 0.6),
        sharex=True,
        squeeze=False,
        gridspec_kw={"height_ratios": heights},
        layout="constrained",
    )
    for axis, group in zip(axes[:, 0], groups, strict=True):
        _panel(axis, group, names[group], models, rows)
    axes[0, 0].legend(loc="lower left", bbox_to_anchor=(0.0, 1.12), ncols=len(models), frameon=False)
    axes[-1, 0].set_xlabel("SQNR of the outputs against FP32, dB (more is better)")
    figure.savefig(path, dpi=160, format="png")
    plt.close(figure)


def _panel(axis: Any, group: str, names: list[str], models: list[str], rows: Sequence[Row]) -> None:
    for index, model in enumerate(models):
        found = {row.name: row.sqnr_db for row in rows if row.group == group and row.model == model}
        points = [
            (value, place)
            for place, name in enumerate(names)
            if (value := found.get(name)) is not None and math.isfinite(value)
        ]
        axis.scatter(
            [value for value, _ in points],
            [place for _, place in points],
            s=34,
            color=COLOURS[index % len(COLOURS)],
            label=model,
            zorder=3,
        )
    axis.set_title(group, loc="left", fontsize=10, fontweight="bold")
    axis.set_yticks(range(len(names)), names, fontsize=8)
    axis.set_ylim(len(names) - 0.4, -0.6)
    axis.grid(axis="y", color="#eeeeee", linewidth=0.7)
    plain(axis)
