"""The entry function of a torch module: one image in, one tensor out."""

from __future__ import annotations

from xdsl.dialects.builtin import ModuleOp
from xdsl.dialects.func import FuncOp

from ivit_dialect.torch.types import ValueTensorType


def main_function(module: ModuleOp) -> FuncOp:
    """``@main``, ValueError where it is missing or not one block."""
    for op in module.body.block.ops:
        if isinstance(op, FuncOp) and op.sym_name.data == "main":
            if len(op.body.blocks) != 1:
                raise ValueError(f"@main must have one block, got {len(op.body.blocks)}")
            return op
    raise ValueError("the module has no function @main")


def image_sizes(function: FuncOp) -> tuple[int | None, int, int, int]:
    """N (None where it is open), C, H, W of the one argument; ValueError where it is no such image."""
    arguments = function.body.block.args
    image = arguments[0].type if len(arguments) == 1 else None
    sizes = image.sizes if isinstance(image, ValueTensorType) else None
    if sizes is None or len(sizes) != 4:
        raise ValueError("@main must take one torch tensor, an image [N, C, H, W]")
    batch, channels, height, width = sizes
    if channels is None or height is None or width is None:
        raise ValueError(f"@main must take an image of static C, H and W, got {image}")
    return batch, channels, height, width
