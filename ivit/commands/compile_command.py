"""``ivit compile``: a .mlir file becomes an .ivit file."""

from __future__ import annotations

import argparse
import time
from pathlib import Path

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
from ivit.commands.target import add_target
from ivit.console import notice, progress, remark, stdout

SUFFIX = ".ivit"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", type=Path, metavar="MODEL.mlir", help="at torch or ivit level")
    parser.add_argument("-o", "--output", type=Path, metavar="MODEL.ivit", help="default: beside the model")
    parser.add_argument(
        "--calibration",
        type=Path,
        metavar="IMAGES",
        help="images that set the ranges of activations: an .npz file with an array 'images', uint8 NHWC or"
        " float32 NCHW, or a folder of pictures (default: recorded ranges, else generated images)",
    )
    parser.add_argument(
        "--calibration-images",
        type=int,
        metavar="N",
        help="how many of them to take, evenly spread (default: 32 of a folder, all of a file)",
    )
    add_preparation(parser)
    add_normalisation(parser)
    add_quantization(parser)
    add_target(parser, "cpu", "cpu: this machine (default), or a name that --target help lists")
    parser.add_argument(
        "--dump-stages", type=Path, metavar="DIR", help="write each level of the IR to a numbered file"
    )


def run(options: argparse.Namespace) -> None:
    from ivit.calibration import doubts, read_calibration
    from ivit.pipeline import Options, no_dump, to_artifact
    from ivit.source import check_suffix, open_source
    from ivit.stages import StageWriter
    from runtime.artifact import save

    started = time.perf_counter()
    preparation = preparation_of(options)
    check_files((options.model,))
    if options.calibration is not None:
        check_images([options.calibration])
    output: Path = options.output or options.model.with_suffix(SUFFIX)
    check_suffix(options.model)
    check_new(output, (options.model, options.calibration))
    if output.suffix != SUFFIX:
        raise ValueError(f"{output}: a compiled model's name ends in {SUFFIX}")
    with progress("compile") as report:
        report("read", 0, 0)
        source = open_source(options.model)
        source.ctx.remark = remark
        choices = Options(
            calibration=read_calibration(
                options.calibration, source, preparation, options.calibration_images
            ),
            target=options.target,
            mean=options.mean,
            std=options.std,
            quantization=quantization_of(options),
        )
        dump = StageWriter(options.dump_stages) if options.dump_stages else no_dump
        artifact = to_artifact(source, choices, report, dump)
        for line in doubts(choices.calibration, artifact.boundary):
            notice(line)
        report("write", 0, 0)
        save(artifact, output)
    seconds = time.perf_counter() - started
    size = output.stat().st_size / 1e6
    line = f"wrote {output}: {size:.1f} MB for {artifact.program.target}, in {seconds:.1f} s"
    stdout.print(line, markup=False, soft_wrap=True)
    if options.dump_stages:
        stdout.print(f"the levels of the IR are in {options.dump_stages}", markup=False, soft_wrap=True)


COMMAND = Command(
    help="a .mlir file becomes an .ivit file",
    description="Make a model into integers and native code: one file that ivit run and ivit.load take.",
    examples="""\
examples:
  ivit compile deit.mlir --calibration images.npz -o deit.ivit
  ivit compile deit.mlir --calibration imagenet/val --calibration-images 64
  ivit compile deit.mlir --calibration images/ --recipe best
  ivit compile deit.mlir --calibration images/ --weight-bits 4
  ivit compile deit.mlir --softmax ivit --gelu ivit --layernorm ivit
  ivit compile deit.mlir --mean 0.485,0.456,0.406 --std 0.229,0.224,0.225   # takes uint8 pixels too
  ivit compile deit.mlir --dump-stages stages/
""",
    add_arguments=add_arguments,
    run=run,
)
