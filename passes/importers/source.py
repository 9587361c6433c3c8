"""What a model source gives: a module, an example input, and what is known about its pixels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from passes.importers.extras import require

if TYPE_CHECKING:
    import torch
    from torch import nn

SIZE_ATTRIBUTES = ("image_size", "img_size")
CHANNEL_ATTRIBUTES = ("in_channels", "in_chans", "num_channels")


@dataclass(frozen=True)
class Source:
    """A model ready for export.

    ``example`` is a tensor [1, C, H, W]. ``mean`` and ``std`` are the input normalisation per channel, in
    units of pixels scaled to [0, 1], or None where the source does not say. ``prefix`` is what to strip
    from parameter names.
    """

    module: nn.Module
    example: torch.Tensor
    mean: tuple[float, ...] | None = None
    std: tuple[float, ...] | None = None
    prefix: str = ""


def example_input(module: nn.Module, input_shape: Sequence[int] | None, origin: str) -> torch.Tensor:
    """A zero input [1, C, H, W] from ``input_shape`` ([N,] C, H, W) or from the module's own attributes.

    Raises ValueError where neither tells the shape.
    """
    torch = require("torch")
    shape = tuple(input_shape) if input_shape is not None else _declared_shape(module)
    if shape is None:
        raise ValueError(
            f"{origin}: the input shape is not known: {type(module).__name__} has no image_size and in_channels "
            "attributes; return (module, example_input) from the factory, or give the input shape as C,H,W"
        )
    if len(shape) not in (3, 4) or any(size < 1 for size in shape):
        raise ValueError(f"{origin}: the input shape must be C,H,W with positive sizes, got {list(shape)}")
    return torch.zeros(1, *shape[-3:])


def _declared_shape(module: nn.Module) -> tuple[int, int, int] | None:
    size = _first_attribute(module, SIZE_ATTRIBUTES)
    channels = _first_attribute(module, CHANNEL_ATTRIBUTES)
    if isinstance(size, int):
        size = (size, size)
    if not isinstance(size, Sequence) or not isinstance(channels, int):
        return None
    height, width = size
    return channels, int(height), int(width)


def _first_attribute(module: nn.Module, names: Sequence[str]) -> Any:
    return next((getattr(module, name) for name in names if hasattr(module, name)), None)
