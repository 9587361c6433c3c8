"""Compiles the models for GPUs, and computes on this CPU what they must return: needs the compiler."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from benchmarks.deit import SHAPE, deit
from benchmarks.gpu.carried import MEAN, PAPER, STD, Carried, pixels, save, save_reference
from benchmarks.gpu.costs import launch_costs
from ivit.model import Model
from runtime.cuda_program import CudaProgram


def prepare(
    folder: Path, models: Sequence[str], targets: Sequence[str], images: int, tell: Callable[[str], None]
) -> None:
    """Write each of ``models`` for each of ``targets``, and what the CPU target returns for ``images``.

    ``deit-tiny-paper`` is DeiT-T with the recipe ``paper``, and so on.
    """
    import ivit

    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="ivit-benchmark-") as temporary:
        for model in models:
            tell(f"{model}: integers")
            file = Path(temporary) / f"{model}.ivit"
            recipe = PAPER if model.endswith(f"-{PAPER}") else "default"
            source = _export(model.removesuffix(f"-{PAPER}"), Path(temporary))
            reference = ivit.compile(source, mean=MEAN, std=STD, recipe=recipe)
            reference.save(file)
            tell(f"{model}: {images} images on this CPU")
            save_reference(folder, model, reference.integers(pixels(images))[0])
            for target in targets:
                tell(f"{model}: {target}")
                path = save(carried_of(model, ivit.load(file, target=target)), folder)
                tell(f"{model}: wrote {path}")


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
