"""Runs a GPU program on integer images, of the host or of a GPU."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from runtime.boundary import Boundary
from runtime.cuda import devices, tensors
from runtime.cuda.loaded import LoadedProgram
from runtime.cuda_program import CudaProgram
from runtime.memory import ALIGNMENT


class CudaExecutable:
    """A GPU program, loaded. May be called by several Python threads at once.

    All images of a batch are computed at once. Memory and one CUDA graph are made at the first call with a
    number of images, and used again by every later one.
    """

    def __init__(self, program: CudaProgram, boundary: Boundary) -> None:
        """ValueError where this machine cannot run the code, in one line that says what it lacks."""
        obstacle = devices.why_not_here(program)
        if obstacle is not None:
            raise ValueError(f"the GPU code does not run here: {obstacle}")
        self.boundary = boundary
        self._program = program
        self._lock = threading.Lock()
        self._loaded: dict[int, LoadedProgram] = {}

    def run(self, images: NDArray[Any]) -> NDArray[Any]:
        """Integer images [N, H, W, C] of the boundary's input type to integers [N, *output_shape].

        ValueError for another shape or type; an empty batch gives an empty result.
        """
        boundary = self.boundary
        boundary.check_integers(images)
        images = np.ascontiguousarray(images)
        results = np.empty((len(images), *boundary.output_shape), boundary.output_dtype)
        if len(images):
            self.on(devices.FIRST).run(_bytes(images), _bytes(results), len(images))
        return results

    def run_tensor(self, images: object, on_clipped: Callable[[str], None] | None = None) -> Any:
        """A PyTorch tensor on a GPU, of what ``Boundary.to_integers`` takes, to a tensor of integers there.

        Work is put on PyTorch's current stream, and pixels are read where they lie. float32 goes through the
        host, whose conversion gives the integers that every target gets. TypeError or ValueError for others.
        """
        tensor = tensors.as_tensor(images)
        if tensors.is_pixels(tensor):
            tensors.check_pixels(self.boundary, tensor)
        else:
            tensor = tensors.to_device(tensor, self.boundary.to_integers(tensor.cpu(), on_clipped))
        tensor = tensors.aligned(tensor, ALIGNMENT)
        results = tensors.empty_results(self.boundary, tensor)
        if len(tensor):
            loaded = self.on(tensors.ordinal_of(tensor))
            loaded.start(tensor.data_ptr(), results.data_ptr(), len(tensor), tensors.stream_of(tensor))
        return results

    def on(self, ordinal: int) -> LoadedProgram:
        """The program on GPU number ``ordinal``, loaded where it is not yet."""
        with self._lock:
            if ordinal not in self._loaded:
                self._loaded[ordinal] = LoadedProgram(devices.open_device(ordinal), self._program)
            return self._loaded[ordinal]


def _bytes(array: NDArray[Any]) -> NDArray[np.uint8]:
    return array.reshape(-1).view(np.uint8)
