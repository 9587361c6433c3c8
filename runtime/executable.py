"""Runs a native program on integer images: memory, threads and the call itself."""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from runtime.boundary import Boundary
from runtime.cores import physical_cores
from runtime.jit import LoadedObject
from runtime.program import NativeProgram, why_not_here
from runtime.team import pool

ALIGNMENT = 64
BARRIER_BYTES = 64
MAX_THREADS = 1024

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

    Each call has an arena and a team of threads of its own; while more threads are wanted than there are
    cores, calls take turns.
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
        self._weights = aligned_bytes(program.weights.size)
        self._weights[:] = program.weights
        self._loaded = LoadedObject(program.object_code, [program.entry])
        self._entry = _Entry(self._loaded.address(program.entry))
        self._lock = threading.Lock()
        self._idle: list[_Workspace] = []

    def run(self, images: NDArray[Any]) -> NDArray[Any]:
        """Integer images [N, H, W, C] of the boundary's input type to integers [N, *output_shape].

        ValueError for another shape or type; an empty batch gives an empty result.
        """
        boundary = self.boundary
        if images.shape[1:] != boundary.input_shape or images.dtype != boundary.input_dtype:
            raise ValueError(
                f"expected {boundary.input_dtype} images [N, {', '.join(map(str, boundary.input_shape))}],"
                f" got {images.dtype} {list(images.shape)}"
            )
        images = np.ascontiguousarray(images)
        output = np.empty((len(images), *boundary.output_shape), boundary.output_dtype)
        if len(images):
            with self._workspace() as workspace, pool().team(self.threads) as team:
                team.run(lambda thread: self._call(images, output, workspace, thread))
        return output

    def _call(self, images: NDArray[Any], output: NDArray[Any], workspace: _Workspace, thread: int) -> None:
        self._entry(
            len(images),
            images.ctypes.data,
            output.ctypes.data,
            workspace.arena.ctypes.data,
            self._weights.ctypes.data,
            workspace.barrier.ctypes.data,
            thread,
            self.threads,
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
    """What one call writes to besides its output."""

    def __init__(self, arena_bytes: int) -> None:
        self.arena = aligned_bytes(arena_bytes)
        self.barrier = aligned_bytes(BARRIER_BYTES)


def aligned_bytes(size: int) -> NDArray[np.uint8]:
    """``size`` bytes from a multiple of 64 on, the width of a cache line and of the widest vector."""
    backing = np.empty(size + ALIGNMENT, np.uint8)
    start = -backing.ctypes.data % ALIGNMENT
    return backing[start : start + size]


def check_threads(threads: int | None) -> int:
    """``threads``, or one per physical core; ValueError where it is no sensible count."""
    if threads is None:
        return physical_cores()
    if not 1 <= threads <= MAX_THREADS:
        raise ValueError(f"threads must lie in [1, {MAX_THREADS}], got {threads}")
    return threads
