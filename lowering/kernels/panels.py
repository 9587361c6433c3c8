"""Products of small matrices in scratch: int8 matrices packed into panels, rows of groups, register tiles.

A panel holds ``columns`` columns as ``[step][column * depth]`` bytes, in groups of ``depth`` as the dot
instruction takes them. The left operand lies in rows of such groups, one i32 each.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from lowering.arena import align
from lowering.kernels.base import KernelBuilder
from lowering.kernels.build import LoopBuilder, Operand, Value, lanes, shape, vector_type
from lowering.kernels.dot import dot, group_operand, weight_operand
from lowering.kernels.elements import flat
from lowering.targets import DotInstruction

GROUP_WIDTH = 32
GROUP_BYTES = 4
ROW_PADDING = 16
"""Groups between rows, so that rows do not fall on the same cache sets."""

BYTE_OFFSET = 128
"""What depth 4 adds to int8 left operands, to make them unsigned."""


def fill_zero(b: LoopBuilder, target: Value, step: int) -> None:
    """Zeros in all of a contiguous scratch of bytes, a multiple of ``step`` in size."""
    whole = flat(b, target)
    zero = b.constant(0, vector_type(step, 8))
    with b.loop(0, shape(whole)[0], step) as loop:
        b.store_vector(zero, whole, [loop.index])


def interleaved(b: LoopBuilder, rows: Sequence[Value]) -> Value:
    """Byte vectors of one length, element by element: ``rows[0][0], rows[1][0], …, rows[0][1], …``."""
    if len(rows) == 1:
        return rows[0]
    # Groups of even and odd rows, then zipped: with 4 rows, (0, 2) and (1, 3).
    even, odd = interleaved(b, rows[0::2]), interleaved(b, rows[1::2])
    count = lanes(even)
    return b.shuffle(even, odd, [i // 2 + count * (i % 2) for i in range(2 * count)])


def each_tile(
    b: KernelBuilder,
    heads: int,
    tiles: int,
    begin_head: Callable[[Value], None],
    tile_body: Callable[[Value, Value], None],
) -> None:
    """This thread's share of ``heads`` x ``tiles``: ``begin_head(head)``, then ``tile_body(head, tile)``."""
    first, last = b.my_share(heads * tiles)
    end = b.div_unsigned(b.add(last, tiles - 1), tiles)
    with b.loop(b.div_unsigned(first, tiles), end) as head:
        before = b.mul(head.index, tiles)
        begin_head(head.index)
        lower = b.sub(b.max(first, before), before)
        upper = b.sub(b.min(last, b.add(before, tiles)), before)
        with b.loop(lower, upper) as tile:
            tile_body(head.index, tile.index)


@dataclass(frozen=True)
class Groups:
    """A left operand in scratch: ``rows`` rows of groups, seen as elements and as i32 groups."""

    elements: Value
    groups: Value

    @staticmethod
    def allocate(b: KernelBuilder, rows: int, inner: int, instruction: DotInstruction) -> Groups:
        """Room for rows of ``inner`` elements and a register more, all zero."""
        depth = instruction.depth
        pitch = align(inner, b.target.lanes(8)) // depth + ROW_PADDING
        block = b.alloca([align(rows * pitch * GROUP_BYTES, b.target.vector_bytes)], 8)
        fill_zero(b, block, b.target.vector_bytes)
        width = GROUP_WIDTH // depth
        return Groups(b.view(block, 0, [rows, pitch * depth], width), b.view(block, 0, [rows, pitch], 32))


class Panels:
    """An int8 matrix of ``inner`` rows and ``outer`` columns, packed; the right operand of products.

    ``registers`` is how many of them a row of a tile has, by default as many as the target's GEMM.
    """

    def __init__(
        self,
        b: KernelBuilder,
        inner: int,
        outer: int,
        instruction: DotInstruction,
        registers: int | None = None,
    ) -> None:
        self._b = b
        self._dot = instruction
        self._lanes = b.target.lanes(32)
        self.inner, self.outer = inner, outer
        columns = b.target.tile_columns if registers is None else registers * self._lanes
        self.columns = min(columns, b.target.tile_columns, align(outer, self._lanes))
        self.steps = align(inner, instruction.depth) // instruction.depth
        self.count = align(outer, self.columns) // self.columns
        self.padded = self.count * self.columns
        self._packed = b.alloca([self.count, self.steps, self.columns * instruction.depth], 8)
        if inner % instruction.depth or outer % self.columns:
            fill_zero(b, self._packed, self._lanes * instruction.depth)

    def pack_columns(self, source: Value, row: Operand, column: Operand) -> None:
        """From a matrix whose rows are this one's columns: ``outer`` rows of ``inner`` bytes."""
        b, depth = self._b, self._dot.depth
        width = shape(source)[1]
        # Groups that do not straddle rows are copied as one element each.
        size = 8 * depth if self.inner % depth == 0 and width % depth == 0 else 8
        elements = size // 8
        wide = b.view(flat(b, source), 0, [shape(source)[0], width // elements], size)
        packed = self._as_elements(size)
        first = b.div_unsigned(b.value(column), elements)
        with b.loop(0, self.outer) as line, b.loop(0, self.inner // elements) as k:
            x = b.load(wide, b.add(line.index, row), b.add(k.index, first))
            panel, place = self._split(line.index, self.columns)
            if elements == depth:
                b.store(x, packed, panel, k.index, place)
            else:
                step, byte = self._split(k.index, depth)
                b.store(x, packed, panel, step, b.add(b.mul(place, depth), byte))

    def _split(self, index: Value, size: int) -> tuple[Value, Value]:
        return self._b.div_unsigned(index, size), self._b.rem_unsigned(index, size)

    def _as_elements(self, size: int) -> Value:
        count = self.columns * self._dot.depth * 8 // size
        return self._b.view(flat(self._b, self._packed), 0, [self.count, self.steps, count], size)

    def pack_rows(self, source: Value, row: Operand, column: Operand) -> None:
        """From a matrix that lies as this one does: ``inner`` rows of ``outer`` bytes of ``source``."""
        whole, rest = divmod(self.inner, self._dot.depth)
        with self._b.loop(0, whole) as step:
            self._pack_step(source, row, column, step.index, self._dot.depth)
        if rest:
            self._pack_step(source, row, column, self._b.index(whole), rest)

    def _pack_step(self, source: Value, row: Operand, column: Operand, step: Value, rows: int) -> None:
        """A group of ``rows`` rows, as vectors of columns; rows that miss are zeros."""
        b, depth, count = self._b, self._dot.depth, self._lanes
        first = b.add(b.mul(step, depth), row)
        zero = b.constant(0, vector_type(count, 8))
        for start in range(0, self.outer - self.outer % count, count):
            at = b.add(column, start)
            values = [b.load_vector(source, [b.add(first, r), at], count) for r in range(rows)]
            values += [zero] * (depth - rows)
            panel, place = divmod(start, self.columns)
            b.store_vector(interleaved(b, values), self._packed, [panel, step, place * depth])
        for start in range(self.outer - self.outer % count, self.outer):
            panel, place = divmod(start, self.columns)
            for r in range(rows):
                x = b.load(source, b.add(first, r), b.add(column, start))
                b.store(x, self._packed, panel, step, place * depth + r)

    def offset_bias(self, bias: Value) -> None:
        """``bias[column] = -128 * sum`` of each column: undoes the offset of unsigned left operands."""
        b, depth = self._b, self._dot.depth
        count = self._lanes
        zero = b.constant(0, vector_type(count, 32))
        offsets = b.constant(-BYTE_OFFSET, vector_type(count * depth, 8))
        for column in range(0, align(self.outer, count), count):
            panel, place = divmod(column, self.columns)
            with b.loop(0, self.steps, carried=[zero]) as k:
                packed = b.load_vector(self._packed, [panel, k.index, place * depth], count * depth)
                k.carry(dot(b, self._dot, k.carried[0], offsets, packed))
            b.store_vector(b.sub(0, k.results[0]), bias, [column])

    def product(self, left: Groups, rows: int, target: Value, bias: Value | None = None) -> None:
        """``target[row][column] = bias[column] + sum`` for all columns, rounded up to whole registers."""
        b = self._b
        whole, rest = divmod(self.outer, self.columns)
        if whole:
            with b.loop(0, whole) as panel:
                self._tile(left, rows, panel.index, self.columns, target, bias)
        if rest:
            self._tile(left, rows, b.index(whole), rest, target, bias)

    def _tile(
        self, left: Groups, rows: int, panel: Value, columns: int, target: Value, bias: Value | None
    ) -> None:
        """Accumulators of ``rows`` by ``columns`` stay in registers over all steps."""
        b, depth, count = self._b, self._dot.depth, self._lanes
        vectors = align(columns, count) // count
        column = b.mul(panel, self.columns)
        places = [b.add(column, j * count) for j in range(vectors)]
        zero = b.constant(0, vector_type(count, 32))
        start = [zero if bias is None else b.load_vector(bias, [place], count) for place in places]
        with b.loop(0, self.steps, carried=start * rows) as k:
            size = count * depth
            packed = [b.load_vector(self._packed, [panel, k.index, j * size], size) for j in range(vectors)]
            right = [weight_operand(b, self._dot, x) for x in packed]
            totals: list[Value] = []
            for r in range(rows):
                group = group_operand(b, self._dot, b.load(left.groups, r, k.index), count)
                for j in range(vectors):
                    totals.append(dot(b, self._dot, k.carried[r * vectors + j], group, right[j]))
            k.carry(*totals)
        for i, total in enumerate(k.results):
            b.store_vector(total, target, [i // vectors, places[i % vectors]])
