"""What each choice of quantization does: tables, JSON and a picture.

    python -m benchmarks.ablation --json ablation.json --png ablation.png
    python -m benchmarks.ablation model.mlir --data images.npz --only recipe
    python -m benchmarks.ablation --list

Without a model: the demo's, and the same function with outliers (``benchmarks.outliers``). With ``--json``,
rows that the file has already are not measured again, so a run that was ended goes on where it was.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path

from rich.console import Console

from benchmarks.ablation.measure import Effort, Row, measure
from benchmarks.ablation.plot import plot
from benchmarks.ablation.show import markdown, show
from benchmarks.ablation.subjects import Subject, demo_subjects, subject_of
from benchmarks.ablation.variants import Variant, chosen
from benchmarks.drawing import pyplot
from examples.fashion_mnist import FASHION_MNIST
from ivit_dialect.command import exit_code_of
from ivit_dialect.files import whole_file


def main() -> int:
    options = _parser().parse_args()
    return exit_code_of("ablation", lambda: _run(options), (ImportError,))


def _run(options: argparse.Namespace) -> None:
    if options.list:
        print("\n".join(variant.key for variant in chosen(options.only)))
        return
    if options.png is not None:
        pyplot()
    with tempfile.TemporaryDirectory() as folder:
        rows = _measure_all(_subjects(options, Path(folder)), chosen(options.only), options)
    show(rows, Console())
    if options.markdown is not None:
        with whole_file(options.markdown) as temporary:
            temporary.write_text(markdown(rows), encoding="utf-8")
    if options.png is not None:
        with whole_file(options.png) as temporary:
            plot(rows, temporary)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.ablation",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("models", nargs="*", type=Path, help=".mlir files at torch level")
    parser.add_argument("--data", type=Path, help=".npz with images, and labels if there are any, for models")
    parser.add_argument(
        "--whole-split",
        type=Path,
        nargs="?",
        const=FASHION_MNIST,
        metavar="FOLDER",
        help="test the demo's models on all of Fashion-MNIST's test split but the images that calibrate: the"
        f" folder with its IDX files (default: {FASHION_MNIST}, Debian's dataset-fashion-mnist)",
    )
    parser.add_argument("--calibration", type=int, default=32, help="images of --data to calibrate on")
    parser.add_argument("--images", type=int, help="images to test on, at most (default: all)")
    parser.add_argument("--interpreted", type=int, default=50, help="images for variants in float")
    parser.add_argument("--only", nargs="+", default=[], metavar="WORD", help="variants that are called so")
    parser.add_argument("--list", action="store_true", help="list the variants, of --only if given, and end")
    parser.add_argument(
        "--repeats",
        type=_at_least_one,
        default=1,
        metavar="N",
        help="mean and spread over N sets of calibration images, each without another tenth of them",
    )
    parser.add_argument("--threads", type=int)
    parser.add_argument("--json", type=Path, help="file of the rows; those that it has are kept")
    parser.add_argument("--markdown", type=Path, help="write the tables to this file")
    parser.add_argument("--png", type=Path, help="write the picture to this file; needs the extra [bench]")
    return parser


def _at_least_one(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"expected a whole number of 1 or more, got {text!r}")
    return int(text)


def _subjects(options: argparse.Namespace, folder: Path) -> list[Subject]:
    if not options.models:
        return demo_subjects(folder, options.whole_split, options.images)
    if options.whole_split is not None:
        raise ValueError("--whole-split is of the demo's models; others have --data")
    if options.data is None:
        raise ValueError("models need images: give --data FILE.npz")
    return [subject_of(path, options.data, options.calibration, options.images) for path in options.models]


def _measure_all(
    subjects: list[Subject], variants: tuple[Variant, ...], options: argparse.Namespace
) -> list[Row]:
    """The rows of all subjects; those of an earlier run are taken from the JSON file, others join it.

    Each is told on stderr as soon as it is there.
    """
    known = _read(options.json)
    rows: list[Row] = []
    effort = Effort(options.interpreted, options.repeats, options.threads)
    console, count = Console(stderr=True), len(subjects) * len(variants)
    for subject in subjects:
        for variant in variants:
            with console.status(f"{subject.name} — {variant.key}"):
                row, how = _find(known, subject, variant, options.repeats), "kept"
                if row is None:
                    row = measure(subject, variant, effort)
                    known = [old for old in known if not _same(old, row)] + [row]
                    _write(options.json, known)
                    how = "measured" if row.error is None else row.error
            rows.append(row)
            print(f"{len(rows)}/{count} {subject.name}: {variant.key}: {how}", file=sys.stderr, flush=True)
    return rows


def _find(known: list[Row], subject: Subject, variant: Variant, repeats: int) -> Row | None:
    wanted = (subject.name, variant.group, variant.name, variant.options)
    count = len(subject.images)
    for row in known:
        if (row.model, row.group, row.name, row.options) != wanted or row.error is not None:
            continue
        if row.simulated or (row.images == count and row.repeats >= repeats):
            return row
    return None


def _same(a: Row, b: Row) -> bool:
    return (a.model, a.group, a.name) == (b.model, b.group, b.name)


def _read(path: Path | None) -> list[Row]:
    if path is None or not path.is_file():
        return []
    try:
        return [Row(**entry) for entry in json.loads(path.read_text(encoding="utf-8"))]
    except (TypeError, ValueError) as error:
        raise ValueError(f"{path}: not the rows of an ablation ({error}); remove it") from error


def _write(path: Path | None, rows: list[Row]) -> None:
    if path is not None:
        with whole_file(path) as temporary:
            temporary.write_text(json.dumps([asdict(row) for row in rows], indent=1), encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
