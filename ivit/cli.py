"""The ``ivit`` command: finds the subcommand and runs it."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import NoReturn

from ivit import __version__
from ivit.commands.base import Command
from ivit_dialect.command import exit_code_of

COMMANDS = ("import", "compile", "run", "eval", "report", "inspect", "demo")

EPILOG = """\
examples:
  ivit demo
  ivit import hf:facebook/deit-tiny-patch16-224 -o deit.mlir
  ivit compile deit.mlir --calibration images.npz -o deit.ivit
  ivit run deit.ivit images.npz -o logits.npz

IVIT_DEBUG=1 shows the traceback of an error.
"""


class _Parser(argparse.ArgumentParser):
    """Says what is wrong in one line; the usage of a command with thirty options would bury it."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: error: {message} ({self.prog} --help shows how)\n")


def build_parser() -> argparse.ArgumentParser:
    """The parser with all subcommands."""
    parser = _Parser(
        prog="ivit",
        description="Compiles Vision Transformers to integers: the same bits on every target.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"ivit {__version__}")
    subparsers = parser.add_subparsers(metavar="COMMAND", required=True)
    for name in COMMANDS:
        command: Command = import_module(f"ivit.commands.{name}_command").COMMAND
        subparser = subparsers.add_parser(
            name,
            help=command.help,
            description=command.description,
            epilog=command.examples,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        command.add_arguments(subparser)
        subparser.set_defaults(run=command.run)
    return parser


def main(arguments: Sequence[str] | None = None) -> None:
    """Console entry point; exits with 1 on bad input, 2 on a wrong command line, 3 on an own error."""
    sys.exit(run(arguments))


def run(arguments: Sequence[str] | None = None) -> int:
    """Run a command line; returns the exit code."""
    options = build_parser().parse_args(arguments)
    # TypeError and ImportError come from modules and images of the user's own
    refusals = (TypeError, ImportError, MemoryError)
    return exit_code_of("ivit", lambda: options.run(options), refusals)


if __name__ == "__main__":
    main()
