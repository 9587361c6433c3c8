"""PyTorch models in: a source named on the command line, or a module at hand, becomes torch-mlir IR."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib import import_module as import_python_module
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from xdsl.dialects.builtin import ModuleOp

from ivit_dialect.load import check_module_path, parse_module, save_module
from ivit_dialect.store import StoreContext, WeightStore
from passes.importers.extras import require

if TYPE_CHECKING:
    import torch
    from torch import nn

    from passes.importers.source import Source

Progress: TypeAlias = Callable[[str, int, int], None]
"""Called with a stage and how many stages are done and to do."""
Remark: TypeAlias = Callable[[str], None]
"""Called with a line for the user."""
SUFFIX = ".mlir"
NO_NORMALISATION = (
    "no mean and std found: the model will take float32 only; --mean and --std make it take uint8 pixels"
)

# Their modules import torch, so they are loaded once it is known to be there.
LOADERS = {
    "py": "passes.importers.python_path",
    "hf": "passes.importers.hugging_face",
    "timm": "passes.importers.timm_model",
}


def import_model(
    source: str,
    output: Path,
    progress: Progress | None = None,
    input_shape: Sequence[int] | None = None,
    mean: Sequence[float] | None = None,
    std: Sequence[float] | None = None,
    remark: Remark | None = None,
) -> Path:
    """Write the model that ``source`` names as torch-level IR to ``output``, its weights beside it.

    ``source`` is ``py:package.module:factory``, ``hf:PATH_OR_NAME`` or ``timm:NAME``. ``input_shape`` is
    [C, H, W] where the source does not say or another size is wanted; ``mean`` and ``std`` (per channel, of
    pixels in [0, 1]) override what the source knows; ``remark`` hears where neither tells. The weights go to
    ``output`` with the suffix ``.safetensors``, which is returned.

    Raises ValueError for a source that cannot be read or exported, or that has an op that is not supported,
    or for an ``output`` that does not end in ``.mlir``, ImportError where a package for it is missing, and
    OSError where ``output`` cannot be written; nothing is written then.
    """
    kind, separator, name = source.partition(":")
    if not separator or kind not in LOADERS or not name:
        raise ValueError(
            f"{source}: a model source is py:package.module:factory, hf:PATH_OR_NAME or timm:NAME"
        )
    check_module_path(output)
    if output.suffix != SUFFIX:
        raise ValueError(f"{output}: a module's name ends in {SUFFIX}")
    require("torch")
    require("torch_mlir")
    tell = progress or _tell_nobody
    tell(f"load {source}", 0, 3)
    loaded: Source = import_python_module(LOADERS[kind]).load(name, input_shape)
    tell("export to torch-mlir", 1, 3)
    ctx = StoreContext()
    loaded = loaded.with_normalisation(mean, std)
    module = _export(loaded, source, ctx)
    if remark is not None and (loaded.mean is None or loaded.std is None):
        remark(NO_NORMALISATION)
    tell(f"write {output}", 2, 3)
    save_module(module, ctx.store, output)
    tell(f"wrote {output}", 3, 3)
    return output.with_suffix(".safetensors")


def _tell_nobody(stage: str, done: int, total: int) -> None:
    """Listens to no progress."""


def import_module(
    module: nn.Module,
    example: torch.Tensor | None,
    ctx: StoreContext,
    mean: Sequence[float] | None = None,
    std: Sequence[float] | None = None,
) -> ModuleOp:
    """``module`` at the torch level, for one image like those of ``example`` [N, C, H, W].

    The weights become ``ctx.store``. Without an example the module's attributes ``image_size`` and
    ``in_channels`` say the input's shape. Raises TypeError where ``module`` is none, and ValueError where it
    cannot be exported or takes another kind of input.
    """
    torch = require("torch")
    require("torch_mlir")
    from passes.importers.source import Source, example_input

    origin = type(module).__name__
    if not isinstance(module, torch.nn.Module):
        raise TypeError(f"the model to import must be a torch.nn.Module, got {origin}")
    if example is None:
        example = example_input(module, None, origin)
    if not isinstance(example, torch.Tensor) or example.dim() != 4 or not len(example):
        raise ValueError(f"{origin}: the example input must be a torch tensor [N, C, H, W] with N at least 1")
    return _export(Source(module, example).with_normalisation(mean, std), origin, ctx)


def _export(source: Source, name: str, ctx: StoreContext) -> ModuleOp:
    from passes.importers.export import export_source

    exported = export_source(source)
    ctx.store = WeightStore(exported.weights)
    return parse_module(exported.text, name, ctx)
