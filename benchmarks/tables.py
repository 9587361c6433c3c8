"""Tables of text, for the terminal and for Markdown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console


@dataclass(frozen=True)
class Sheet:
    """A table of text: columns, of which the first ``words`` are no numbers, cells, and lines below it."""

    title: str
    columns: tuple[str, ...]
    rows: list[tuple[str, ...]]
    notes: list[str]
    words: int = 1


def print_sheets(heading: str, sheets: Sequence[Sheet], console: Console) -> None:
    """Print ``heading`` and all tables, brackets as they are: rich takes them for markup otherwise."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    console.print(heading, highlight=False, markup=False, soft_wrap=True)
    console.print()
    for sheet in sheets:
        table = Table(
            title=sheet.title, title_justify="left", title_style="bold", box=SIMPLE_HEAD, pad_edge=False
        )
        for number, column in enumerate(sheet.columns):
            left = number < sheet.words
            table.add_column(column, justify="left" if left else "right", overflow="fold", no_wrap=not number)
        for row in sheet.rows:
            table.add_row(*map(Text, row))
        console.print(table)
        for note in sheet.notes:
            console.print(note, highlight=False, markup=False, soft_wrap=True)
        console.print()


def markdown_of(heading: str, sheets: Sequence[Sheet]) -> str:
    """The same for a page."""
    lines = [heading, ""]
    for sheet in sheets:
        lines += [f"### {sheet.title}", "", f"| {' | '.join(sheet.columns)} |"]
        lines.append("|" + "---|" * sheet.words + "---:|" * (len(sheet.columns) - sheet.words))
        lines += [f"| {' | '.join(row)} |" for row in sheet.rows]
        lines += ["", *(f"{note}  " for note in sheet.notes), ""]
    return "\n".join(lines)


def number(value: float | None, digits: int) -> str:
    """``value`` with so many digits after the point, or a dash."""
    return "–" if value is None else f"{value:.{digits}f}"


def times(ratio: float | None) -> str:
    """``2.00×``, or a dash."""
    return "–" if ratio is None else f"{ratio:.2f}×"
