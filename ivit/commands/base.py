"""What a subcommand is, and the arguments that several share."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path


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


def existing(path: Path) -> Path:
    """``path``; FileNotFoundError unless it is a file."""
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such file")
    return path
