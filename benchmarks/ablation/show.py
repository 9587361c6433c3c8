"""Rows as tables for the terminal and for Markdown."""

from __future__ import annotations

import math
from collections.abc import Iterable

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from benchmarks.ablation.measure import Row

COLUMNS = ("top-1", "loss", "agreement", "SQNR dB", "cosine", "worst", "compile s")


def figures(row: Row) -> tuple[str, ...]:
    """One cell for each of ``COLUMNS``; dashes where there is nothing to say."""
    loss = None if row.top1 is None or row.float_top1 is None else row.float_top1 - row.top1
    return (
        _number(row.top1, 2),
        _number(loss, 2) + _spread(row.top1_spread, 2),
        _number(row.agreement, 2),
        _number(row.sqnr_db, 1) + _spread(row.sqnr_spread, 1),
        _number(row.cosine_mean, 4),
        _number(row.cosine_worst, 3),
        _number(row.compile_s, 1),
    )


def show(rows: Iterable[Row], console: Console) -> None:
    """A table for each model and group, in the order of the rows."""
    for (model, group), members in _tables(rows).items():
        title = f"{model} — {group}"
        table = Table(title=title, title_justify="left", title_style="bold", box=SIMPLE_HEAD)
        table.add_column("variant", overflow="fold")
        for column in COLUMNS:
            table.add_column(column, justify="right")
        for row in members:
            if row.error is None:
                table.add_row(_name(row), *figures(row))
            else:
                table.add_row(_name(row), *("–" for _ in COLUMNS), style="dim")
        console.print(table)
        for row in members:
            if row.error is not None:
                console.print(f"{row.name}: {row.error}", style="dim", highlight=False)
        console.print()


def markdown(rows: Iterable[Row]) -> str:
    """The same tables for a page, without the time, which is that of one machine on one day."""
    lines: list[str] = []
    columns = COLUMNS[:-1]
    for (model, group), members in _tables(rows).items():
        lines += [f"### {group}: {model}", "", f"| variant | {' | '.join(columns)} |"]
        lines.append("|---|" + "---:|" * len(columns))
        for row in members:
            if row.error is None:
                lines.append(f"| {_name(row)} | {' | '.join(figures(row)[: len(columns)])} |")
        lines.append("")
    return "\n".join(lines)


def _tables(rows: Iterable[Row]) -> dict[tuple[str, str], list[Row]]:
    tables: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        tables.setdefault((row.model, row.group), []).append(row)
    return tables


def _name(row: Row) -> str:
    return f"{row.name} (simulated, {row.images} images)" if row.simulated else row.name


def _number(value: float | None, digits: int) -> str:
    return "–" if value is None or not math.isfinite(value) else f"{value:.{digits}f}"


def _spread(value: float | None, digits: int) -> str:
    return "" if value is None else f" ± {value:.{digits}f}"
