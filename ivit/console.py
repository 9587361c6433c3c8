"""What goes to the terminal: progress and notices on stderr, results on stdout."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
)

from ivit.progress import Report

stdout = Console(highlight=False)
stderr = Console(stderr=True, highlight=False)


def notice(message: str) -> None:
    """One line on stderr."""
    stderr.print(f"ivit: {message}", markup=False, soft_wrap=True)


def remark(message: str) -> None:
    """What a pass says, under its own name as it stands, on stderr."""
    stderr.print(message, markup=False, soft_wrap=True)


@contextmanager
def progress(title: str) -> Generator[Report]:
    """A bar on stderr that shows what is reported; nothing where stderr is no terminal."""
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(bar_width=30),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=stderr, transient=True, disable=not stderr.is_terminal) as bar:
        task = bar.add_task(title, total=None)

        def report(stage: str, done: int, total: int) -> None:
            bar.update(task, description=f"{title}: {stage}", completed=done, total=total or None)

        yield report
