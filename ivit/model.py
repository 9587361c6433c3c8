"""A compiled model: calls it, interprets it, saves it."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, cast

import numpy as np
from numpy.typing import NDArray

from runtime import artifact as artifacts
from runtime.artifact import Artifact
from runtime.boundary import Boundary
from runtime.cuda import tensors
from runtime.cuda.executable import CudaExecutable
from runtime.cuda_program import CudaProgram
from runtime.executable import Executable

if TYPE_CHECKING:
    from xdsl.dialects.builtin import ModuleOp

    from ivit_dialect.store import WeightStore


_NO_THREADS = "the model is compiled for {}, which has its own; only CPU targets take a number of them"


class Model:
    """A Vision Transformer in integers, ready to run. Made by ``ivit.compile`` and ``ivit.load``.

    May be called by several Python threads at once.
    """

    def __init__(self, artifact: Artifact, threads: int | None = None) -> None:
        """ValueError where ``threads`` are asked of a GPU."""
        if threads is not None and isinstance(artifact.program, CudaProgram):
            raise ValueError(f"threads={threads}: {_NO_THREADS.format(artifact.program.target)}")
        self.artifact = artifact
        self._threads = threads
        self._told_of_clipping = False

    @property
    def boundary(self) -> Boundary:
        """Shapes, types and scales of the input and the output."""
        return self.artifact.boundary

    @property
    def threads(self) -> int:
        """Threads that one call uses. ValueError for a model of a GPU, also where there is none."""
        if isinstance(self.artifact.program, CudaProgram):
            raise ValueError(f"threads: {_NO_THREADS.format(self.target)}")
        return cast("Executable", self._executable).threads

    @property
    def target(self) -> str:
        """The name of what its code is made for: ``x86-64-v4``, ``cuda:sm_80``, ..."""
        return self.artifact.program.target

    def __call__(self, images: object) -> NDArray[np.float32]:
        """The model's output as float32 [N, ...]: logits or features.

        ``images`` is float32 [N, C, H, W] in the source model's own input convention or, where mean and std
        are known, uint8 pixels [N, H, W, C]; any N; NumPy, PyTorch or anything else that DLPack carries.
        Floats beyond the range of a pixel, or beyond the calibrated range, are clipped; the first time that
        this happens to more than 1 % of them, a notice goes to stderr.
        ValueError for another shape, NaN or infinity, TypeError for another element type.

        A model for a GPU also takes PyTorch tensors that lie there, and then gives float32 tensors there: the
        work is put on PyTorch's current stream, and this returns before it is done.
        """
        integers, _ = self.integers(images)
        if isinstance(cast("object", integers), np.ndarray):
            return self.boundary.to_floats(integers)
        return tensors.to_floats(self.boundary, integers)

    def integers(self, images: object) -> tuple[NDArray[Any], float]:
        """The integers that the native code returns, and their scale: ``self(x) == integers * scale``.

        For PyTorch tensors on a GPU, a tensor there.
        """
        executable = self._executable
        if isinstance(executable, CudaExecutable) and tensors.on_gpu(images):
            return executable.run_tensor(images, self._on_clipped), self.boundary.output_scale
        return executable.run(self._to_integers(images)), self.boundary.output_scale

    def interpret(self, images: object) -> tuple[NDArray[Any], float]:
        """What ``integers`` returns, bit for bit, from the NumPy reference of each op; slow."""
        from ivit_dialect.interpreter import run

        module, store = self._module
        return run(module, store, self._to_integers(images)), self.boundary.output_scale

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write one file that ``ivit.load`` reads, whole or not at all."""
        artifacts.save(self.artifact, Path(path))

    def __repr__(self) -> str:
        boundary = self.boundary
        return (
            f"<ivit.Model {boundary.input_text} -> {boundary.output_text}"
            f" ({boundary.input_dtype} -> {boundary.output_dtype} inside) on {self.target}>"
        )

    def __copy__(self) -> Model:
        return Model(self.artifact, self._threads)

    def __deepcopy__(self, memo: dict[int, Any]) -> Model:
        """A model on the same artifact, which nothing changes, with native memory of its own."""
        return self.__copy__()

    def __reduce__(self) -> NoReturn:
        raise TypeError("a model is not pickled: save() it and ivit.load() it in each process")

    def _to_integers(self, images: object) -> NDArray[Any]:
        return self.boundary.to_integers(images, self._on_clipped)

    @property
    def _on_clipped(self) -> Callable[[str], None] | None:
        return None if self._told_of_clipping else self._tell_of_clipping

    def _tell_of_clipping(self, message: str) -> None:
        from ivit.console import notice

        self._told_of_clipping = True
        notice(message)

    @cached_property
    def _executable(self) -> Executable | CudaExecutable:
        program = self.artifact.program
        if isinstance(program, CudaProgram):
            return CudaExecutable(program, self.boundary)
        return Executable(program, self.boundary, self._threads)

    @cached_property
    def _module(self) -> tuple[ModuleOp, WeightStore]:
        from ivit.source import open_integers

        source = open_integers(self.artifact)
        return source.module, source.ctx.store
