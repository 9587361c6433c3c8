"""``ivit compile``: a .mlir file becomes an .ivit file."""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import TYPE_CHECKING

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

if TYPE_CHECKING:
    from runtime.program_file import Program

FORMATS = {"ivit": ".ivit", "ptx": ".ptx", "cubin": ".cubin"}
"""What ``--emit`` may ask for, and how the names of such files end."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", type=Path, metavar="MODEL.mlir", help="at torch or ivit level")
    parser.add_argument("-o", "--output", type=Path, metavar="MODEL.ivit", help="default: beside the model")
    parser.add_argument(
        "--emit",
        choices=tuple(FORMATS),
        default="ivit",
        help="what is written: the whole model (default), or the GPU code alone, as text or assembled",
    )
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


def require_code(emitted: str, target: str) -> None:
    """ValueError, one line, where the target has no such code, or nothing here makes it."""
    from lowering.cuda.ptxas import find_ptxas
    from lowering.cuda.targets import CUDA_TARGETS, is_cuda

    if emitted == "ivit":
        return
    if not is_cuda(target):
        raise ValueError(f"--emit {emitted}: GPU targets only: choose --target {' or '.join(CUDA_TARGETS)}")
    if emitted == "cubin" and find_ptxas() is None:
        raise ValueError("--emit cubin: no ptxas: install CUDA's, or emit ptx, which drivers take too")


def gpu_code(program: Program, emitted: str) -> bytes:
    """The PTX or the cubin of a program for a GPU; ValueError, one line, where it has none."""
    from runtime.cuda_program import CudaProgram

    assert isinstance(program, CudaProgram)
    if emitted == "ptx":
        return program.ptx.encode()
    if program.cubin is None:
        raise ValueError(f"--emit cubin: the ptxas at hand does not know {program.architecture}: emit ptx")
    return program.cubin


def run(options: argparse.Namespace) -> None:
    from ivit.calibration import doubts, read_calibration
    from ivit.pipeline import Options, no_dump, to_artifact
    from ivit.source import check_suffix, open_source
    from ivit.stages import StageWriter
    from ivit_dialect.files import whole_file
    from runtime.artifact import save

    require_code(options.emit, options.target)
    started = time.perf_counter()
    preparation = preparation_of(options)
    check_files((options.model,))
    if options.calibration is not None:
        check_images([options.calibration])
    suffix = FORMATS[options.emit]
    output: Path = options.output or options.model.with_suffix(suffix)
    check_suffix(options.model)
    check_new(output, (options.model, options.calibration))
    if output.suffix != suffix:
        what = "a compiled model's" if options.emit == "ivit" else f"the {options.emit} file's"
        raise ValueError(f"{output}: {what} name ends in {suffix}")
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
        if options.emit == "ivit":
            save(artifact, output)
        else:
            with whole_file(output) as file:
                file.write_bytes(gpu_code(artifact.program, options.emit))
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
  ivit compile deit.mlir --target cuda:sm_80
  ivit compile deit.mlir --target cuda:sm_90a --emit ptx -o deit.ptx
""",
    add_arguments=add_arguments,
    run=run,
)
