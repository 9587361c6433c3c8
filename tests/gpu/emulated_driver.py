"""A GPU's driver for the runtime that runs every launch on the PTX interpreter; its memory is the host's.

Work that is put on a stream waits there until somebody waits for the stream, as late as a GPU could be.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from ptx import Buffer, Module

from runtime.cuda.driver import Call, CudaError

ALIGNMENT = 256
WIDEST = 16
"""Bytes of the widest access: LLVM lets one end past an array, within its multiple of 16, unused."""


@dataclass
class Allocation:
    """Bytes of the GPU, which of them nobody has written, and the array that has them (and more around)."""

    content: NDArray[np.uint8]
    poison: NDArray[np.bool_]
    backing: object = None


@dataclass(frozen=True)
class Kernel:
    """A kernel of a module."""

    module: Module
    symbol: str
    shared_bytes: int


@dataclass
class EmulatedGraph:
    """A replay runs the calls as they are at that time, those of one step from the last to the first."""

    driver: EmulatedDriver
    calls: list[Call]
    steps: list[int]
    replays: int = 0
    changes: int = 0
    open: bool = True

    def change(self, node: int, call: Call) -> None:
        self.driver.require_current()
        assert call.kernel == self.calls[node].kernel
        self.calls[node] = call
        self.changes += 1

    def replay(self, stream: int) -> None:
        assert self.open
        self.replays += 1
        for node in sorted(range(len(self.calls)), key=lambda node: (self.steps[node], -node)):
            self.driver.launch(self.calls[node], stream)

    def close(self) -> None:
        assert self.open
        self.open = False
        self.driver.graphs.remove(self)


@dataclass
class EmulatedDriver:
    """A GPU with ``capability`` and ``memory`` bytes."""

    name: str = "Emulated"
    capability: tuple[int, int] = (8, 0)
    memory: int = 1 << 30
    allocations: dict[int, Allocation] = field(default_factory=dict[int, Allocation])
    pinned: dict[int, NDArray[np.uint8]] = field(default_factory=dict[int, NDArray[np.uint8]])
    streams: dict[int, list[Callable[[], None]]] = field(default_factory=dict[int, list[Callable[[], None]]])
    graphs: list[EmulatedGraph] = field(default_factory=list[EmulatedGraph])
    modules: list[Module] = field(default_factory=list[Module])
    loaded: list[bytes] = field(default_factory=list[bytes])
    """All that was ever loaded."""

    def __post_init__(self) -> None:
        self._depth = threading.local()
        self._lock = threading.RLock()

    @contextmanager
    def current(self) -> Generator[None]:
        self._depth.value = getattr(self._depth, "value", 0) + 1
        try:
            yield
        finally:
            self._depth.value -= 1

    def require_current(self) -> None:
        assert getattr(self._depth, "value", 0) > 0, "called without current()"

    def load(self, code: bytes) -> Module:
        self.require_current()
        self.loaded.append(code)
        try:
            text = code.decode()
        except UnicodeDecodeError as error:
            raise CudaError("the interpreter takes PTX only") from error
        self.modules.append(Module(text))
        return self.modules[-1]

    def unload(self, module: Module) -> None:
        self.require_current()
        self.modules.remove(module)

    def kernel(self, module: Module, symbol: str, shared_bytes: int) -> Kernel:
        if symbol not in module.kernels:
            raise CudaError(f"there is no kernel {symbol}")
        return Kernel(module, symbol, shared_bytes)

    def allocate(self, size: int) -> int:
        self.require_current()
        assert size > 0
        with self._lock:
            if size + sum(held.content.size for held in self.allocations.values()) > self.memory:
                raise MemoryError("the GPU has not enough memory: use fewer images at once")
            backing = np.zeros(size + ALIGNMENT, np.uint8)
            start = -backing.ctypes.data % ALIGNMENT
            address = backing.ctypes.data + start
            content = backing[start : start + size]
            self.allocations[address] = Allocation(content, np.ones(size, np.bool_), backing)
            return address

    def adopt(self, array: NDArray[Any], written: bool) -> None:
        """Let an array of the host, which others made, be memory of the GPU."""
        content = array.reshape(-1).view(np.uint8)
        poison = np.full(content.size, not written)
        self.allocations[array.ctypes.data] = Allocation(content, poison, array)

    def free(self, address: int) -> None:
        self.require_current()
        del self.allocations[address]

    def allocate_pinned(self, size: int) -> NDArray[np.uint8]:
        self.require_current()
        array = np.zeros(size, np.uint8)
        self.pinned[array.ctypes.data] = array
        return array

    def free_pinned(self, array: NDArray[np.uint8]) -> None:
        del self.pinned[array.ctypes.data]

    def open_stream(self) -> int:
        self.require_current()
        with self._lock:
            stream = max(self.streams, default=0) + 1
            self.streams[stream] = []
            return stream

    def close_stream(self, stream: int) -> None:
        assert not self.streams.pop(stream), "a stream with work left was closed"

    def upload(self, address: int, array: NDArray[np.uint8], stream: int) -> None:
        def copy() -> None:
            held, first = self._find(address)
            held.content[first : first + array.size] = array
            held.poison[first : first + array.size] = False

        self._put(stream, copy)

    def download(self, array: NDArray[np.uint8], address: int, stream: int) -> None:
        def copy() -> None:
            held, first = self._find(address)
            assert not held.poison[first : first + array.size].any(), "results that nobody wrote"
            array[:] = held.content[first : first + array.size]

        self._put(stream, copy)

    def launch(self, call: Call, stream: int) -> None:
        self._put(stream, lambda: self._run(call))

    def graph(self, calls: list[Call], steps: list[int]) -> EmulatedGraph:
        assert len(calls) == len(steps)
        assert steps == sorted(steps)
        self.graphs.append(EmulatedGraph(self, list(calls), steps))
        return self.graphs[-1]

    def wait(self, stream: int) -> None:
        with self._lock:
            work, self.streams[stream] = self.streams[stream], []
            for piece in work:
                piece()

    def wait_for_all(self) -> None:
        for stream in list(self.streams):
            self.wait(stream)

    def _put(self, stream: int, work: Callable[[], None]) -> None:
        self.require_current()
        self.streams[stream].append(work)

    def _find(self, address: int) -> tuple[Allocation, int]:
        for start, held in self.allocations.items():
            if start <= address < start + held.content.size:
                return held, address - start
        raise AssertionError(f"{address:#x} is no memory of the GPU")

    def _run(self, call: Call) -> None:
        """Each pointer is a buffer from there to the end of its allocation; what is stored is taken back."""
        kernel = call.kernel
        assert isinstance(kernel, Kernel)
        assert call.shared_bytes <= kernel.shared_bytes
        parameters = kernel.module.kernel(kernel.symbol).function.parameters
        arguments: list[Buffer | int] = []
        places: list[tuple[Buffer, Allocation, int]] = []
        for parameter, argument in zip(parameters, call.arguments, strict=True):
            if parameter.pointee_align is None:
                arguments.append(argument)
                continue
            held, first = self._find(argument)
            buffer = _buffer(held, first, argument, parameter.name)
            arguments.append(buffer)
            places.append((buffer, held, first))
        kernel.module.launch(
            kernel.symbol, call.grid, (call.block,), arguments, shared_bytes=call.shared_bytes
        )
        for buffer, held, first in places:
            size = held.content.size - first
            stored = buffer.stored[:size].astype(np.bool_)
            assert not buffer.stored[size:].any(), f"{kernel.symbol} writes past {buffer.name}"
            held.content[first:][stored] = buffer.storage[:size][stored]
            held.poison[first:][stored] = False


def _buffer(held: Allocation, first: int, address: int, name: str) -> Buffer:
    content, poison = held.content[first:], held.poison[first:]
    room = np.zeros(content.size + -(address + content.size) % WIDEST, np.uint8)
    room[: content.size] = content
    buffer = Buffer(room, name, offset=address % ALIGNMENT)
    buffer.poison = np.ones_like(buffer.storage)
    buffer.poison[: content.size] = poison
    return buffer
