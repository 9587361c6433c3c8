"""``ivit report``: what quantization does to a model, op by op, as a page, a table and JSON."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np

from ivit.commands.base import (
    Command,
    add_normalisation,
    add_preparation,
    check_files,
    check_images,
    check_new,
    preparation_of,
)
from ivit.commands.quantization import add_quantization, quantization_of
from ivit.console import progress, remark, stdout
from ivit_dialect.files import whole_file

SUFFIXES = (".html", ".htm")
IMAGES = 16


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", type=Path, metavar="MODEL.mlir", help="at torch level")
    parser.add_argument(
        "--calibration",
        type=Path,
        required=True,
        metavar="IMAGES",
        help="images that set the ranges of activations: an .npz file or a folder of pictures",
    )
    parser.add_argument(
        "--calibration-images",
        type=int,
        metavar="N",
        help="how many of them to take, evenly spread (default: 32 of a folder, all of a file)",
    )
    parser.add_argument(
        "--data", type=Path, metavar="IMAGES", help="images to measure on (default: those of --calibration)"
    )
    parser.add_argument(
        "--images",
        type=int,
        default=IMAGES,
        metavar="N",
        help=f"how many to measure on, evenly spread (default: {IMAGES})",
    )
    parser.add_argument(
        "-o", "--output", type=Path, metavar="REPORT.html", help="default: MODEL.report.html beside the model"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the same figures as JSON")
    parser.add_argument("--all", action="store_true", help="list every tensor in the terminal")
    add_preparation(parser)
    add_normalisation(parser)
    add_quantization(parser)


def run(options: argparse.Namespace) -> None:
    from ivit.calibration import read_calibration
    from ivit.report.collect import Request, collect
    from ivit.report.page import page
    from ivit.report.terminal import tables
    from ivit.source import open_source
    from passes.lower_to_int import LowerToIntOptions

    preparation = preparation_of(options)
    data: Path = options.data or options.calibration
    read = (options.model, options.calibration, data)
    check_files((options.model,))
    check_images([options.calibration, data])
    output: Path = options.output or options.model.with_suffix(".report.html")
    if output.suffix not in SUFFIXES:
        raise ValueError(f"{output}: a page's name ends in {SUFFIXES[0]}")
    check_new(output, read)
    if options.json is not None:
        check_new(options.json, read)
        if options.json.resolve() == output.resolve():
            raise ValueError(f"{options.json}: would overwrite the page: name another file")
    with progress("report") as report:
        report("read", 0, 0)
        source = open_source(options.model)
        source.ctx.remark = remark
        if source.level != "torch":
            raise ValueError(f"{options.model}: holds integers already; the float model is needed")
        calibration = read_calibration(options.calibration, source, preparation, options.calibration_images)
        measured = read_calibration(data, source, preparation, options.images)
        assert calibration is not None
        assert measured is not None
        choices = LowerToIntOptions(**quantization_of(options).given(), mean=options.mean, std=options.std)
        content = collect(source, Request(choices, calibration, np.asarray(measured), data.name), report)
    written = [output]
    with whole_file(output) as temporary:
        temporary.write_text(page(content), encoding="utf-8")
    if options.json is not None:
        with whole_file(options.json) as temporary:
            temporary.write_text(json.dumps(content.to_json()) + "\n", encoding="utf-8")
        written.append(options.json)
    stdout.print(tables(content, options.all))
    stdout.print(f"wrote {' and '.join(map(str, written))}", markup=False, soft_wrap=True)


COMMAND = Command(
    help="where the integers of a model lose accuracy and time, as a page",
    description="Quantize a torch-level model as ivit compile does, run it next to its float form, and\n"
    "write one HTML page: error, ranges and histograms of every tensor, where the error enters, sizes,\n"
    "multiply-accumulates, and the time of every kernel on one thread.",
    examples="""\
examples:
  ivit report deit.mlir --calibration images.npz
  ivit report deit.mlir --calibration images/ --images 8 --weight-bits 4 -o w4.html --json w4.json
""",
    add_arguments=add_arguments,
    run=run,
)
