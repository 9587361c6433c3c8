"""A program on one GPU: the module and the weights, loaded once, and what each number of images needs."""

from __future__ import annotations

import threading
import weakref
from collections import OrderedDict
from contextlib import ExitStack

import numpy as np
from numpy.typing import NDArray

from runtime.cuda.batch import Batch, release
from runtime.cuda.compatibility import takes_cubin, why_not
from runtime.cuda.driver import Driver
from runtime.cuda_program import CudaProgram

IMAGES_AT_ONCE = 256
"""Larger batches are computed in parts: memory grows with the images, and the speed no longer."""

MAX_BATCHES = 8
"""As many numbers of images keep their memory and graph; the one not used for longest gives them back."""


class LoadedProgram:
    """A program on a GPU. May be called by several Python threads at once."""

    def __init__(self, driver: Driver, program: CudaProgram) -> None:
        """Load code and weights. ValueError where the GPU cannot run it; CudaError."""
        obstacle = why_not(program, driver.capability, driver.name)
        if obstacle is not None:
            raise ValueError(f"the GPU code does not run here: {obstacle}: compile the model again")
        self.driver, self._program = driver, program
        self._held = ExitStack()
        released = weakref.finalize(self, release, driver, self._held)
        released.atexit = False
        with driver.current():
            self._kernels = self._load()
            self._weights = self._upload(program.weights)
        self._batches: OrderedDict[int, Batch] = OrderedDict()
        self._lock = threading.Lock()

    def run(self, images: NDArray[np.uint8], results: NDArray[np.uint8], count: int) -> None:
        """The bytes of ``count`` images to the bytes of their results."""
        with self.driver.current():
            for first in range(0, count, IMAGES_AT_ONCE):
                part = min(IMAGES_AT_ONCE, count - first)
                self.batch(part).run(
                    _part(images, self._program.input_bytes, first, part),
                    _part(results, self._program.output_bytes, first, part),
                )

    def start(self, source: int, target: int, count: int, stream: int) -> None:
        """Put the work on ``stream``; ``count`` images and their results lie at these addresses there."""
        with self.driver.current():
            for first in range(0, count, IMAGES_AT_ONCE):
                batch = self.batch(min(IMAGES_AT_ONCE, count - first))
                images = source + first * self._program.input_bytes
                batch.replay(images, target + first * self._program.output_bytes, stream)

    def batch(self, images: int) -> Batch:
        """What ``images`` images at once need, made where it is not there; within ``driver.current()``."""
        with self._lock:
            batch = self._batches.pop(images, None)
            if batch is None:
                batch = self._make(images)
            self._batches[images] = batch
            return batch

    def _make(self, images: int) -> Batch:
        """A new batch; others go where there are too many, or where they leave it too little memory."""
        while len(self._batches) >= MAX_BATCHES:
            self._batches.popitem(last=False)
        while True:
            try:
                return Batch(self.driver, self._program, self._kernels, self._weights, images)
            except MemoryError:
                if not self._batches:
                    raise
            self._batches.popitem(last=False)

    def _load(self) -> dict[str, object]:
        program, driver = self._program, self.driver
        cubin = program.cubin if takes_cubin(program, driver.capability) else None
        module = driver.load(program.ptx.encode() if cubin is None else cubin)
        self._held.callback(driver.unload, module)
        shared: dict[str, int] = {}
        for launch in program.launches:
            shared[launch.kernel] = max(shared.get(launch.kernel, 0), launch.shared_bytes)
        return {symbol: driver.kernel(module, symbol, size) for symbol, size in shared.items()}

    def _upload(self, weights: NDArray[np.uint8]) -> int:
        driver = self.driver
        address = driver.allocate(max(1, weights.size))
        self._held.callback(driver.free, address)
        stream = driver.open_stream()
        try:
            driver.upload(address, weights, stream)
            driver.wait(stream)
        finally:
            driver.close_stream(stream)
        return address


def _part(data: NDArray[np.uint8], size: int, first: int, count: int) -> NDArray[np.uint8]:
    return data[first * size : (first + count) * size]
