"""``ivit run``: a compiled model on images from files."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

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
from ivit_dialect.files import about, whole_file

if TYPE_CHECKING:
    from ivit.images.source import Images
    from ivit.model import Model
    from ivit.progress import Report

SHOWN = 20
BATCH = 50
SUFFIX = ".npz"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", type=Path, metavar="MODEL.ivit")
    parser.add_argument(
        "images",
        type=Path,
        nargs="+",
        metavar="IMAGES",
        help="one .npz or .npy file, one folder, or pictures",
    )
    parser.add_argument(
        "-o",
        "--output",
        type=Path,
        metavar="OUT.npz",
        help="arrays outputs (float32), integers, scale, and files of pictures",
    )
    parser.add_argument("--classes", type=Path, metavar="FILE", help="names of the outputs, one a line")
    add_preparation(parser)
    add_load_target(parser)
    add_threads(parser)


def run(options: argparse.Namespace) -> None:
    from ivit.api import load
    from ivit.images.source import PictureImages, open_images

    preparation = preparation_of(options)
    files = (options.model, options.classes)
    check_files(files)
    check_images(options.images)
    if options.output is not None:
        check_new(options.output, (*files, *options.images))
        if options.output.suffix != SUFFIX:
            raise ValueError(f"{options.output}: the name of the arrays' file ends in {SUFFIX}")
    check_runs_here(options.target)
    model = load(options.model, options.threads, target=options.target)
    names = None if options.classes is None else _names(options.classes, model.boundary.output_shape)
    images = open_images(options.images, model.boundary.input_shape, preparation, notice)
    with progress("run") as report:
        integers = run_images(model, images, report)
    outputs = model.boundary.to_floats(integers)
    if options.output is not None:
        titles = [images.title(i) for i in range(len(images))] if isinstance(images, PictureImages) else None
        _write(options.output, outputs, integers, model.boundary.output_scale, titles)
        line = f"wrote {options.output}: outputs float32 {list(outputs.shape)}"
        stdout.print(line, markup=False, soft_wrap=True)
    elif outputs.ndim == 2:
        _show(outputs, names, images)
    else:
        stdout.print(f"outputs float32 {list(outputs.shape)}; -o OUT.npz keeps them", markup=False)


def run_images(model: Model, images: Images, report: Report) -> NDArray[Any]:
    """The integers of ``model`` for all ``images``, in batches, with progress."""
    parts: list[NDArray[Any]] = []
    for batch in images.batches(BATCH):
        with about(images.name):
            pixels = model.boundary.checked(batch.images, batch.end - len(batch.images))
        parts.append(model.integers(pixels)[0])
        report("images", batch.end, len(images))
    boundary = model.boundary
    return np.concatenate(parts or [np.empty((0, *boundary.output_shape), boundary.output_dtype)])


def _write(
    path: Path, outputs: NDArray[Any], integers: NDArray[Any], scale: float, titles: list[str] | None
) -> None:
    step = np.float64(scale)
    with whole_file(path) as temporary, temporary.open("wb") as file:
        if titles is None:
            np.savez(file, outputs=outputs, integers=integers, scale=step)
        else:
            np.savez(file, outputs=outputs, integers=integers, scale=step, files=np.array(titles))


def _names(path: Path, outputs: tuple[int, ...]) -> list[str]:
    """One for each of the model's ``outputs``, else ValueError."""
    try:
        names = path.read_text(encoding="utf-8").rstrip().splitlines()
    except UnicodeDecodeError as error:
        raise ValueError(f"{path}: not UTF-8 text: a name a line is wanted") from error
    if (len(names),) != outputs:
        raise ValueError(f"{path}: {len(names)} names, the model has {' x '.join(map(str, outputs))} outputs")
    return names


def _show(logits: NDArray[np.float32], names: list[str] | None, images: Images) -> None:
    width = max((len(images.title(i)) for i in range(min(len(logits), SHOWN))), default=0)
    for i, row in enumerate(logits[:SHOWN]):
        best = np.argsort(-row)[:3]
        text = "   ".join(f"{_name(int(c), names)} {row[c]:.4g}" for c in best)
        stdout.print(f"{images.title(i):>{max(width, 5)}}   {text}", markup=False, soft_wrap=True)
    if len(logits) > SHOWN:
        stdout.print(f"... {len(logits) - SHOWN} more; -o OUT.npz keeps them all", markup=False)


def _name(index: int, names: list[str] | None) -> str:
    return f"output {index}:" if names is None else names[index]


COMMAND = Command(
    help="run a compiled model on images",
    description="Run an .ivit file on images: an array 'images' (uint8 NHWC or float32 NCHW), a folder,\n"
    "or pictures, which are resized and cropped to the model's size. "
    "Without -o, the three largest outputs of the first images are printed.",
    examples="""\
examples:
  ivit run deit.ivit images.npz -o out.npz
  ivit run deit.ivit cat.jpg dog.png --classes imagenet.txt
""",
    add_arguments=add_arguments,
    run=run,
)
