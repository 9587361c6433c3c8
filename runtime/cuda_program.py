"""GPU code as data: PTX, perhaps a cubin, and the table of launches, with no reference to the compiler.

All images of a call run at once. Memories grow with the number of images ``B``: a buffer that the plan of one
image puts at byte ``root`` of the arena lies at ``root * B``, its part of image ``i`` at ``i * stride`` from
there; the same holds for the input and the output (of one buffer each), and weights are shared.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias, cast

import numpy as np
from numpy.typing import NDArray

MAX_ARENA_BYTES = 1 << 36
MAX_THREADS_PER_BLOCK = 1024
MAX_GRID = (2**31 - 1, 65535, 65535)

Memory: TypeAlias = Literal["input", "output", "arena", "weights"]
MEMORIES: tuple[Memory, ...] = ("input", "output", "arena", "weights")


@dataclass(frozen=True)
class Extent:
    """A grid extent: ``ceil(count * B / per)`` blocks, or ``ceil(count / per)`` where not ``batched``."""

    count: int = 1
    per: int = 1
    batched: bool = False

    def __post_init__(self) -> None:
        if self.count < 1 or self.per < 1:
            raise ValueError(f"a grid extent has counts from 1 on, got {self.count} and {self.per}")

    def at(self, images: int) -> int:
        """Blocks for a batch of ``images``."""
        return -(-self.count * (images if self.batched else 1) // self.per)


ONE = Extent()


@dataclass(frozen=True)
class Span:
    """A memref of a launch: two arguments of the kernel, a pointer and an i64.

    The pointer is that of image 0, ``memory + root * B + offset``; the i64 is ``stride``, the bytes from an
    image to the next (0 for weights). The kernel touches ``size`` bytes of each image.
    """

    memory: Memory
    root: int
    offset: int
    stride: int
    size: int

    def __post_init__(self) -> None:
        if self.memory not in MEMORIES:
            raise ValueError(f"a launch works on one of {', '.join(MEMORIES)}, got {self.memory!r}")
        if min(self.root, self.offset, self.stride, self.size) < 0:
            raise ValueError(f"a span has no negative numbers, got {self}")

    def address(self, base: int, images: int) -> int:
        """Where it begins, for a memory at ``base``."""
        return base + self.root * images + self.offset


@dataclass(frozen=True)
class Launch:
    """One launch of a kernel; launches of one ``step`` are independent, steps follow each other.

    Kernel arguments in order: pointer and stride of each of ``spans``, each of ``scalars`` as i64, and last
    ``B`` as i64. ``name`` is that of what it computes.
    """

    kernel: str
    name: str
    step: int
    grid: tuple[Extent, Extent, Extent]
    block: int
    shared_bytes: int
    spans: tuple[Span, ...]
    scalars: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        if not 1 <= self.block <= MAX_THREADS_PER_BLOCK:
            raise ValueError(f"{self.kernel}: a block has 1 to {MAX_THREADS_PER_BLOCK} threads")

    def grid_at(self, images: int) -> tuple[int, int, int]:
        """Blocks in x, y and z. ValueError where a GPU has not so many."""
        x, y, z = (extent.at(images) for extent in self.grid)
        if any(count > most for count, most in zip((x, y, z), MAX_GRID, strict=True)):
            raise ValueError(f"{self.kernel}: a grid of {x} x {y} x {z} blocks is too large: fewer images")
        return x, y, z


@dataclass(frozen=True)
class CudaProgram:
    """Kernels and their launches, and the memory that they work on.

    ``arena_bytes``, ``input_bytes`` and ``output_bytes`` are of one image; ``weights`` is the packed blob.
    ``target`` is the compiler's name (``cuda:sm_80``), ``architecture`` ptxas's (``sm_80``).
    """

    ptx: str
    launches: tuple[Launch, ...]
    arena_bytes: int
    input_bytes: int
    output_bytes: int
    weights: NDArray[np.uint8]
    target: str
    architecture: str
    cubin: bytes | None = None

    def __post_init__(self) -> None:
        if not self.launches:
            raise ValueError("the program launches no kernel")
        if not 0 <= self.arena_bytes <= MAX_ARENA_BYTES:
            raise ValueError(f"the arena's size {self.arena_bytes} is out of range")
        for launch in self.launches:
            for span in launch.spans:
                self._check(launch, span)

    def _check(self, launch: Launch, span: Span) -> None:
        """ValueError for a span that leaves its memory: the table may come from a file."""
        end = span.offset + span.size
        room = self.bytes_of(span.memory) - span.root
        if end > (room if span.stride == 0 else min(room, span.stride)):
            raise ValueError(f"{launch.kernel}: {span} leaves its memory")

    def bytes_of(self, memory: Memory) -> int:
        """The size of a memory for one image; of the weights, for all."""
        return {
            "input": self.input_bytes,
            "output": self.output_bytes,
            "arena": self.arena_bytes,
            "weights": self.weights.size,
        }[memory]


def launch_to_json(launch: Launch) -> dict[str, Any]:
    """A launch as JSON has it."""
    return {
        "kernel": launch.kernel,
        "name": launch.name,
        "step": launch.step,
        "grid": [[extent.count, extent.per, extent.batched] for extent in launch.grid],
        "block": launch.block,
        "shared_bytes": launch.shared_bytes,
        "spans": [[r.memory, r.root, r.offset, r.stride, r.size] for r in launch.spans],
        "scalars": list(launch.scalars),
    }


def launch_from_json(entry: Mapping[str, Any]) -> Launch:
    """The launch that ``launch_to_json`` wrote. ValueError, one line, for anything else."""
    try:
        x, y, z = (Extent(int(a), int(b), bool(c)) for a, b, c in entry["grid"])
        spans = tuple(
            Span(cast("Memory", str(memory)), *map(int, numbers)) for memory, *numbers in entry["spans"]
        )
        return Launch(
            str(entry["kernel"]),
            str(entry["name"]),
            int(entry["step"]),
            (x, y, z),
            int(entry["block"]),
            int(entry["shared_bytes"]),
            spans,
            tuple(map(int, entry["scalars"])),
        )
    except (KeyError, TypeError) as error:
        raise ValueError(f"a launch of the table is not as it must be ({error})") from error
