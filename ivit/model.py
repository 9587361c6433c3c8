"""A compiled model: calls it, interprets it, saves it."""

from __future__ import annotations

import os
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from runtime import artifact as artifacts
from runtime.artifact import Artifact
from runtime.boundary import Boundary
from runtime.executable import Executable

if TYPE_CHECKING:
    from xdsl.dialects.builtin import ModuleOp

    from ivit_dialect.store import WeightStore


class Model:
    """A Vision Transformer in integers, ready to run. Made by ``ivit.compile`` and ``ivit.load``.

    May be called by several Python threads at once.
    """

    def __init__(self, artifact: Artifact, threads: int | None = None) -> None:
        self.artifact = artifact
        self._threads = threads

    @property
    def boundary(self) -> Boundary:
        """Shapes, types and scales of the input and the output."""
        return self.artifact.boundary

    @property
    def threads(self) -> int:
        """Threads that one call uses."""
        return self._executable.threads

    def __call__(self, images: object) -> NDArray[np.float32]:
        """The model's output as float32 [N, ...]: logits or features.

        ``images`` is float32 [N, C, H, W] in the source model's own input convention or, where mean and std
        are known, uint8 pixels [N, H, W, C]; any N; NumPy, PyTorch or anything else that DLPack carries.
        ValueError for another shape, NaN or infinity, TypeError for another element type.
        """
        return self.boundary.to_floats(self._executable.run(self.boundary.to_integers(images)))

    def integers(self, images: object) -> tuple[NDArray[Any], float]:
        """The integers that the native code returns, and their scale: ``self(x) == integers * scale``."""
        integers = self._executable.run(self.boundary.to_integers(images))
        return integers, self.boundary.output_scale

    def interpret(self, images: object) -> tuple[NDArray[Any], float]:
        """What ``integers`` returns, bit for bit, from the NumPy reference of each op; slow."""
        from ivit_dialect.interpreter import run

        module, store = self._module
        return run(module, store, self.boundary.to_integers(images)), self.boundary.output_scale

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write one file that ``ivit.load`` reads, whole or not at all."""
        artifacts.save(self.artifact, Path(path))

    def __repr__(self) -> str:
        boundary = self.boundary
        shape = ", ".join(map(str, boundary.input_shape))
        result = ", ".join(["N", *map(str, boundary.output_shape)])
        return (
            f"<ivit.Model {boundary.input_dtype} [N, {shape}] -> {boundary.output_dtype} [{result}]"
            f" on {self.artifact.program.target}>"
        )

    @cached_property
    def _executable(self) -> Executable:
        return Executable(self.artifact.program, self.boundary, self._threads)

    @cached_property
    def _module(self) -> tuple[ModuleOp, WeightStore]:
        from ivit.source import open_integers

        source = open_integers(self.artifact)
        return source.module, source.ctx.store
