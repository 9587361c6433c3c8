"""One warp a row: which rows a warp has, and a row's elements in its lanes' registers.

A lane has chunks of consecutive elements, 32 lanes' chunks side by side, so that each access of the warp is
one run of memory.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

from lowering.cuda.build import CudaBuilder, Geometry
from lowering.cuda.saturate import store_saturated_run
from lowering.cuda.targets import WARP
from lowering.cuda.wide import ALIGNED, load_elements
from lowering.kernels.base import is_unsigned
from lowering.kernels.build import Loop, Value
from lowering.kernels.elements import row_shape, rows_of
from runtime.cuda_program import ONE, Extent


@dataclass(frozen=True)
class Chunk:
    """Consecutive elements of a row, in i32: ``values`` from ``first`` on; 0 where ``inside`` is false.

    ``inside`` is None where all lanes have one.
    """

    first: Value
    values: Sequence[Value]
    inside: Value | None


def chunk_elements(channels: int, widest: int) -> int:
    """How many elements make a chunk: at most ``widest``, a power of two that divides ``channels``.

    The fewest a lane, then the widest chunks.
    """
    sizes = [size for size in (1, 2, 4, 8, 16) if size <= widest and channels % size == 0]
    return min(sizes, key=lambda size: (-(-channels // (size * WARP)) * size, -size))


class WarpRows:
    """The rows of input 0 and output 0, of all images, split over warps; ``each`` comes to a warp's row."""

    def __init__(self, b: CudaBuilder, warps: int) -> None:
        self._b, self._warps = b, warps
        x, y = b.inputs[0], b.outputs[0]
        self._count, self.channels = row_shape(x.shape)
        self._merged = x.contiguous and y.contiguous
        self._unsigned = is_unsigned(x.kind)
        self._element = y.element
        self._size = chunk_elements(self.channels, min(ALIGNED, x.row_alignment) * 8 // x.width)
        self._alignments = x.row_alignment, y.row_alignment
        image = b.block_id("y")
        self._source, self._target = (
            b.of_all_images(operand) if self._merged else rows_of(b, b.of_image(operand, image))
            for operand in (x, y)
        )
        self._live: Value | None = None
        self.lane, self.warp = b.lane_and_warp(b.thread_id())
        self._row: Value = b.add(b.mul(b.block_id(), warps), self.warp)

    def geometry(self) -> Geometry:
        """A block for ``warps`` rows."""
        rows = Extent(self._count, self._warps, batched=self._merged)
        return Geometry(WARP * self._warps, (rows, ONE if self._merged else self._b.images_extent(), ONE))

    @contextmanager
    def each(self) -> Generator[None]:
        """The body for a warp's row; all of its lanes enter or none."""
        b = self._b
        count = b.mul(b.images, self._count) if self._merged else b.index(self._count)
        with b.when(b.compare("ult", self._row, count)):
            yield

    def clamp(self) -> None:
        """Warps without a row go through the last one again, and store nothing: all meet at barriers."""
        b = self._b
        count = b.mul(b.images, self._count) if self._merged else b.index(self._count)
        self._live = b.compare("ult", self._row, count)
        self._row = b.select(self._live, self._row, b.sub(count, 1))

    def load(self) -> list[Chunk]:
        """The row in chunks, each in i32."""
        b, chunks, found = self._b, self.channels // self._size, list[Chunk]()
        for first in range(0, chunks, WARP):
            number = b.add(self.lane, first)
            partial = first + WARP > chunks
            inside = b.compare("ult", number, chunks) if partial else None
            start = b.mul(number, self._size)
            at = start if inside is None else b.select(inside, start, 0)
            found.append(self.filled(Chunk(start, self._elements(at), inside), 0))
        return found

    def _elements(self, at: Value) -> list[Value]:
        """A chunk's elements from ``at`` on, in i32."""
        b = self._b
        values = load_elements(b, self._source, [self._row, at], self._size, self._alignments[0])
        return [(b.zero_extend if self._unsigned else b.sign_extend)(x, 32) for x in values]

    @contextmanager
    def walk(self, carried: Sequence[Value] = ()) -> Generator[tuple[Loop, Chunk]]:
        """The body for each chunk of the lane, one after the other: rows of any width, no warp-wide steps."""
        b = self._b
        with b.loop(self.lane, self.channels // self._size, WARP, carried) as loop:
            start = b.mul(loop.index, self._size)
            yield loop, Chunk(start, self._elements(start), None)

    def filled(self, chunk: Chunk, value: Value | int) -> Chunk:
        """The chunk with ``value`` in lanes that have none."""
        b, inside = self._b, chunk.inside
        if inside is None:
            return chunk
        return replace(chunk, values=[b.select(inside, x, value) for x in chunk.values])

    @contextmanager
    def present(self, chunk: Chunk) -> Generator[None]:
        """The body for lanes that have ``chunk``."""
        b, needed = self._b, [x for x in (chunk.inside, self._live) if x is not None]
        if not needed:
            yield
            return
        with b.when(needed[0] if len(needed) == 1 else b.and_(*needed)):
            yield

    def store(self, chunk: Chunk, values: Sequence[Value]) -> None:
        """Write the values, clamped to the output's element, where ``chunk`` lies."""
        at = [self._row, chunk.first]
        store_saturated_run(self._b, values, self._element, self._target, at, self._alignments[1])
