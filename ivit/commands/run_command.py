"""``ivit run``: a compiled model on images from files."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ivit.commands.base import Command, about, add_threads, check_files
from ivit.console import progress, stdout
from ivit_dialect.files import whole_file

SHOWN = 20
BATCHES = 20
SUFFIX = ".npz"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", type=Path, metavar="MODEL.ivit")
    parser.add_argument(
        "images",
        type=Path,
        nargs="+",
        metavar="IMAGES",
        help="one .npz or .npy file, or .png files of one size",
    )
    parser.add_argument(
        "-o", "--output", type=Path, metavar="OUT.npz", help="arrays outputs (float32), integers and scale"
    )
    parser.add_argument("--classes", type=Path, metavar="FILE", help="names of the outputs, one a line")
    add_threads(parser)


def run(options: argparse.Namespace) -> None:
    from ivit.api import load
    from ivit.images import for_model, read_images
    from ivit.model import Model

    check_files((options.model, options.classes, *options.images), options.output)
    if options.output is not None and options.output.suffix != SUFFIX:
        raise ValueError(f"{options.output}: the name of the arrays' file ends in {SUFFIX}")
    model: Model = load(options.model, options.threads)
    names = None if options.classes is None else _names(options.classes, model.boundary.output_shape)
    images = for_model(read_images(options.images), model.boundary).images
    with about(options.images[0]), progress("run") as report:
        integers = run_batches(model, images, report)
    outputs = model.boundary.to_floats(integers)
    if options.output is not None:
        _write(options.output, outputs, integers, model.boundary.output_scale)
        line = f"wrote {options.output}: outputs float32 {list(outputs.shape)}"
        stdout.print(line, markup=False, soft_wrap=True)
    elif outputs.ndim == 2:
        _show(outputs, names)
    else:
        stdout.print(f"outputs float32 {list(outputs.shape)}; -o OUT.npz keeps them", markup=False)


def run_batches(model: Any, images: NDArray[Any], report: Any) -> NDArray[Any]:
    """The integers of ``model`` for all ``images``, in parts, with progress."""
    images = model.boundary.checked(images)
    step = max(1, -(-len(images) // BATCHES))
    parts: list[NDArray[Any]] = []
    for start in range(0, max(1, len(images)), step):
        parts.append(model.integers(images[start : start + step])[0])
        report("images", min(start + step, len(images)), len(images))
    return np.concatenate(parts)


def _write(path: Path, outputs: NDArray[Any], integers: NDArray[Any], scale: float) -> None:
    with whole_file(path) as temporary, temporary.open("wb") as file:
        np.savez(file, outputs=outputs, integers=integers, scale=np.float64(scale))


def _names(path: Path, outputs: tuple[int, ...]) -> list[str]:
    """One for each of the model's ``outputs``, else ValueError."""
    try:
        names = path.read_text(encoding="utf-8").rstrip().splitlines()
    except UnicodeDecodeError as error:
        raise ValueError(f"{path}: not UTF-8 text: a name a line is wanted") from error
    if (len(names),) != outputs:
        raise ValueError(f"{path}: {len(names)} names, the model has {' x '.join(map(str, outputs))} outputs")
    return names


def _show(logits: NDArray[np.float32], names: list[str] | None) -> None:
    for i, row in enumerate(logits[:SHOWN]):
        best = np.argsort(-row)[:3]
        text = "   ".join(f"{_name(int(c), names)} {row[c]:.4g}" for c in best)
        stdout.print(f"{i:>5}   {text}", markup=False, soft_wrap=True)
    if len(logits) > SHOWN:
        stdout.print(f"... {len(logits) - SHOWN} more; -o OUT.npz keeps them all", markup=False)


def _name(index: int, names: list[str] | None) -> str:
    return f"output {index}:" if names is None else names[index]


COMMAND = Command(
    help="run a compiled model on images",
    description="Run an .ivit file on images: an array 'images' (uint8 NHWC or float32 NCHW), or PNG files.\n"
    "Without -o, the three largest outputs of the first images are printed.",
    examples="""\
examples:
  ivit run deit.ivit images.npz -o out.npz
  ivit run deit.ivit cat.png dog.png --classes imagenet.txt
""",
    add_arguments=add_arguments,
    run=run,
)
