"""The end of a GPU's GEMM, in a thread's registers: requant, zero point, then lookup or residual add.

The arithmetic is that of the CPU's kernel, on scalars.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import gcd

from lowering.arithmetic import Requant
from lowering.cuda.build import CudaBuilder, DeviceOperand
from lowering.cuda.kernels.gemm_rows import ImageRows
from lowering.cuda.saturate import store_saturated_run
from lowering.cuda.wide import ALIGNED, load_elements, store_elements
from lowering.kernels.base import is_unsigned
from lowering.kernels.build import Value, element_width
from lowering.kernels.elements import saturated
from lowering.kernels.lookup import lookup_each, signed_index

MOST_TABLE_BYTES = 1024
"""Tables up to this size are looked up in shared memory."""

WORD = 32
"""Bits of a register."""

REGISTERS_AHEAD = 32
"""For the residuals that are on their way at once."""


def staged_table(b: CudaBuilder, operand: DeviceOperand) -> Value:
    """The table where its lookups are fast: in shared memory, if it is small; a barrier must follow."""
    table = b.of_image(operand)
    (entries,), alignment = operand.shape, operand.alignment
    size = entries * operand.width // 8
    if size > MOST_TABLE_BYTES or size % ALIGNED or alignment % ALIGNED:
        return table
    held, count = b.shared([entries], operand.width), ALIGNED * 8 // operand.width
    thread = b.thread_id()
    with b.when(b.compare("ult", thread, entries // count)):
        at = [b.mul(thread, count)]
        b.store_wide(b.load_wide(table, at, count, ALIGNED), held, at, ALIGNED)
    return held


class Epilogue:
    """Finishes runs of ``run`` consecutive columns, from ``column`` (i32) on.

    Operands after input, weights and bias are, where the config has them: multipliers, table, residual. Made
    before the products; what takes registers is loaded by ``prepare``, after them.
    """

    def __init__(self, b: CudaBuilder, rows: ImageRows, column: Value, run: int, tile_columns: int) -> None:
        self._b, self._rows, self._run = b, rows, run
        (self._output,) = b.outputs
        columns = self._output.shape[-1]
        self._columns, self._whole_runs = columns, columns % run == 0
        self._column = b.to_index(column)
        self._whole_tiles = columns % tile_columns == 0
        operands = list(b.inputs[3:])
        self._multipliers = operands.pop(0) if "requant" in b.config else None
        self._table = staged_table(b, operands.pop(0)) if b.flag("lookup") else None
        self._residual = operands.pop(0) if "residual" in b.config else None
        self._factors: list[Value] = []
        self._requant: Requant | None = None
        self._zero_point: Value | None = None

    def of_columns(self, operand: DeviceOperand) -> list[Value]:
        """What a constant with a number for each column has for the run."""
        return load_elements(self._b, self._b.of_image(operand), [self._column], self._run, operand.alignment)

    def prepare(self) -> None:
        """Load and compute what all rows share."""
        b = self._b
        if self._multipliers is not None:
            shared = None
            if self._multipliers.shape == (1,):
                shared = b.load(b.of_image(self._multipliers), 0)
            else:
                self._factors = self.of_columns(self._multipliers)
            self._requant = Requant(b, str(b.config["requant"]), b.scalars["shift"], shared)
            self._requant.prepare(0)
            if "zero_point" in b.scalars:
                self._zero_point = b.truncate(b.scalars["zero_point"], 64 if self._requant.wide else 32)
        if self._residual is not None:
            scalars = b.scalars["residual_shift"], b.scalars["residual_multiplier"]
            self._residual_requant = Requant(b, str(b.config["residual"]), *scalars)
            self._residual_requant.prepare(0)

    def write(self, lines: Sequence[tuple[Value, list[Value]]]) -> None:
        """Finish rows (i32, of all images) and their sums, where there are such rows and columns."""
        if not self._whole_runs:
            for row, sums in lines:
                self._write_one_by_one(row, sums)
            return
        ahead = self._lines_ahead()
        for first in range(0, len(lines), ahead):
            part = lines[first : first + ahead]
            residuals = [self._loaded_ahead(row) for row, _ in part]
            for (row, sums), residual in zip(part, residuals, strict=True):
                self._write_run(row, sums, residual)

    def _lines_ahead(self) -> int:
        """For how many rows the residual is loaded before any of them is finished."""
        if self._residual is None:
            return 1
        return max(1, REGISTERS_AHEAD * WORD // (self._run * self._residual.width))

    def _loaded_ahead(self, row: Value) -> list[Value]:
        """The residual of a run, or of the last where there is none."""
        b = self._b
        row = b.min(row, b.sub(self._rows.count, 1))
        column = self._column if self._whole_tiles else b.min(self._column, self._columns - self._run)
        return self._residual_run(row, column, self._run)

    def _residual_run(self, row: Value, column: Value, count: int) -> list[Value]:
        if self._residual is None:
            return []
        place = self._rows.place(self._residual, row)
        at, alignment = [place.row, column], self._alignment(self._residual)
        return load_elements(self._b, place.memory, at, count, alignment)

    def _write_run(self, row: Value, sums: Sequence[Value], residual: Sequence[Value]) -> None:
        b = self._b
        present = b.compare("ult", row, self._rows.count)
        if not self._whole_tiles:
            present = b.and_(present, b.compare("ult", self._column, self._columns))
        with b.when(present):
            values = [self._requantised(x, lane) for lane, x in enumerate(sums)]
            self._store(row, self._column, self._with_residual(values, residual))

    def _write_one_by_one(self, row: Value, sums: Sequence[Value]) -> None:
        b = self._b
        with b.when(b.compare("ult", row, self._rows.count)):
            for lane, x in enumerate(sums):
                column = b.add(self._column, lane)
                with b.when(b.compare("ult", column, self._columns)):
                    residual = self._residual_run(row, column, 1)
                    self._store(row, column, self._with_residual([self._requantised(x, lane)], residual))

    def _requantised(self, x: Value, lane: int) -> Value:
        """The sum at the output's scale, with the zero point; as it is where nothing is fused."""
        if self._requant is None:
            return x
        x = self._requant(x, self._factors[lane] if self._factors else None)
        return x if self._zero_point is None else self._b.add(x, self._zero_point)

    def _with_residual(self, values: list[Value], residual: Sequence[Value]) -> list[Value]:
        """The exact sums with the residual's requants."""
        if self._residual is None:
            return values
        b, sums = self._b, list[Value]()
        extend = b.zero_extend if is_unsigned(self._residual.kind) else b.sign_extend
        for x, element in zip(values, residual, strict=True):
            added = self._residual_requant(extend(element, 32))
            width = max(element_width(x), element_width(added))
            sums.append(b.add(b.sign_extend(x, width), b.sign_extend(added, width)))
        return sums

    def _store(self, row: Value, column: Value, values: Sequence[Value]) -> None:
        """Look up or clamp, and write."""
        b, place = self._b, self._rows.place(self._output, row)
        target = place.memory, [place.row, column], self._alignment(self._output)
        if self._table is None:
            store_saturated_run(b, values, self._output.element, *target)
            return
        index = signed_index(self._table)
        found = [lookup_each(b, self._table, saturated(b, x, index), signed=True) for x in values]
        store_elements(b, found, *target)

    def _alignment(self, operand: DeviceOperand) -> int:
        return gcd(ALIGNED, operand.row_alignment, self._run * operand.width // 8)
