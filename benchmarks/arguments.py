"""What the command lines of the benchmarks share: numbers, files of results, progress."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path


def count(text: str) -> int:
    """A whole number from 1 to 1000, as argparse takes a type."""
    if not text.isdecimal() or not 1 <= int(text) <= 1000:
        raise argparse.ArgumentTypeError(f"expected a whole number from 1 to 1000, got {text!r}")
    return int(text)


def add_result_files(parser: argparse.ArgumentParser) -> None:
    """``--json``, ``--markdown`` and ``--png``."""
    parser.add_argument("--json", type=Path, metavar="FILE")
    parser.add_argument("--markdown", type=Path, metavar="FILE")
    parser.add_argument("--png", type=Path, metavar="FILE", help="needs the extra [bench]")


def tell(line: str) -> None:
    """Progress, on stderr."""
    print(line, file=sys.stderr, flush=True)
