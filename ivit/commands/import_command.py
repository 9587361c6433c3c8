"""``ivit import``: a PyTorch model becomes torch-level MLIR."""

from __future__ import annotations

import argparse
from pathlib import Path

from ivit.commands.base import Command, add_normalisation, sizes
from ivit.console import notice, progress, stdout


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "source", metavar="SOURCE", help="py:package.module:factory, hf:PATH_OR_NAME or timm:NAME"
    )
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="MODEL.mlir")
    parser.add_argument(
        "--input-shape", type=sizes, metavar="C,H,W", help="of one image (default: what the source says)"
    )
    add_normalisation(parser)


def run(options: argparse.Namespace) -> None:
    from passes.import_model import import_model

    with progress("import") as report:
        weights = import_model(
            options.source,
            options.output,
            report,
            options.input_shape,
            options.mean,
            options.std,
            notice,
        )
    stdout.print(f"wrote {options.output} and {weights}", markup=False, soft_wrap=True)


COMMAND = Command(
    help="a PyTorch model becomes torch-level MLIR",
    description="Export a PyTorch Vision Transformer to MLIR text, with its weights beside it.\n"
    "Needs PyTorch and torch-mlir: pip install 'ivit[import]'.",
    examples="""\
examples:
  ivit import hf:facebook/deit-tiny-patch16-224 -o deit.mlir
  ivit import hf:./my-dinov2 -o dino.mlir --input-shape 3,224,224
  ivit import py:my_package.models:make_vit -o vit.mlir --mean 0.5,0.5,0.5 --std 0.5,0.5,0.5
  ivit import timm:vit_small_patch16_224 -o vit.mlir
""",
    add_arguments=add_arguments,
    run=run,
)
