"""A warp's products on tensor cores: 16 rows by 8 columns by 32 inputs at a time.

Activations come by ``ldmatrix``, weights by plain loads of the fragments that the packing made. Where the
hardware has products of 8 rows and 16 inputs only, four of these are one step.
"""

from __future__ import annotations

from collections.abc import Sequence

from xdsl.dialects.builtin import i32

from lowering.cuda.build import CudaBuilder
from lowering.cuda.kernels.gemm_staging import CHUNK, mixed
from lowering.cuda.targets import WARP, GemmTile
from lowering.fragments import STEP
from lowering.kernels.build import Value

ROWS, COLUMNS = 16, 8
"""Of one product."""


class MmaProducts:
    """The sums of one warp: lane ``4 g + t`` has rows ``g`` and ``g + 8`` of each 16, and ``run`` consecutive
    columns from ``t * run`` of the warp's on (which columns these are is in the packing)."""

    def __init__(self, b: CudaBuilder, tile: GemmTile) -> None:
        self._b, self._tile = b, tile
        self._shared = b.dynamic_shared()
        self._row_tiles, self._column_tiles = tile.warp_rows // ROWS, tile.warp_columns // COLUMNS
        self.run = tile.warp_columns // 4
        thread = b.from_index(b.thread_id(), 32)
        lane, warp = b.rem_unsigned(thread, WARP), b.div_unsigned(thread, WARP)
        down, along = b.rem_unsigned(warp, tile.warps[0]), b.div_unsigned(warp, tile.warps[0])
        first_row = b.mul(down, tile.warp_rows)
        self._rows_start = self._matrix_rows(lane, first_row)
        fragments = b.add(b.mul(along, tile.warp_columns * STEP), b.mul(lane, CHUNK))
        self._columns_start = b.to_index(b.add(fragments, tile.rows * tile.depth))
        self.first_row = b.add(first_row, b.div_unsigned(lane, 4))
        """Of the lane, in the block."""
        self.first_column = b.add(b.mul(along, tile.warp_columns), b.mul(b.rem_unsigned(lane, 4), self.run))

    def _matrix_rows(self, lane: Value, first_row: Value) -> list[Value]:
        """Whose address a lane gives, for each step of a stage: row ``lane % 16``, chunk ``lane / 16``."""
        b, tile = self._b, self._tile
        row = b.add(first_row, b.rem_unsigned(lane, ROWS))
        chunk = b.div_unsigned(lane, ROWS)
        starts: list[Value] = []
        for first in range(0, tile.depth // CHUNK, STEP // CHUNK):
            place = mixed(b, row, b.add(chunk, first), tile.depth)
            starts.append(b.to_index(b.add(b.mul(row, tile.depth), b.mul(place, CHUNK))))
        return starts

    def start(self, bias: Sequence[Value]) -> list[Value]:
        """The sums before any product, from the lane's biases."""
        return [
            bias[2 * j + c % 2]
            for _ in range(self._row_tiles)
            for j in range(self._column_tiles)
            for c in range(4)
        ]

    def stage(self, sums: Sequence[Value], stage: Value) -> list[Value]:
        """Add the products of a stage."""
        updated = list(sums)
        for step in range(self._tile.depth // STEP):
            left = [self._left(stage, step, i) for i in range(self._row_tiles)]
            right = [f for pair in range(self._column_tiles // 2) for f in self._right(stage, step, pair)]
            for i, a in enumerate(left):
                for j, w in enumerate(right):
                    first = 4 * (i * self._column_tiles + j)
                    updated[first : first + 4] = self._product(a, w, updated[first : first + 4])
        return updated

    def lines(self, sums: Sequence[Value]) -> list[tuple[Value, list[Value]]]:
        """Each of the lane's rows (in the block) and its run of sums."""
        b, found = self._b, list[tuple[Value, list[Value]]]()
        for i in range(self._row_tiles):
            for half in range(2):
                tile = sums[4 * i * self._column_tiles : 4 * (i + 1) * self._column_tiles]
                run = [tile[4 * j + 2 * half + c] for j in range(self._column_tiles) for c in range(2)]
                found.append((b.add(self.first_row, ROWS * i + 8 * half), run))
        return found

    def _left(self, stage: Value, step: int, tile: int) -> list[Value]:
        b = self._b
        at = b.add(b.add(stage, self._rows_start[step]), tile * ROWS * self._tile.depth)
        name = "llvm.nvvm.ldmatrix.sync.aligned.m8n8.x4.b16.p3"
        return b.fields(name, [b.pointer(self._shared, at)], [i32] * 4)

    def _right(self, stage: Value, step: int, pair: int) -> list[list[Value]]:
        """Of two products."""
        b, tile = self._b, self._tile
        offset = step * tile.columns * STEP + pair * WARP * CHUNK
        at = b.add(b.add(stage, self._columns_start), offset)
        loaded = b.bitcast(b.load_wide(self._shared, [at], CHUNK, CHUNK), 32)
        words = [b.extract(loaded, lane) for lane in range(4)]
        return [words[:2], words[2:]]

    def _product(self, a: Sequence[Value], w: Sequence[Value], c: Sequence[Value]) -> list[Value]:
        b = self._b
        if b.target.mma_shape == (16, 8, 32):
            return b.fields("llvm.nvvm.mma.m16n8k32.row.col.s8", [*a, *w, *c], [i32] * 4)
        # Registers of a: rows 0-7 and 8-15 of the first 16 inputs, then of the others.
        halves = [list(c[:2]), list(c[2:])]
        for number, words in enumerate(a):
            half, inputs = number % 2, number // 2
            arguments = [words, w[inputs], *halves[half]]
            halves[half] = b.fields("llvm.nvvm.mma.m8n8k16.row.col.s8", arguments, [i32] * 2)
        return halves[0] + halves[1]
