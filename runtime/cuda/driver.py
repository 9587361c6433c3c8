"""What the runtime asks of a GPU's driver. NVIDIA's is in ``runtime.cuda.nvidia``; tests bring their own."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray


class CudaError(RuntimeError):
    """The driver refused something; one line."""


@dataclass(frozen=True)
class Call:
    """A kernel with all that it is launched with; every argument has 8 bytes."""

    kernel: object
    grid: tuple[int, int, int]
    block: int
    shared_bytes: int
    arguments: tuple[int, ...]


class Graph(Protocol):
    """Launches that the GPU starts by itself, as often as it is told to.

    A replay waits for earlier work of its stream and for earlier replays of the same graph.
    """

    def change(self, node: int, call: Call) -> None:
        """Let launch ``node`` be ``call``, from the next replay on; the kernel must stay the same."""
        ...

    def replay(self, stream: int) -> None: ...

    def close(self) -> None: ...


class Driver(Protocol):
    """One GPU. Addresses and streams are numbers; all but ``current`` is called within ``current``."""

    name: str
    capability: tuple[int, int]

    def current(self) -> AbstractContextManager[None]:
        """This GPU is the calling thread's for the duration of the context."""
        ...

    def load(self, code: bytes) -> object:
        """A module of PTX or of a cubin. CudaError where the driver cannot read it."""
        ...

    def unload(self, module: Any) -> None: ...

    def kernel(self, module: Any, symbol: str, shared_bytes: int) -> object:
        """A kernel that may ask for ``shared_bytes``. CudaError where there is none of that name."""
        ...

    def allocate(self, size: int) -> int:
        """The address of ``size`` bytes at a multiple of 256. MemoryError where the GPU has not so many."""
        ...

    def free(self, address: int) -> None: ...

    def allocate_pinned(self, size: int) -> NDArray[np.uint8]:
        """Memory of the host that the GPU reads and writes by itself."""
        ...

    def free_pinned(self, array: NDArray[np.uint8]) -> None: ...

    def open_stream(self) -> int: ...

    def close_stream(self, stream: int) -> None: ...

    def upload(self, address: int, array: NDArray[np.uint8], stream: int) -> None:
        """Copy to the GPU; ``array`` must stay as it is until the stream has come so far."""
        ...

    def download(self, array: NDArray[np.uint8], address: int, stream: int) -> None: ...

    def launch(self, call: Call, stream: int) -> None: ...

    def graph(self, calls: list[Call], steps: list[int]) -> Graph:
        """A graph of ``calls``: those of one step side by side, each step after the one before."""
        ...

    def wait(self, stream: int) -> None:
        """Until the stream has done all that it was told."""
        ...

    def wait_for_all(self) -> None:
        """Until the GPU has done all that this process told it."""
        ...
