"""Compiles the models for GPUs, and computes on this CPU what they must return: needs the compiler."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import ivit
from benchmarks.deit import SHAPE, deit
from benchmarks.gpu.carried import MEAN, STD, Carried, pixels, save, save_reference
from benchmarks.gpu.costs import launch_costs
from ivit.model import Model
from passes.quantization.options import QuantizeKeywords
from runtime.cuda_program import CudaProgram

DEMO = Path(ivit.__file__).parent / "demo"
OPTIONS: dict[str, QuantizeKeywords] = {
    "paper": {"recipe": "paper"},
    "best": {"recipe": "best"},
    "ibert": {"softmax": "ibert", "gelu": "ibert", "layernorm": "ibert"},
    "fqvit": {"softmax": "fqvit", "layernorm": "fqvit"},
    "l1": {"layernorm": "l1", "activation_bits": 6, "weight_bits": 4},
    "wide": {"softmax": "ivit", "gelu": "ivit", "layernorm": "ivit", "activation_bits": 12},
    "log2": {"probabilities": "log2", "qkv_scales": "per_head"},
    "sulq": {"probabilities": "sulq"},
}
"""By ``CHOICES``: what a model is compiled with whose name ends so."""


def prepare(
    folder: Path, models: Sequence[str], targets: Sequence[str], images: int, tell: Callable[[str], None]
) -> None:
    """Write each of ``models`` for each of ``targets``, and what the CPU target returns for ``images``.

    ValueError, before anything is compiled, for a target that is no GPU.
    """
    for target in targets:
        _check_target(target)
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="ivit-benchmark-") as temporary:
        for model in models:
            tell(f"{model}: integers")
            file = Path(temporary) / f"{model}.ivit"
            reference = compiled(model, Path(temporary))
            reference.save(file)
            tell(f"{model}: {images} images on this CPU")
            shape = reference.boundary.input_shape
            save_reference(folder, model, reference.integers(pixels(images, shape))[0], shape)
            for target in targets:
                tell(f"{model}: {target}")
                path = save(carried_of(model, ivit.load(file, target=target)), folder)
                tell(f"{model}: wrote {path}")


def _check_target(name: str) -> None:
    from ivit.pipeline import target_of
    from lowering.cuda.targets import CUDA_TARGETS, CudaTarget

    if not isinstance(target_of(name), CudaTarget):
        raise ValueError(f"target {name!r} is no GPU: choose one of {', '.join(CUDA_TARGETS)}")


def compiled(name: str, folder: Path) -> Model:
    """The model of that name for this CPU; ``folder`` holds files in between."""
    stem, _, choice = name.rpartition("-")
    options = OPTIONS.get(choice, QuantizeKeywords())
    model = stem if choice in OPTIONS else name
    if model == DEMO.name:
        return ivit.compile(DEMO / "model.mlir", DEMO / "images.npz", **options)
    return ivit.compile(_export(model, folder), mean=MEAN, std=STD, **options)


def target_for(capability: tuple[int, int]) -> str:
    """The name of the best target for a GPU of that capability. ValueError for one that is too old."""
    from lowering.cuda.targets import cuda_target_for

    return cuda_target_for(*capability).name


def carried_of(name: str, model: Model) -> Carried:
    """A model for a GPU as it is carried there."""
    artifact = model.artifact
    assert isinstance(artifact.program, CudaProgram)
    return Carried(name, artifact.boundary, artifact.program, launch_costs(artifact))


def _export(model: str, folder: Path) -> Path:
    """The model at torch level."""
    import torch

    from ivit_dialect.load import save_module
    from ivit_dialect.store import StoreContext
    from passes.import_model import import_module

    path, ctx = folder / f"{model}.mlir", StoreContext()
    module = import_module(deit(model), torch.zeros(1, *SHAPE), ctx)
    save_module(module, ctx.store, path)
    return path
