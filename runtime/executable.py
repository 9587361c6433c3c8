"""Runs a native program on integer images: memory, threads and the call itself."""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from runtime.boundary import Boundary
from runtime.cores import physical_cores
from runtime.jit import LoadedObject
from runtime.memory import aligned, aligned_bytes
from runtime.program import NativeProgram, why_not_here
from runtime.team import Team, pool

BARRIER_BYTES = 64
MAX_THREADS = 1024
SHARES_PER_THREAD = 8
"""A batch is cut into this many parts a thread, so that a slow thread takes fewer."""

_Entry = ctypes.CFUNCTYPE(
    None,
    ctypes.c_int64,
    ctypes.c_void_p,
    ctypes.c_void_p,
    ctypes.c_void_p,
    ctypes.c_void_p,
    ctypes.c_void_p,
    ctypes.c_int64,
    ctypes.c_int64,
)


class Executable:
    """A native program, loaded. May be called by several Python threads at once.

    Of a batch, each thread takes whole images, which needs no barriers; the images that are left when there
    is not one for each thread are computed by all threads together. Every call has memory and a team of
    threads of its own; while more threads are wanted than there are cores, calls take turns.
    """

    def __init__(self, program: NativeProgram, boundary: Boundary, threads: int | None = None) -> None:
        """Load ``program`` for ``threads`` threads a call (None: one per physical core).

        ValueError where this machine cannot run the code (see ``why_not_here``) or ``threads`` is no count.
        """
        obstacle = why_not_here(program)
        if obstacle is not None:
            raise ValueError(f"the native code does not run here: {obstacle}")
        self.boundary = boundary
        self.threads = check_threads(threads)
        self._arena_bytes = program.arena_bytes
        self._weights = aligned(program.weights)
        self._loaded = LoadedObject(program.object_code, [program.entry])
        self._entry = _Entry(self._loaded.address(program.entry))
        self._lock = threading.Lock()
        self._idle: list[_Workspace] = []

    def run(self, images: NDArray[Any]) -> NDArray[Any]:
        """Integer images [N, H, W, C] of the boundary's input type to integers [N, *output_shape].

        ValueError for another shape or type; an empty batch gives an empty result.
        """
        boundary = self.boundary
        boundary.check_integers(images)
        images = np.ascontiguousarray(images)
        output = np.empty((len(images), *boundary.output_shape), boundary.output_dtype)
        alone = len(images) - len(images) % self.threads
        if len(images):
            with pool().team(self.threads) as team:
                self._run_apart(images[:alone], output[:alone], team)
                self._run_together(images[alone:], output[alone:], team)
        return output

    def run_alone(self, image: NDArray[Any]) -> NDArray[np.uint8]:
        """The arena as one call for ``image`` [1, H, W, C], on this thread alone, leaves it; uint8."""
        output = np.empty((1, *self.boundary.output_shape), self.boundary.output_dtype)
        with self._workspace() as workspace:
            self._call(np.ascontiguousarray(image), output, workspace, 0, 1)
            return workspace.arena.copy()

    def _run_apart(self, images: NDArray[Any], output: NDArray[Any], team: Team) -> None:
        """Each thread takes the next few images until none is left."""
        step = max(1, len(images) // (self.threads * SHARES_PER_THREAD))
        starts = iter(range(0, len(images), step))

        def work(_: int) -> None:
            with self._workspace() as workspace:
                for start in starts:
                    part = slice(start, start + step)
                    self._call(images[part], output[part], workspace, 0, 1)

        if len(images):
            team.run(work)

    def _run_together(self, images: NDArray[Any], output: NDArray[Any], team: Team) -> None:
        """All threads share each image."""
        if len(images):
            with self._workspace() as workspace:
                team.run(lambda thread: self._call(images, output, workspace, thread, self.threads))

    def _call(
        self, images: NDArray[Any], output: NDArray[Any], workspace: _Workspace, thread: int, threads: int
    ) -> None:
        self._entry(
            len(images),
            images.ctypes.data,
            output.ctypes.data,
            workspace.arena.ctypes.data,
            self._weights.ctypes.data,
            workspace.barrier.ctypes.data,
            thread,
            threads,
        )

    @contextmanager
    def _workspace(self) -> Generator[_Workspace]:
        with self._lock:
            workspace = self._idle.pop() if self._idle else None
        workspace = workspace or _Workspace(self._arena_bytes)
        workspace.barrier[:] = 0
        try:
            yield workspace
        finally:
            with self._lock:
                self._idle.append(workspace)


class _Workspace:
    """What native code writes to besides its output; one call at a time."""

    def __init__(self, arena_bytes: int) -> None:
        self.arena = aligned_bytes(arena_bytes)
        self.barrier = aligned_bytes(BARRIER_BYTES)


def check_threads(threads: int | None) -> int:
    """``threads``, or one per physical core; TypeError or ValueError where it is no sensible count."""
    if threads is None:
        return physical_cores()
    if not isinstance(cast("object", threads), int):
        raise TypeError(f"threads must be an integer, got {threads!r}")
    if not 1 <= threads <= MAX_THREADS:
        raise ValueError(f"threads must lie in [1, {MAX_THREADS}], got {threads}")
    return threads
