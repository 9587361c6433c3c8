"""``ivit demo``: a small ViT from float to integers, compiled, run, and compared with FP32."""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.table import Table
from rich.text import Text

from ivit.commands.base import Command, add_threads, check_files
from ivit.console import progress, stdout
from ivit.progress import Report
from ivit_dialect.files import whole_file

DATA = Path(__file__).resolve().parents[1] / "demo"
CALIBRATION_IMAGES = 100
SHOWN_CLASSES = (0, 5, 8, 9)
SHEET_COLUMNS = 10
CLASSES = (
    "T-shirt", "trousers", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "ankle boot",
)  # fmt: skip

ENVIRONMENT = Path(".venv") / "bin"
"""Where `make demo` installs."""
NEXT_STEPS = """\
where to go next, one command a line
  a model of your own: docs/getting-started.md
    {bin}pip install -e '.[import]'
    {bin}ivit import hf:facebook/deit-tiny-patch16-224 -o deit.mlir
    {bin}ivit compile deit.mlir -o deit.ivit --calibration images.npz
  what is in it: docs/ir-levels.md
    {bin}ivit inspect deit.ivit
    {bin}ivit compile deit.mlir --dump-stages stages
    {bin}ivit-opt --lower-to-int deit.mlir
  from Python: docs/python-api.md
    ivit.compile("deit.mlir", "images.npz")(images)
"""


@dataclass(frozen=True)
class Outcome:
    """Logits of both models on the same images, and how long they took."""

    images: NDArray[np.uint8]
    labels: NDArray[np.int64]
    integer: NDArray[np.float32]
    float32: NDArray[np.float32]
    seconds: float
    float_seconds: float
    compile_seconds: float

    def figures(self) -> dict[str, Any]:
        """What ``--json`` prints; accuracies in percent, times in milliseconds."""
        from ivit.metrics import agreement, top_k

        count = len(self.images)
        return {
            "fp32_top1": round(top_k(self.float32, self.labels, 1), 3),
            "int_top1": round(top_k(self.integer, self.labels, 1), 3),
            "agreement": round(agreement(self.integer, self.float32), 3),
            "images": count,
            "ms_per_image": round(1000 * self.seconds / count, 4),
            "fp32_ms_per_image": round(1000 * self.float_seconds / count, 4),
        }


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print one JSON object and nothing else")
    parser.add_argument(
        "--png", type=Path, metavar="FILE.png", help="write the images that are answered wrongly"
    )
    add_threads(parser)


def run(options: argparse.Namespace) -> None:
    check_files((), options.png)
    with progress("demo") as report:
        outcome = classify(options.threads, report)
    if options.png is not None:
        write_sheet(outcome, options.png)
    if options.json:
        print(json.dumps(outcome.figures()))
        return
    show(outcome)
    if options.png is not None:
        stdout.print(
            f"the wrong answers are in {options.png}, each class from a row of its own on:",
            markup=False,
            soft_wrap=True,
        )
        for line in confusions(outcome):
            stdout.print(f"  {line}", markup=False, soft_wrap=True)
        stdout.print()
    bin = f"{ENVIRONMENT}/" if ENVIRONMENT.is_dir() else ""
    stdout.print(NEXT_STEPS.format(bin=bin), markup=False, soft_wrap=True)


def classify(threads: int | None, report: Report) -> Outcome:
    """Calibrate and compile the model that comes with ivit, then run it and its float form."""
    from ivit.api import compile
    from ivit.baseline import FloatModel
    from ivit.commands.run_command import run_images
    from ivit.images.arrays import ImageSet, read_arrays
    from ivit.images.source import ArrayImages

    path = DATA / "images.npz"
    data = read_arrays(path)
    assert data.labels is not None
    calibration, images = data.images[:CALIBRATION_IMAGES], data.images[CALIBRATION_IMAGES:]
    started = time.perf_counter()
    model = compile(DATA / "model.mlir", calibration, threads=threads, report=report)
    model(images[:1])
    compiled = time.perf_counter()
    integer = model.boundary.to_floats(run_images(model, ArrayImages(path, ImageSet(images)), report))
    classified = time.perf_counter()
    float_model = FloatModel.open(DATA / "model.mlir")
    opened = time.perf_counter()
    float32 = float_model(images, report=report)
    return Outcome(
        images=images,
        labels=data.labels[CALIBRATION_IMAGES:],
        integer=integer,
        float32=float32,
        seconds=classified - compiled,
        float_seconds=time.perf_counter() - opened,
        compile_seconds=compiled - started,
    )


def show(outcome: Outcome) -> None:
    """The table of both models, and a few images with their answers."""
    from ivit.picture import GAP, terminal_row

    figures = outcome.figures()
    stdout.print(
        f"A ViT of 6 layers on {figures['images']} Fashion-MNIST test images: calibrated on"
        f" {CALIBRATION_IMAGES} others, turned into integers"
        f" and compiled in {outcome.compile_seconds:.1f} s.\n",
        markup=False,
    )
    table = Table("", "FP32 (NumPy)", "integers (native)")
    table.add_row("top-1", f"{figures['fp32_top1']:.2f} %", f"{figures['int_top1']:.2f} %")
    table.add_row("same answer as FP32", "", f"{figures['agreement']:.2f} %")
    table.add_row(
        "time per image", f"{figures['fp32_ms_per_image']:.3f} ms", f"{figures['ms_per_image']:.3f} ms"
    )
    stdout.print(table)
    answers = outcome.integer.argmax(axis=1)
    chosen = [outcome.labels.tolist().index(label) for label in SHOWN_CLASSES]
    captions = [_caption(int(outcome.labels[i]), int(answers[i])) for i in chosen]
    if stdout.is_terminal:
        stdout.print()
        fitting = max(1, stdout.width // (outcome.images.shape[2] + GAP))
        stdout.print(terminal_row([outcome.images[i] for i in chosen[:fitting]], captions[:fitting]))
    else:
        pairs = (f"{CLASSES[outcome.labels[i]]} -> {CLASSES[answers[i]]}" for i in chosen)
        stdout.print("\nimage -> answer: " + ", ".join(pairs), markup=False)
    stdout.print()


def _caption(label: int, answer: int) -> Text:
    """The class where it was found, else the class and what was answered."""
    if answer == label:
        return Text(CLASSES[label], "green")
    return Text(f"{CLASSES[label]} -> {CLASSES[answer]}", "red")


def wrong_answers(outcome: Outcome) -> dict[int, dict[int, NDArray[np.int64]]]:
    """By class, then by what the integers answered instead, most frequent first: which images those are."""
    answers = outcome.integer.argmax(axis=1)
    result: dict[int, dict[int, NDArray[np.int64]]] = {}
    for label in range(len(CLASSES)):
        wrong = np.flatnonzero((outcome.labels == label) & (answers != label))
        given, counts = np.unique(answers[wrong], return_counts=True)
        order: list[int] = given[np.argsort(-counts, kind="stable")].tolist()
        if order:
            result[label] = {answer: wrong[answers[wrong] == answer] for answer in order}
    return result


def confusions(outcome: Outcome) -> list[str]:
    """A line for each class with wrong answers of the integers, in the order of the sheet."""
    lines: list[str] = []
    for label, by_answer in wrong_answers(outcome).items():
        given = ", ".join(f"{len(which)} as {CLASSES[answer]}" for answer, which in by_answer.items())
        lines.append(f"{CLASSES[label]}: {sum(map(len, by_answer.values()))} wrong ({given})")
    return lines


def write_sheet(outcome: Outcome, path: Path) -> None:
    """The images that the integers answer wrongly, as one PNG; each class begins a row."""
    from ivit.images.picture_files import png_bytes
    from ivit.picture import sheet

    groups = [
        outcome.images[np.concatenate(list(by_answer.values()))]
        for by_answer in wrong_answers(outcome).values()
    ]
    with whole_file(path) as file:
        file.write_bytes(png_bytes(sheet(groups or [outcome.images[:0]], SHEET_COLUMNS)))


COMMAND = Command(
    help="see it work: a small ViT in integers against FP32",
    description="Calibrate, lower, compile and run the small ViT that comes with ivit on 1,900 images, and\n"
    "compare accuracy and speed with FP32. Needs no network and no PyTorch.",
    examples="""\
examples:
  ivit demo
  ivit demo --json
  ivit demo --png wrong.png
""",
    add_arguments=add_arguments,
    run=run,
)
