"""The report in the terminal: what matters most, in tables."""

from __future__ import annotations

from collections.abc import Sequence

from rich.box import SIMPLE_HEAD
from rich.console import Group
from rich.markup import escape
from rich.table import Table

from ivit.inspection import size_text
from ivit.report.content import Content, TensorRow
from ivit.report.words import FAIR_DB, GOOD_DB, count_text, db_text, share_text, time_text

WORST = 12
"""Tensors that are listed unless all are asked for: the lowest of their own."""


def tables(content: Content, every: bool) -> Group:
    """The outputs, the tensors (the worst, or ``every`` one in the order of the model), and the costs."""
    rows = content.tensors if every else content.lowest(WORST)
    heading = "every tensor" if every else f"where the error enters: the {len(rows)} lowest of their own"
    return Group(_summary(content), _tensors(heading, rows), _costs(content))


def _summary(content: Content) -> Table:
    output, sizes = content.output, content.sizes
    table = Table(title=escape(content.model), title_justify="left", show_header=False, box=SIMPLE_HEAD)
    table.add_row("outputs, SQNR to FP32", db_text(output.sqnr_db))
    table.add_row("outputs, cosine to FP32", f"{output.cosine:.5f} (worst {output.worst_cosine:.5f})")
    if output.agreement is not None:
        table.add_row("same largest output as FP32", f"{output.agreement:.2f} %")
    table.add_row("measured on", f"{content.images} images of {escape(content.data)}")
    table.add_row("weights", f"{size_text(sizes.packed)} (FP32 {size_text(sizes.float_weights)})")
    if content.launches:
        time = f"{time_text(content.microseconds)} on {escape(content.target)}"
        table.add_row("one image, one thread", time)
    table.add_row("MACs", count_text(content.macs))
    return table


def _tensors(heading: str, rows: Sequence[TensorRow]) -> Table:
    table = Table(title=heading, title_justify="left", box=SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False)
    for name in ("tensor", "type"):
        table.add_column(name, no_wrap=True)
    for name in ("gathered", "own dB", "at ends", "clipped"):
        table.add_column(name, justify="right", no_wrap=True)
    for row in rows:
        table.add_row(
            escape(row.name),
            f"{row.type} {row.form}",
            _coloured(row.sqnr_db),
            _coloured(row.local_sqnr_db),
            share_text(row.saturated),
            share_text(row.clipped),
        )
    return table


def _coloured(db: float) -> str:
    colour = "green" if db >= GOOD_DB else "yellow" if db >= FAIR_DB else "red"
    return f"[{colour}]{db_text(db).removesuffix(' dB')}[/{colour}]"


def _costs(content: Content) -> Table:
    if not content.launches:
        return _simulated_costs(content)
    table = Table(title="cost of an image, one thread", title_justify="left", box=SIMPLE_HEAD)
    table.add_column("kind of op")
    for name in ("time", "share", "MACs", "calls"):
        table.add_column(name, justify="right")
    whole = content.microseconds or 1.0
    for row in content.costs:
        share = f"{100 * row.microseconds / whole:.1f} %"
        macs = count_text(row.macs) if row.macs else ""
        table.add_row(row.group, time_text(row.microseconds), share, macs, str(row.launches))
    return table


def _simulated_costs(content: Content) -> Table:
    title = "cost of an image (a simulation with floating point inside: not compiled, not timed)"
    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD)
    table.add_column("kind of op")
    table.add_column("MACs", justify="right")
    for row in content.costs:
        table.add_row(row.group, count_text(row.macs) if row.macs else "")
    return table
