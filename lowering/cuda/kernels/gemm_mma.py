"""A warp's products on tensor cores: 16 rows by 8 columns by 32 inputs at a time.

Activations come by ``ldmatrix``, weights by plain loads of the fragments that the packing made. Activations
of 16 bits are two operands, ``x = 256 * high + low``: the signed high bytes and the unsigned low ones have
sums of their own until the end.
"""

from __future__ import annotations

from collections.abc import Sequence

from xdsl.dialects.builtin import i32

from lowering.cuda.build import CudaBuilder
from lowering.cuda.kernels.gemm_staging import CHUNK, mixed
from lowering.cuda.mma import COLUMNS, ROWS, product
from lowering.cuda.targets import WARP, GemmTile
from lowering.fragments import STEP
from lowering.kernels.build import Value

HIGH_BYTES, LOW_BYTES = 0x7531, 0x6420
"""Of two words, as ``prmt`` selects them."""


class MmaProducts:
    """The sums of one warp: lane ``4 g + t`` has rows ``g`` and ``g + 8`` of each 16, and ``run`` consecutive
    columns from ``t * run`` of the warp's on (which columns these are is in the packing)."""

    def __init__(self, b: CudaBuilder, tile: GemmTile) -> None:
        self._b, self._tile = b, tile
        self._parts = b.inputs[0].width // 8
        self._row_bytes = tile.depth * self._parts
        self._shared = b.dynamic_shared()
        self._row_tiles, self._column_tiles = tile.warp_rows // ROWS, tile.warp_columns // COLUMNS
        self.run = tile.warp_columns // 4
        thread = b.from_index(b.thread_id(), 32)
        lane, warp = b.rem_unsigned(thread, WARP), b.div_unsigned(thread, WARP)
        down, along = b.rem_unsigned(warp, tile.warps[0]), b.div_unsigned(warp, tile.warps[0])
        first_row = b.mul(down, tile.warp_rows)
        self._rows_start = self._matrix_rows(lane, first_row)
        fragments = b.add(b.mul(along, tile.warp_columns * STEP), b.mul(lane, CHUNK))
        self._columns_start = b.to_index(b.add(fragments, tile.rows * self._row_bytes))
        self.first_row = b.add(first_row, b.div_unsigned(lane, 4))
        """Of the lane, in the block."""
        self.first_column = b.add(b.mul(along, tile.warp_columns), b.mul(b.rem_unsigned(lane, 4), self.run))

    def _matrix_rows(self, lane: Value, first_row: Value) -> list[Value]:
        """What a lane addresses, for every two chunks of a row: row ``lane % 16``, chunk ``lane / 16``."""
        b = self._b
        row = b.add(first_row, b.rem_unsigned(lane, ROWS))
        chunk = b.div_unsigned(lane, ROWS)
        starts: list[Value] = []
        for first in range(0, self._row_bytes // CHUNK, 2):
            place = mixed(b, row, b.add(chunk, first), self._row_bytes)
            starts.append(b.to_index(b.add(b.mul(row, self._row_bytes), b.mul(place, CHUNK))))
        return starts

    def start(self, bias: Sequence[Value]) -> list[Value]:
        """The sums before any product, from the lane's biases; those of high bytes come first."""
        first = [
            bias[2 * j + c % 2]
            for _ in range(self._row_tiles)
            for j in range(self._column_tiles)
            for c in range(4)
        ]
        zero = self._b.constant(0, i32)
        return [zero] * len(first) * (self._parts - 1) + first

    def stage(self, sums: Sequence[Value], stage: Value) -> list[Value]:
        """Add the products of a stage."""
        updated = list(sums)
        for step in range(self._tile.depth // STEP):
            left = [self._left(stage, step, i) for i in range(self._row_tiles)]
            right = [f for pair in range(self._column_tiles // 2) for f in self._right(stage, step, pair)]
            for i, parts in enumerate(left):
                for j, w in enumerate(right):
                    for part, a in enumerate(parts):
                        tile = (part * self._row_tiles + i) * self._column_tiles + j
                        old = updated[4 * tile : 4 * tile + 4]
                        updated[4 * tile : 4 * tile + 4] = product(self._b, a, w, old, unsigned=part > 0)
        return updated

    def lines(self, sums: Sequence[Value]) -> list[tuple[Value, list[Value]]]:
        """Each of the lane's rows (in the block) and its run of sums."""
        b, found = self._b, list[tuple[Value, list[Value]]]()
        if self._parts == 2:
            count = len(sums) // 2
            sums = [b.add(b.shl(x, 8), y) for x, y in zip(sums[:count], sums[count:], strict=True)]
        for i in range(self._row_tiles):
            for half in range(2):
                tile = sums[4 * i * self._column_tiles : 4 * (i + 1) * self._column_tiles]
                run = [tile[4 * j + 2 * half + c] for j in range(self._column_tiles) for c in range(2)]
                found.append((b.add(self.first_row, ROWS * i + 8 * half), run))
        return found

    def _left(self, stage: Value, step: int, tile: int) -> list[list[Value]]:
        """Of 32 inputs; of 16 bits, the high bytes and the low ones."""
        first = [self._matrices(stage, self._parts * step, tile)]
        if self._parts == 1:
            return first
        words = [*first[0], *self._matrices(stage, self._parts * step + 1, tile)]
        # Matrices are rows 0-7 and 8-15 of 8 inputs, then of the next 8.
        pairs = [(words[i], words[i + 2]) for i in (0, 1, 4, 5)]
        return [[self._bytes(*pair, chosen) for pair in pairs] for chosen in (HIGH_BYTES, LOW_BYTES)]

    def _matrices(self, stage: Value, chunks: int, tile: int) -> list[Value]:
        b = self._b
        at = b.add(b.add(stage, self._rows_start[chunks]), tile * ROWS * self._row_bytes)
        name = "llvm.nvvm.ldmatrix.sync.aligned.m8n8.x4.b16.p3"
        return b.fields(name, [b.pointer(self._shared, at)], [i32] * 4)

    def _bytes(self, x: Value, y: Value, chosen: int) -> Value:
        return self._b.intrinsic("llvm.nvvm.prmt", [x, y, self._b.constant(chosen, i32)], i32)

    def _right(self, stage: Value, step: int, pair: int) -> list[list[Value]]:
        """Of two products."""
        b, tile = self._b, self._tile
        offset = step * tile.columns * STEP + pair * WARP * CHUNK
        at = b.add(b.add(stage, self._columns_start), offset)
        loaded = b.bitcast(b.load_wide(self._shared, [at], CHUNK, CHUNK), 32)
        words = [b.extract(loaded, lane) for lane in range(4)]
        return [words[:2], words[2:]]
