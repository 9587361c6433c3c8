"""A warp's products without tensor cores: four inputs at a time, by ``dp4a``, eight threads side by side."""

from __future__ import annotations

from collections.abc import Sequence

from lowering.cuda.build import CudaBuilder
from lowering.cuda.kernels.gemm_staging import CHUNK, MIXED_ROWS, mixed_place
from lowering.cuda.targets import WARP, GemmTile
from lowering.fragments import STEP, THREADS, WORD
from lowering.kernels.build import Value

BANDS = WARP // THREADS
"""Groups of threads below each other in a warp."""


class Dp4aProducts:
    """The sums of one warp: a thread has consecutive rows, and ``run`` consecutive columns."""

    def __init__(self, b: CudaBuilder, tile: GemmTile) -> None:
        self._b, self._tile = b, tile
        self._shared = b.dynamic_shared()
        self.run = tile.warp_columns // THREADS
        self._rows = tile.warp_rows // BANDS
        assert self._rows % MIXED_ROWS == 0, "a thread's rows begin where the places of chunks repeat"
        thread = b.from_index(b.thread_id(), 32)
        lane, warp = b.rem_unsigned(thread, WARP), b.div_unsigned(thread, WARP)
        down, along = b.rem_unsigned(warp, tile.warps[0]), b.div_unsigned(warp, tile.warps[0])
        band, side = b.div_unsigned(lane, THREADS), b.rem_unsigned(lane, THREADS)
        self.first_row = b.add(b.mul(down, tile.warp_rows), b.mul(band, self._rows))
        """Of the thread, in the block."""
        self.first_column = b.add(b.mul(along, tile.warp_columns), b.mul(side, self.run))
        self._rows_start = b.to_index(b.mul(self.first_row, tile.depth))
        words = b.add(b.mul(along, tile.warp_columns * WORD), b.mul(side, CHUNK))
        self._columns_start = b.to_index(b.add(words, tile.rows * tile.depth))

    def start(self, bias: Sequence[Value]) -> list[Value]:
        """The sums before any product, from the thread's biases."""
        return list(bias) * self._rows

    def stage(self, sums: Sequence[Value], stage: Value) -> list[Value]:
        """Add the products of a stage."""
        updated = list(sums)
        for chunk in range(self._tile.depth // CHUNK):
            left = [self._left(stage, row, chunk) for row in range(self._rows)]
            for word in range(CHUNK // WORD):
                right = self._right(stage, chunk * (CHUNK // WORD) + word)
                for row, words in enumerate(left):
                    for column, weights in enumerate(right):
                        at = row * self.run + column
                        updated[at] = self._b.dot4(words[word], weights, updated[at])
        return updated

    def lines(self, sums: Sequence[Value]) -> list[tuple[Value, list[Value]]]:
        """Each of the thread's rows (in the block) and its run of sums."""
        return [
            (self._b.add(self.first_row, row), list(sums[row * self.run : (row + 1) * self.run]))
            for row in range(self._rows)
        ]

    def _left(self, stage: Value, row: int, chunk: int) -> list[Value]:
        """The words of a chunk of a row."""
        tile = self._tile
        return self._words(
            stage, self._rows_start, row * tile.depth + mixed_place(row, chunk, tile.depth) * CHUNK
        )

    def _right(self, stage: Value, word: int) -> list[Value]:
        """A word of each of the run's columns."""
        columns = self._tile.columns
        step, within = divmod(word, STEP // WORD)
        first = step * columns * STEP + within * columns * WORD
        parts = range(0, self.run * THREADS * WORD, THREADS * CHUNK)
        return [x for part in parts for x in self._words(stage, self._columns_start, first + part)]

    def _words(self, stage: Value, start: Value, offset: int) -> list[Value]:
        b = self._b
        at = b.add(b.add(stage, start), offset)
        loaded = b.bitcast(b.load_wide(self._shared, [at], CHUNK, CHUNK), 32)
        return [b.extract(loaded, lane) for lane in range(CHUNK // WORD)]
