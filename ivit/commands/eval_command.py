"""``ivit eval``: a compiled model against labels, and against its float source."""

from __future__ import annotations

import argparse
import json
import math
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.table import Table

from ivit.commands.base import (
    Command,
    add_preparation,
    add_threads,
    check_files,
    check_images,
    check_new,
    preparation_of,
)
from ivit.commands.target import add_load_target, check_runs_here
from ivit.console import notice, progress, stdout

if TYPE_CHECKING:
    from ivit.images.source import Images


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", type=Path, metavar="MODEL.ivit")
    parser.add_argument(
        "--data",
        type=Path,
        required=True,
        metavar="DATA",
        help="a folder of pictures, with a folder for each class; or an .npz file: array 'images', and"
        " 'labels' for accuracy",
    )
    parser.add_argument(
        "--reference", type=Path, metavar="MODEL.mlir", help="the torch-level source, to compare with FP32"
    )
    parser.add_argument(
        "--classes",
        type=Path,
        metavar="NAMES.txt",
        help="names of the folders of all classes, one a line, in the order of the model's outputs: for data"
        " that has some of the classes, or another order",
    )
    add_preparation(parser)
    parser.add_argument(
        "--skip-bad", action="store_true", help="leave out pictures that cannot be read, and say which"
    )
    parser.add_argument(
        "--resume",
        type=Path,
        metavar="STATE.json",
        help="keep in this file how far it has come, and go on from there",
    )
    parser.add_argument("--json", action="store_true", help="one JSON object instead of a table")
    add_load_target(parser)
    add_threads(parser)


def run(options: argparse.Namespace) -> None:
    from ivit.api import load
    from ivit.baseline import FloatModel
    from ivit.evaluation import Evaluation, Tally
    from ivit.evaluation_state import Subject, read_state, write_state
    from ivit.images.folder import read_names
    from ivit.images.source import open_images

    preparation = preparation_of(options)
    check_files((options.model, options.reference))
    check_images([options.data])
    if options.resume is not None:
        read = (options.model, options.reference, options.data, options.classes)
        check_new(options.resume, read)
    check_runs_here(options.target)
    model = load(options.model, options.threads, target=options.target)
    names = () if options.classes is None else read_names(options.classes)
    images = open_images([options.data], model.boundary.input_shape, preparation, notice, names)
    if len(images) == 0:
        raise ValueError(f"{options.data}: holds no images")
    reference = None if options.reference is None else FloatModel.open(options.reference)
    evaluation = Evaluation(
        str(options.model), model, images, _labelled(images, model.boundary.output_shape), reference
    )
    tally, keep = Tally(), None
    if options.resume is not None:
        subject = Subject.of(options.model, images, reference, options.skip_bad)
        tally = read_state(options.resume, subject, len(images))
        keep = partial(write_state, options.resume, subject)
        if tally.done:
            notice(f"{options.resume}: goes on from image {tally.done} of {len(images)}")
    with progress("eval") as report:
        report("images", tally.done, len(images))
        evaluation.run(tally, report, notice if options.skip_bad else None, keep)
    figures = evaluation.figures(tally)
    if options.json:
        finite = {name: value if math.isfinite(value) else None for name, value in figures.items()}
        print(json.dumps(finite))
    else:
        _show(options.model.name, figures)


def _labelled(images: Images, outputs: tuple[int, ...]) -> bool:
    """Whether each label is the place of one of ``outputs``; else there is a notice."""
    labels = images.labels
    if labels is None:
        return False
    returns = f"but the model returns {list(outputs)}: no accuracy"
    if images.classes and (len(images.classes),) != outputs:
        some = "" if len(images.classes) > outputs[0] else " (some of its classes? name all with --classes)"
        notice(f"{images.name}: {len(images.classes)} classes, {returns}{some}")
        return False
    if len(outputs) != 1 or labels.min() < 0 or labels.max() >= outputs[0]:
        notice(f"{images.name}: labels lie in [{labels.min()}, {labels.max()}], {returns}")
        return False
    return True


LABELS = {
    "images": ("images", "{:d}"),
    "skipped": ("pictures left out", "{:d}"),
    "ms_per_image": ("time per image", "{:.2f} ms"),
    "int_top1": ("top-1, integers", "{:.2f} %"),
    "int_top5": ("top-5, integers", "{:.2f} %"),
    "fp32_top1": ("top-1, FP32", "{:.2f} %"),
    "fp32_top5": ("top-5, FP32", "{:.2f} %"),
    "agreement": ("same top-1 as FP32", "{:.2f} %"),
    "sqnr_db": ("SQNR to FP32", "{:.1f} dB"),
    "cosine": ("cosine to FP32, mean", "{:.5f}"),
    "worst_cosine": ("cosine to FP32, worst", "{:.5f}"),
}


def _show(title: str, figures: dict[str, Any]) -> None:
    table = Table(title=title, show_header=False)
    for key, (label, form) in LABELS.items():
        if key in figures:
            table.add_row(label, form.format(figures[key]))
    stdout.print(table)


COMMAND = Command(
    help="accuracy of a compiled model, and its distance to FP32",
    description="Top-1 and top-5 where the data has labels, each the place of one of the model's outputs\n"
    "(where those are features, labels mean nothing); agreement, SQNR and cosine to FP32 where the\n"
    "torch-level source is given (it runs in NumPy, without PyTorch).\n\n"
    "A folder is read as torchvision's ImageFolder reads it: a folder in it is a class, its label the\n"
    "place of its name in sorted order, or in --classes. A folder of pictures alone has no labels.",
    examples="""\
examples:
  ivit eval deit.ivit --data imagenet/val --resume deit-eval.json
  ivit eval deit.ivit --data val.npz --reference deit.mlir --json
""",
    add_arguments=add_arguments,
    run=run,
)
