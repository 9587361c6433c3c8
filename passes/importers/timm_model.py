"""``timm:NAME``: a model from timm's registry."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from passes.importers.extras import require
from passes.importers.source import Source, example_input


def load(name: str, input_shape: Sequence[int] | None) -> Source:
    """timm's model ``name`` with its pretrained weights, input size and normalisation.

    Raises ImportError without timm (which needs torchvision) and ValueError for an unknown name.
    """
    timm = require("timm")
    if not timm.is_model(name):
        raise ValueError(f"timm:{name}: timm has no model of that name")
    model: Any = timm.create_model(name, pretrained=True).eval()
    config: dict[str, Any] = model.pretrained_cfg
    shape = input_shape if input_shape is not None else config.get("input_size")
    example = example_input(model, shape, f"timm:{name}")
    mean, std = config.get("mean"), config.get("std")
    known = mean is not None and std is not None
    return Source(model, example, tuple(mean) if known else None, tuple(std) if known else None)
