"""What a subcommand is, and what several share: arguments, and files to read and to write."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ivit.images.preparation import CROP_PCT, RESIZES, Preparation
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


def add_preparation(parser: argparse.ArgumentParser) -> None:
    """``--resize`` and ``--crop-pct``: how pictures are brought to the model's size."""
    parser.add_argument(
        "--resize",
        choices=RESIZES,
        default=RESIZES[0],
        help="how pictures of another size than the model's are resized before their centre is cropped"
        f" (default: {RESIZES[0]}; none: they must have the model's size)",
    )
    parser.add_argument(
        "--crop-pct",
        type=float,
        default=CROP_PCT,
        metavar="F",
        help=f"share of the resized picture's side that the crop keeps (default: {CROP_PCT})",
    )


def preparation_of(options: argparse.Namespace) -> Preparation:
    """What ``add_preparation`` asked for; ValueError for a share out of range."""
    return Preparation(options.resize, options.crop_pct)


def check_files(read: tuple[Path | None, ...], write: Path | None = None) -> None:
    """Before any work: OSError unless ``read`` are files and ``write`` can be made; None is no file.

    ValueError where ``write`` is one of ``read``, which would be lost.
    """
    for path in filter(None, read):
        check_readable(path)
    if write is not None:
        check_new(write, read)


def check_images(paths: Sequence[Path]) -> None:
    """Before any work: FileNotFoundError unless each of ``paths`` is a file or a folder."""
    for path in paths:
        if not path.is_dir():
            check_readable(path)


def check_new(write: Path, read: tuple[Path | None, ...]) -> None:
    """OSError unless ``write`` can be made, ValueError where it is one of ``read``; None is no file."""
    check_writable(write)
    if write.exists() and any(os.path.samefile(write, path) for path in filter(None, read)):
        raise ValueError(f"{write}: would overwrite what is read: name another file")
