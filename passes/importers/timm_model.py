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
    try:
        model: Any = timm.create_model(name, pretrained=True).eval()
    except (OSError, RuntimeError) as error:
        reason = str(error).strip().partition("\n")[0]
        raise ValueError(f"timm:{name}: its weights cannot be loaded: {reason}") from error
    config: dict[str, Any] = model.pretrained_cfg
    shape = input_shape if input_shape is not None else config.get("input_size")
    example = example_input(model, shape, f"timm:{name}")
    mean, std = config.get("mean"), config.get("std")
    if mean is None or std is None:
        return Source(model, example)
    return Source(model, example, tuple(map(float, mean)), tuple(map(float, std)))
