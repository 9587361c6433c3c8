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
    """Finishes ``run`` consecutive columns of a row at a time, from ``column`` (i32) on.

    Operands after input, weights and bias are, where the config has them: multipliers, table, residual.
    """

    def __init__(self, b: CudaBuilder, rows: ImageRows, column: Value, run: int) -> None:
        self._b, self._rows, self._run = b, rows, run
        self._column = b.to_index(column)
        (self._output,) = b.outputs
        self._columns = self._output.shape[-1]
        self._inside = b.compare("ult", self._column, self._columns)
        operands = list(b.inputs[3:])
        self._requant: Requant | None = None
        self._multipliers: list[Value] | None = None
        self._table: Value | None = None
        self._residual: DeviceOperand | None = None
        self._zero_point: Value | None = None
        if "requant" in b.config:
            self._prepare_requant(operands.pop(0))
        if b.flag("lookup"):
            self._table = staged_table(b, operands.pop(0))
        if "residual" in b.config:
            self._residual = operands.pop(0)
            scalars = b.scalars["residual_shift"], b.scalars["residual_multiplier"]
            self._residual_requant = Requant(b, str(b.config["residual"]), *scalars)
            self._residual_requant.prepare(0)

    def _prepare_requant(self, multipliers: DeviceOperand) -> None:
        b, shared = self._b, None
        if multipliers.shape == (1,):
            shared = b.load(b.of_image(multipliers), 0)
        else:
            self._multipliers = self.of_columns(multipliers)
        self._requant = Requant(b, str(b.config["requant"]), b.scalars["shift"], shared)
        self._requant.prepare(0)
        if "zero_point" in b.scalars:
            self._zero_point = b.truncate(b.scalars["zero_point"], 64 if self._requant.wide else 32)

    def of_columns(self, operand: DeviceOperand) -> list[Value]:
        """What a constant with a number for each column has for the run."""
        return load_elements(self._b, self._b.of_image(operand), [self._column], self._run, operand.alignment)

    def write(self, row: Value, sums: Sequence[Value]) -> None:
        """Finish the run of a row (i32, of all images), where there is such a row."""
        b = self._b
        present = b.compare("ult", row, self._rows.count)
        with b.when(present):
            if self._columns % self._run == 0:
                with b.when(self._inside):
                    self._finish(row, list(sums), 0)
                return
            for lane, x in enumerate(sums):
                with b.when(b.compare("ult", b.add(self._column, lane), self._columns)):
                    self._finish(row, [x], lane)

    def _finish(self, row: Value, sums: list[Value], first: int) -> None:
        """The sums of the run from its column ``first`` on; all of them have a place."""
        b, place = self._b, self._rows.place(self._output, row)
        values = [self._requantised(x, first + lane) for lane, x in enumerate(sums)]
        column = b.add(self._column, first)
        if self._residual is not None:
            values = self._with_residual(self._residual, values, row, column)
        target = place.memory, [place.row, column], self._alignment(self._output)
        if self._table is not None:
            index = signed_index(self._table)
            found = [lookup_each(b, self._table, saturated(b, x, index), signed=True) for x in values]
            store_elements(b, found, *target)
        else:
            store_saturated_run(b, values, self._output.element, *target)

    def _alignment(self, operand: DeviceOperand) -> int:
        return gcd(ALIGNED, operand.row_alignment, self._run * operand.width // 8)

    def _requantised(self, x: Value, lane: int) -> Value:
        if self._requant is None:
            return x
        x = self._requant(x, None if self._multipliers is None else self._multipliers[lane])
        return x if self._zero_point is None else self._b.add(x, self._zero_point)

    def _with_residual(
        self, residual: DeviceOperand, values: Sequence[Value], row: Value, column: Value
    ) -> list[Value]:
        b, place = self._b, self._rows.place(residual, row)
        loaded = load_elements(b, place.memory, [place.row, column], len(values), self._alignment(residual))
        extend, sums = b.zero_extend if is_unsigned(residual.kind) else b.sign_extend, list[Value]()
        for x, element in zip(values, loaded, strict=True):
            added = self._residual_requant(extend(element, 32))
            width = max(element_width(x), element_width(added))
            sums.append(b.add(b.sign_extend(x, width), b.sign_extend(added, width)))
        return sums
