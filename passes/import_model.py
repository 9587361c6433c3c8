"""PyTorch models in: a source named on the command line, or a module at hand, becomes torch-mlir IR."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from ivit_dialect.store import WeightStore
from passes.importers import hugging_face, python_path, timm_model
from passes.importers.export import TorchText, export_source
from passes.importers.extras import require
from passes.importers.source import Source, example_input

if TYPE_CHECKING:
    import torch
    from torch import nn

Progress = Callable[[str], None]

LOADERS: dict[str, Callable[[str, Sequence[int] | None], Source]] = {
    "py": python_path.load,
    "hf": hugging_face.load,
    "timm": timm_model.load,
}


def import_model(
    source: str,
    output: Path,
    progress: Progress = lambda _stage: None,
    input_shape: Sequence[int] | None = None,
    mean: Sequence[float] | None = None,
    std: Sequence[float] | None = None,
) -> Path:
    """Write the model that ``source`` names as torch-mlir text to ``output``, its weights beside it.

    ``source`` is ``py:package.module:factory``, ``hf:PATH_OR_NAME`` or ``timm:NAME``. ``input_shape`` is
    [C, H, W] where the source does not say or another size is wanted; ``mean`` and ``std`` (per channel, of
    pixels in [0, 1]) override what the source knows. The weights go to ``output`` with the suffix
    ``.safetensors``, which is returned. Raises ValueError for a source that cannot be read or exported and
    ImportError where a package for it is missing; nothing is written then.
    """
    kind, separator, name = source.partition(":")
    if not separator or kind not in LOADERS or not name:
        raise ValueError(
            f"{source}: a model source is py:package.module:factory, hf:PATH_OR_NAME or timm:NAME"
        )
    progress(f"loading {source}")
    loaded = with_normalisation(LOADERS[kind](name, input_shape), mean, std)
    progress("exporting to torch-mlir")
    weights = output.with_suffix(".safetensors")
    exported = export_source(loaded, weights.name)
    progress(f"writing {output}")
    WeightStore(exported.weights).save(weights)
    output.write_text(exported.text, encoding="utf-8")
    return weights


def export_module(
    module: nn.Module,
    example: torch.Tensor | None = None,
    mean: Sequence[float] | None = None,
    std: Sequence[float] | None = None,
) -> TorchText:
    """``module`` as torch-mlir text and arrays by key, for batch 1 of an input like ``example`` [N, C, H, W].

    Raises ValueError where the module cannot be exported, or takes another kind of input.
    """
    torch = require("torch")
    if example is None:
        example = example_input(module, None, type(module).__name__)
    if not isinstance(example, torch.Tensor) or example.dim() != 4:
        raise ValueError("the example input must be a tensor [N, C, H, W]")
    return export_source(with_normalisation(Source(module, example), mean, std), None)


def with_normalisation(
    source: Source, mean: Sequence[float] | None, std: Sequence[float] | None
) -> Source:
    """``source`` with ``mean`` and ``std`` in place of its own; ValueError where they do not fit the input."""
    if (mean is None) != (std is None):
        raise ValueError("mean and std go together: give both or neither")
    if mean is not None and std is not None:
        source = replace(source, mean=tuple(map(float, mean)), std=tuple(map(float, std)))
    channels = int(source.example.shape[1])
    for name, values in (("mean", source.mean), ("std", source.std)):
        if values is not None and len(values) != channels:
            raise ValueError(f"{name} has {len(values)} values, but the model's input has {channels} channels")
    if source.std is not None and min(source.std) <= 0:
        raise ValueError(f"std must be positive, got {list(source.std)}")
    return source
