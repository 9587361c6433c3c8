"""``ivit inspect``: what is in a .mlir or an .ivit file."""

from __future__ import annotations

import argparse
from pathlib import Path

from rich.markup import escape
from rich.table import Table

from ivit.commands.base import Command, check_files
from ivit.console import progress, stdout


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", type=Path, metavar="FILE", help=".mlir (torch or ivit level) or .ivit")


def run(options: argparse.Namespace) -> None:
    from ivit.inspection import Rows, inspect

    check_files((options.file,))
    with progress("inspect") as report:
        report("read", 0, 0)
        found = inspect(options.file)

    def show(title: str, columns: tuple[str, ...], rows: Rows) -> None:
        if not rows:
            return
        table = Table(title=title, title_justify="left", show_header=bool(columns))
        for column in columns or ("", ""):
            table.add_column(column, justify="right" if column in ("count", "launches") else "left")
        for row in rows:
            table.add_row(*map(escape, row))
        stdout.print(table)

    show(options.file.name, (), found.facts)
    show("ops", ("op", "result", "count"), found.ops)
    show("kernels", ("kernel", "writes, for one image", "launches"), found.kernels)


COMMAND = Command(
    help="what is in a .mlir or an .ivit file",
    description="Ops with their types, scales of the input and output, sizes of weights, arena and code,\n"
    "and the kernels that a compiled model launches.",
    examples="""\
examples:
  ivit inspect deit.mlir
  ivit inspect deit.ivit
""",
    add_arguments=add_arguments,
    run=run,
)
