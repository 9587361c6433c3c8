"""What a subcommand is, and what several share: arguments, and files to read and to write."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ivit_dialect.files import check_readable, check_writable


@dataclass(frozen=True)
class Command:
    """A subcommand: its texts, its arguments, and what it does with them (errors are raised)."""

    help: str
    description: str
    examples: str
    add_arguments: Callable[[argparse.ArgumentParser], None]
    run: Callable[[argparse.Namespace], None]


def floats(text: str) -> tuple[float, ...]:
    """``0.485,0.456,0.406`` as numbers."""
    try:
        return tuple(float(part) for part in text.split(","))
    except ValueError:
        raise argparse.ArgumentTypeError(f"expected numbers with commas between them, got {text!r}") from None


def sizes(text: str) -> tuple[int, ...]:
    """``3,224,224`` as C, H, W."""
    parts = text.split(",")
    if len(parts) != 3 or not all(part.strip().isdecimal() and int(part) for part in parts):
        raise argparse.ArgumentTypeError(f"expected C,H,W, for instance 3,224,224, got {text!r}")
    return tuple(int(part) for part in parts)


def add_threads(parser: argparse.ArgumentParser) -> None:
    """``--threads``."""
    parser.add_argument("--threads", type=int, metavar="N", help="threads (default: one per physical core)")


def add_normalisation(parser: argparse.ArgumentParser) -> None:
    """``--mean`` and ``--std``."""
    text = "of pixels scaled to [0, 1], one a channel: M,M,M (default: what the model says)"
    parser.add_argument("--mean", type=floats, metavar="M", help=f"means {text}")
    parser.add_argument("--std", type=floats, metavar="S", help=f"standard deviations {text}")


def check_files(read: tuple[Path | None, ...], write: Path | None = None) -> None:
    """Before any work: OSError unless ``read`` are files and ``write`` can be made; None is no file.

    ValueError where ``write`` is one of ``read``, which would be lost.
    """
    for path in filter(None, read):
        check_readable(path)
    if write is None:
        return
    check_writable(write)
    if write.exists() and any(os.path.samefile(write, path) for path in filter(None, read)):
        raise ValueError(f"{write}: would overwrite what is read: name another file with -o")


@contextmanager
def about(path: Path) -> Generator[None]:
    """Complaints about values get the name of the file that they came from."""
    try:
        yield
    except (ValueError, TypeError) as error:
        raise ValueError(f"{path}: {error}") from error
