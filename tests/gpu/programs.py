"""Runs the launch table of a compiled program on the PTX interpreter, as a GPU's runtime would."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import product
from typing import Any, TypeAlias, TypedDict, Unpack

import numpy as np
from numpy.typing import NDArray
from ptx import Buffer, Module, Statistics
from ptx.machine import Copies, Order

from runtime.cuda_program import CudaProgram, Launch, Memory, Span

Bytes: TypeAlias = NDArray[np.uint8]

WIDEST = 16
"""Bytes of the widest access: LLVM lets a load end past an array, within a multiple of these. What it finds
there is poison."""


class Options(TypedDict, total=False):
    """Of ``ptx.Module.launch``."""

    order: Order
    copies: Copies
    banks: bool
    seed: int


@dataclass
class _Held:
    """A memory, and which bytes of it nobody has written."""

    content: Bytes
    poison: Bytes


@dataclass(frozen=True)
class _Used:
    """The part of a memory that a launch had for one image, and whether it wrote there."""

    memory: Memory
    first: int
    last: int
    written: bool
    launch: str


@dataclass
class Device:
    """The memories of a call with ``images`` images; what is not given is poison until a kernel writes it."""

    program: CudaProgram
    images: int
    memories: dict[Memory, _Held] = field(default_factory=dict[Memory, _Held])
    used: dict[int, list[_Used]] = field(default_factory=dict[int, list[_Used]])
    """Step -> what its launches used."""

    def __post_init__(self) -> None:
        for memory in ("input", "output", "arena", "weights"):
            count = 1 if memory == "weights" else self.images
            size = self.program.bytes_of(memory) * count
            self.memories[memory] = _Held(np.zeros(size, np.uint8), np.ones(size, np.uint8))

    def fill(self, memory: Memory, content: NDArray[Any]) -> None:
        """Put an array into a memory, which it fills."""
        held = self.memories[memory]
        held.content[:] = np.ascontiguousarray(content).reshape(-1).view(np.uint8)
        held.poison[:] = 0

    def read(self, memory: Memory) -> Bytes:
        """The content; all of it must have been written."""
        held = self.memories[memory]
        assert not held.poison.any(), f"{int(held.poison.sum())} bytes of the {memory} were not written"
        return held.content

    def put(self, span: Span, image: int, content: NDArray[Any]) -> None:
        """Put an array into one image's part of a span, which it fills."""
        held, (first, last) = self.memories[span.memory], self._part(span, image)
        held.content[first:last] = np.ascontiguousarray(content).reshape(-1).view(np.uint8)
        held.poison[first:last] = 0

    def get(self, span: Span, image: int) -> Bytes:
        """One image's part of a span; all of it must have been written."""
        held, (first, last) = self.memories[span.memory], self._part(span, image)
        poison = held.poison[first:last]
        assert not poison.any(), f"{int(poison.sum())} bytes of {span} were not written for image {image}"
        return held.content[first:last]

    def launch(self, module: Module, launch: Launch, **options: Unpack[Options]) -> Statistics:
        """One launch; each span is a buffer of its own, so that no kernel leaves what it was given."""
        arguments: list[Buffer | int] = []
        buffers: list[tuple[Buffer, Span]] = []
        for number, span in enumerate(launch.spans):
            buffer = self._buffer(span, f"{number} in {span.memory}")
            buffers.append((buffer, span))
            arguments += [buffer, span.stride]
        arguments += [*launch.scalars, self.images]
        statistics = module.launch(
            launch.kernel,
            launch.grid_at(self.images),
            (launch.block,),
            arguments,
            shared_bytes=launch.shared_bytes,
            **options,
        )
        for buffer, span in buffers:
            held, (first, last) = self.memories[span.memory], self._extent(span)
            stored = buffer.stored[: last - first].astype(np.bool_)
            self._note(launch, span, bool(stored.any()))
            assert not buffer.stored[last - first :].any(), f"{launch.kernel} writes past {buffer.name}"
            held.content[first:last][stored] = buffer.storage[: last - first][stored]
            held.poison[first:last][stored] = 0
        return statistics

    def _note(self, launch: Launch, span: Span, written: bool) -> None:
        """Launches of one step may run at the same time: what one of them writes, nothing else may use."""
        before = self.used.setdefault(launch.step, [])
        parts = (self._part(span, image) for image in range(self.images))
        mine = [_Used(span.memory, *part, written, launch.kernel) for part in parts]
        for one, other in product(before, mine):
            if one.memory == other.memory and (one.written or other.written):
                assert one.last <= other.first or other.last <= one.first, f"{one} and {other}"
        before += mine

    def _part(self, span: Span, image: int) -> tuple[int, int]:
        first = span.address(0, self.images) + span.stride * image
        return first, first + span.size

    def _extent(self, span: Span) -> tuple[int, int]:
        """The bytes from the first of image 0 to the last of the last image."""
        return self._part(span, 0)[0], self._part(span, self.images - 1)[1]

    def _buffer(self, span: Span, name: str) -> Buffer:
        held, (first, last) = self.memories[span.memory], self._extent(span)
        room = np.zeros(-(-last // WIDEST) * WIDEST - first, np.uint8)
        room[: last - first] = held.content[first:last]
        buffer = Buffer(room, name, writable=span.memory in ("arena", "output"), offset=first % 256)
        buffer.poison = np.ones_like(buffer.storage)
        buffer.poison[: last - first] = held.poison[first:last]
        return buffer


def run_program(program: CudaProgram, images: NDArray[Any], **options: Unpack[Options]) -> Bytes:
    """The bytes of the output for a batch of integer images."""
    device = Device(program, len(images))
    device.fill("input", images)
    device.fill("weights", program.weights)
    module = Module(program.ptx)
    for launch in program.launches:
        device.launch(module, launch, **options)
    return device.read("output")
