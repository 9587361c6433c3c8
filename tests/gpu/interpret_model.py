"""Runs whole models on the PTX interpreter: ``PYTHONPATH=. python tests/gpu/interpret_model.py FILE...``.

FILE is one that ``python -m benchmarks.gpu --prepare FOLDER`` has written; what the CPU target returns lies
beside it.  DeiT-T takes less than a minute for two images, DeiT-B some minutes.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

import numpy as np
from programs import run_program

from benchmarks.gpu.carried import load, load_reference, pixels


def differing(file: Path, images: int) -> int:
    """How many of the model's results differ from those of the CPU target."""
    carried = load(file)
    expected = load_reference(file.parent, carried.model)[:images]
    given = pixels(len(expected), carried.boundary.input_shape)
    found = run_program(carried.program, given).view(expected.dtype)
    return int(np.count_nonzero(found.reshape(expected.shape) != expected))


def main() -> int:
    """Compare each file; the exit status is 1 where one differs."""
    parser = argparse.ArgumentParser(prog="interpret_model", description=__doc__)
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE")
    parser.add_argument("--images", type=int, default=2)
    options = parser.parse_args()
    wrong = False
    for file in options.files:
        start = time.monotonic()
        count = differing(file, options.images)
        verdict = f"{count} results differ" if count else "equal bit for bit"
        print(f"{file.name}: {verdict}, {time.monotonic() - start:.0f} s", flush=True)
        wrong |= count > 0
    return int(wrong)


if __name__ == "__main__":
    sys.exit(main())
