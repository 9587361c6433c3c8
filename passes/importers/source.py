"""What a model source gives: a module, an example input, and what is known about its pixels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import nn

from passes.torch_entry import check_normalisation

SIZE_ATTRIBUTES = ("image_size", "img_size")
CHANNEL_ATTRIBUTES = ("in_channels", "in_chans", "num_channels")


@dataclass(frozen=True)
class Source:
    """A model ready for export.

    ``example`` is a tensor [N, C, H, W], of which the first image is used. ``mean`` and ``std`` are the input
    normalisation per channel, of pixels in [0, 1], or None where the source does not say. ``prefix`` is what
    to strip from parameter names.
    """

    module: nn.Module
    example: torch.Tensor
    mean: tuple[float, ...] | None = None
    std: tuple[float, ...] | None = None
    prefix: str = ""

    def with_normalisation(self, mean: Sequence[float] | None, std: Sequence[float] | None) -> Source:
        """This source with ``mean`` and ``std``, where given, in place of its own.

        Raises ValueError where the normalisation does not fit the input's channels.
        """
        check_normalisation(_tuple(mean), _tuple(std))
        source = self
        if mean is not None and std is not None:
            source = replace(self, mean=_tuple(mean), std=_tuple(std))
        channels = int(source.example.shape[1])
        for name, values in (("mean", source.mean), ("std", source.std)):
            if values is not None and len(values) != channels:
                raise ValueError(f"{name} has {len(values)} values, the model's input {channels} channels")
        check_normalisation(source.mean, source.std)
        return source


def _tuple(values: Sequence[float] | None) -> tuple[float, ...] | None:
    return None if values is None else tuple(map(float, values))


def example_input(module: nn.Module, input_shape: Sequence[int] | None, origin: str) -> torch.Tensor:
    """A zero input [1, C, H, W] from ``input_shape`` ([N,] C, H, W) or from the module's own attributes.

    Raises ValueError where neither tells the shape.
    """
    shape = tuple(input_shape) if input_shape is not None else _declared_shape(module)
    if shape is None:
        raise ValueError(
            f"{origin}: the input shape is not known: {type(module).__name__} has no attributes image_size "
            "and in_channels; give --input-shape C,H,W, or return (module, example_input) from the factory"
        )
    if len(shape) not in (3, 4) or any(size < 1 for size in shape):
        raise ValueError(f"{origin}: the input shape must be C,H,W with positive sizes, got {list(shape)}")
    return torch.zeros(1, *shape[-3:])


def _declared_shape(module: nn.Module) -> tuple[int, int, int] | None:
    size = _first_attribute(module, SIZE_ATTRIBUTES)
    channels = _first_attribute(module, CHANNEL_ATTRIBUTES)
    if size is None or not isinstance(channels, int):
        return None
    height, width = pair(size)
    return channels, height, width


def pair(size: Any) -> tuple[int, int]:
    """Height and width of a size that is one number or two."""
    if isinstance(size, int):
        return size, size
    height, width = size
    return int(height), int(width)


def _first_attribute(module: nn.Module, names: Sequence[str]) -> Any:
    return next((getattr(module, name) for name in names if hasattr(module, name)), None)
