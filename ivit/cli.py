"""The ``ivit`` command: finds the subcommand, and turns errors into one line and an exit code."""

from __future__ import annotations

import argparse
import sys
import traceback
from collections.abc import Sequence
from importlib import import_module

from ivit import __version__
from ivit.commands.base import Command
from ivit.console import notice
from ivit.knobs import knobs

COMMANDS = ("import", "compile", "run", "eval", "inspect", "demo")
BAD_INPUT, INTERNAL, INTERRUPTED = 1, 3, 130

EPILOG = """\
examples:
  ivit demo
  ivit import hf:facebook/deit-tiny-patch16-224 -o deit.mlir
  ivit compile deit.mlir --calibration images.npz -o deit.ivit
  ivit run deit.ivit images.npz -o logits.npz

IVIT_DEBUG=1 shows the traceback of an error.
"""


def build_parser() -> argparse.ArgumentParser:
    """The parser with all subcommands."""
    parser = argparse.ArgumentParser(
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
    try:
        debug = knobs().debug
    except ValueError as error:
        notice(f"error: {error}")
        return BAD_INPUT
    try:
        options.run(options)
    except KeyboardInterrupt:
        notice("interrupted")
        return INTERRUPTED
    except BrokenPipeError:
        sys.stderr.close()  # whoever read our output has left; Python would complain when it exits
        return BAD_INPUT
    except (OSError, ValueError, TypeError, ImportError, MemoryError) as error:
        return _report(error, f"error: {_line(error)}", BAD_INPUT, debug)
    except Exception as error:  # the last resort: still one line
        message = f"internal error: {type(error).__name__}: {_line(error)} (IVIT_DEBUG=1 shows where)"
        return _report(error, message, INTERNAL, debug)
    return 0


def _report(error: Exception, message: str, code: int, debug: int) -> int:
    if debug:
        traceback.print_exception(error)
    notice(message)
    return code


def _line(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    return " ".join(str(error).split()) or type(error).__name__


if __name__ == "__main__":
    main()
