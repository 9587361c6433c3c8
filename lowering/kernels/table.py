"""Lookup in a table of 256 entries."""

from __future__ import annotations

from lowering.kernels.base import KernelBuilder
from lowering.kernels.build import Operand, Value, element_width

HALF_TABLE = 128
"""Entries that a byte permutation reaches: two registers of 64."""


class ByteTable:
    """A table indexed by unsigned bytes; made once at the top of a kernel."""

    def __init__(self, b: KernelBuilder, table: Value) -> None:
        self._b, self._table = b, table
        permute = b.target.byte_permute
        self._lanes = b.target.lanes(8)
        self._permute = permute if element_width(table) == 8 else None

    def map_row(
        self, indices: Value, line: int, output: Value, row: Value, column: Operand, count: int
    ) -> None:
        """``output[row, column + i] = table[indices[line, i]]`` for ``count`` elements."""
        b = self._b
        whole = 0
        if self._permute is not None:
            whole = count - count % self._lanes
            for start in range(0, whole, self._lanes):
                index = b.load_vector(indices, [b.index(line), start], self._lanes)
                b.store_vector(self._permuted(index, self._permute), output, [row, b.add(column, start)])
        if count > whole:
            with b.loop(whole, count) as lane:
                index = b.to_index(b.zero_extend(b.load(indices, line, lane.index), 64))
                b.store(b.load(self._table, index), output, row, b.add(column, lane.index))

    def _permuted(self, index: Value, permute: str) -> Value:
        """The low seven bits choose in each half of the table, the top bit chooses the half."""
        b = self._b
        halves: list[Value] = []
        for start in (0, HALF_TABLE):
            low = b.load_vector(self._table, [start], self._lanes)
            high = b.load_vector(self._table, [start + self._lanes], self._lanes)
            halves.append(b.intrinsic(permute, [low, index, high], index.type))
        return b.select(b.compare("slt", index, 0), halves[1], halves[0])
