"""All that a program needs for one number of images: memory of the GPU and of the host, and the graph."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import accumulate

import numpy as np
from numpy.typing import NDArray

from runtime.cuda.driver import Call, Driver, Graph
from runtime.cuda_program import CudaProgram, Memory

ALIGNMENT = 256
"""Bytes: where a memory begins."""


@dataclass(frozen=True)
class Staging:
    """Images and results of the host that the GPU reaches, and the stream of calls from there."""

    source: NDArray[np.uint8]
    target: NDArray[np.uint8]
    stream: int


def release(driver: Driver, held: ExitStack) -> None:
    """Give back what is held, once the GPU no longer uses it; from whatever thread collects garbage."""
    with driver.current():
        driver.wait_for_all()
        held.close()


class Batch:
    """Runs a program on ``images`` images at once. Replays by several threads take turns."""

    def __init__(
        self, driver: Driver, program: CudaProgram, kernels: Mapping[str, object], weights: int, images: int
    ) -> None:
        """Plan the memory; within ``driver.current()``. ValueError where a grid would be too large."""
        self._grids = [launch.grid_at(images) for launch in program.launches]
        self._moving = [
            node
            for node, launch in enumerate(program.launches)
            if any(span.memory in ("input", "output") for span in launch.spans)
        ]
        self._driver, self._program, self._kernels = driver, program, kernels
        self._images, self._weights = images, weights
        self._held = ExitStack()
        released = weakref.finalize(self, release, driver, self._held)
        released.atexit = False
        sizes = program.input_bytes, program.output_bytes, program.arena_bytes
        starts = list(accumulate((_rounded(size * images) for size in sizes), initial=0))
        memory = driver.allocate(starts[-1])
        self._held.callback(driver.free, memory)
        self._source, self._target, self._arena = (memory + start for start in starts[:-1])
        self._graph: Graph | None = None
        self._places = (0, 0)
        self._staging: Staging | None = None
        self._turn, self._staging_turn = threading.Lock(), threading.Lock()

    def replay(self, source: int, target: int, stream: int) -> None:
        """Start the program on ``stream``, with the images and the results at these addresses of the GPU."""
        with self._turn:
            if self._graph is None:
                calls = self.calls(source, target)
                graph = self._driver.graph(calls, [launch.step for launch in self._program.launches])
                self._held.callback(graph.close)
                self._graph = graph
            elif self._places != (source, target):
                self._move(self._graph, source, target)
            self._places = (source, target)
            self._graph.replay(stream)

    def run(self, images: NDArray[np.uint8], results: NDArray[np.uint8]) -> None:
        """Bytes of images to bytes of results, both of the host; returns when they are there."""
        with self._staging_turn:
            staging = self._staging = self._staging or self._stage()
            staging.source[:] = images
            self._driver.upload(self._source, staging.source, staging.stream)
            self.replay(self._source, self._target, staging.stream)
            self._driver.download(staging.target, self._target, staging.stream)
            self._driver.wait(staging.stream)
            results[:] = staging.target

    def calls(self, source: int, target: int) -> list[Call]:
        """Every launch, in order."""
        return [self._call(number, source, target) for number in range(len(self._grids))]

    def _call(self, number: int, source: int, target: int) -> Call:
        launch = self._program.launches[number]
        bases: dict[Memory, int] = {
            "input": source,
            "output": target,
            "arena": self._arena,
            "weights": self._weights,
        }
        memrefs = [(s.address(bases[s.memory], self._images), s.stride) for s in launch.spans]
        numbers = [number for memref in memrefs for number in memref]
        arguments = (*numbers, *launch.scalars, self._images)
        kernel = self._kernels[launch.kernel]
        return Call(kernel, self._grids[number], launch.block, launch.shared_bytes, arguments)

    def _move(self, graph: Graph, source: int, target: int) -> None:
        """Let the launches that touch images or results find them there."""
        for node in self._moving:
            graph.change(node, self._call(node, source, target))

    def _stage(self) -> Staging:
        program, driver = self._program, self._driver
        with ExitStack() as held:
            stream = driver.open_stream()
            held.callback(driver.close_stream, stream)
            staging = Staging(
                _pinned(driver, program.input_bytes * self._images, held),
                _pinned(driver, program.output_bytes * self._images, held),
                stream,
            )
            self._held.push(held.pop_all())
        return staging


def _rounded(size: int) -> int:
    return -(-size // ALIGNMENT) * ALIGNMENT


def _pinned(driver: Driver, size: int, held: ExitStack) -> NDArray[np.uint8]:
    array = driver.allocate_pinned(size)
    held.callback(driver.free_pinned, array)
    return array
