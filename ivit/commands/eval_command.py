"""``ivit eval``: a compiled model against labels, and against its float source."""

from __future__ import annotations

import argparse
import json
import math
import time
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.table import Table

from ivit.commands.base import Command, about, add_threads, check_files
from ivit.console import notice, progress, stdout


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", type=Path, metavar="MODEL.ivit")
    parser.add_argument(
        "--data",
        type=Path,
        required=True,
        metavar="DATA.npz",
        help="array 'images', and 'labels' for accuracy",
    )
    parser.add_argument(
        "--reference", type=Path, metavar="MODEL.mlir", help="the torch-level source, to compare with FP32"
    )
    parser.add_argument("--json", action="store_true", help="one JSON object instead of a table")
    add_threads(parser)


def run(options: argparse.Namespace) -> None:
    from ivit.api import load
    from ivit.commands.run_command import run_batches
    from ivit.images import for_model, read_images

    check_files((options.model, options.data, options.reference))
    model = load(options.model, options.threads)
    data = for_model(read_images([options.data]), model.boundary)
    if len(data) == 0:
        raise ValueError(f"{options.data}: holds no images")
    with about(options.data), progress("integers") as report:
        model(data.images[:1])  # links the code, which is no part of the time per image
        started = time.perf_counter()
        outputs = model.boundary.to_floats(run_batches(model, data.images, report))
    figures: dict[str, Any] = {
        "images": len(data),
        "ms_per_image": 1000 * (time.perf_counter() - started) / len(data),
    }
    reference = None
    if options.reference is not None:
        from ivit.baseline import FloatModel

        float_model = FloatModel.open(options.reference)
        with about(options.reference), progress("eval") as report:
            reference = float_model(
                data.images, model.boundary.mean or None, model.boundary.std or None, report
            )
        if reference.shape != outputs.shape:
            raise ValueError(
                f"{options.reference} returns {list(reference.shape[1:])},"
                f" {options.model} {list(outputs.shape[1:])}: they are not the same model"
            )
    figures |= compare(outputs, _usable(data.labels, outputs, options.data), reference)
    if options.json:
        finite = {name: value if math.isfinite(value) else None for name, value in figures.items()}
        print(json.dumps(finite))
    else:
        _show(options.model.name, figures)


def compare(
    outputs: NDArray[Any], labels: NDArray[np.int64] | None, reference: NDArray[Any] | None
) -> dict[str, float]:
    """The figures that ``labels``, in [0, outputs), and ``reference``, of the shape of ``outputs``, allow."""
    from ivit.metrics import agreement, cosines, sqnr_db, top_k

    classes = outputs.shape[1] if outputs.ndim == 2 else 0
    figures: dict[str, float] = {}
    if labels is not None:
        figures |= {"int_top1": top_k(outputs, labels, 1), "int_top5": top_k(outputs, labels, 5)}
    if reference is not None:
        if labels is not None:
            figures |= {"fp32_top1": top_k(reference, labels, 1), "fp32_top5": top_k(reference, labels, 5)}
        if classes:
            figures["agreement"] = agreement(outputs, reference)
        cosine = cosines(reference, outputs)
        figures |= {
            "sqnr_db": sqnr_db(reference, outputs),
            "cosine": float(cosine.mean()),
            "worst_cosine": float(cosine.min()),
        }
    return figures


def _usable(labels: NDArray[np.int64] | None, outputs: NDArray[Any], path: Path) -> NDArray[np.int64] | None:
    """``labels`` where each is the place of one of a row of ``outputs``; else None, with a notice."""
    if labels is None or (outputs.ndim == 2 and labels.min() >= 0 and labels.max() < outputs.shape[1]):
        return labels
    notice(
        f"{path}: labels lie in [{labels.min()}, {labels.max()}], but the model returns"
        f" {list(outputs.shape[1:])}: no accuracy"
    )
    return None


LABELS = {
    "images": ("images", "{:d}"),
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
    "torch-level source is given (it runs in NumPy, without PyTorch).",
    examples="""\
examples:
  ivit eval deit.ivit --data val.npz
  ivit eval deit.ivit --data val.npz --reference deit.mlir --json
""",
    add_arguments=add_arguments,
    run=run,
)
