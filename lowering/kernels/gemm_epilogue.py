"""The end of a linear layer, in registers: requant, then zero point, then lookup or residual add."""

from __future__ import annotations

from collections.abc import Sequence

from ivit_dialect.element_types import held_bits
from lowering.arena import align
from lowering.arithmetic import Requant
from lowering.kernels.base import KernelBuilder, is_unsigned
from lowering.kernels.build import Value, element_width, shape
from lowering.kernels.elements import output_element, saturated
from lowering.kernels.lookup import ByteTable, lookup_each, signed_index


class Epilogue:
    """``clamp(requant(acc) + zero_point + requant(residual))`` or a lookup, written to the output.

    Operands after input, weights and bias are, where the config has them: multipliers, table, residual. Made
    once at the top of the kernel, so that whatever all tiles share is computed there.
    """

    def __init__(self, b: KernelBuilder, lanes: int, rows: int, columns: int) -> None:
        self._b, self._lanes = b, lanes
        (self._output,) = b.outputs
        self._element = output_element(b)
        operands = list(b.inputs[3:])

        def operand(name: str) -> Value:
            value = operands.pop(0)
            value.name_hint = name
            return value

        self._requant: Requant | None = None
        self._multipliers: Value | None = None
        self._table: Value | None = None
        self._residual: Value | None = None
        self._spill = b.alloca([lanes], element_width(self._output))
        if "requant" in b.config:
            self._requant = self._make_requant(operand("multipliers"))
        if b.flag("lookup"):
            self._table = operand("table")
            self._index = signed_index(self._table)
            width = held_bits(self._index)
            self._bytes = b.alloca([align(rows * columns, b.target.lanes(8)) * width // 8], 8)
            self._indices = b.view(self._bytes, 0, [rows, columns], width)
        if "residual" in b.config:
            self._residual = operand("residual")
            self._residual_unsigned = is_unsigned(b.spec.memrefs[b.inputs.index(self._residual)])
            self._residual_spill = b.alloca([lanes], element_width(self._residual))
            self._residual_requant = Requant(
                b,
                str(b.config["residual"]),
                b.scalars["residual_shift"],
                b.scalars["residual_multiplier"],
            )
            self._residual_requant.prepare(lanes)
        self._zero_point = self._make_zero_point()

    def _make_requant(self, multipliers: Value) -> Requant:
        b = self._b
        shared = None
        if shape(multipliers) == (1,):
            shared = b.load(multipliers, 0)
        else:
            self._multipliers = multipliers
        requant = Requant(b, str(b.config["requant"]), b.scalars["shift"], shared)
        requant.prepare(self._lanes)
        return requant

    def _make_zero_point(self) -> Value | None:
        b = self._b
        if "zero_point" not in b.scalars or self._requant is None:
            return None
        width = 64 if self._requant.wide else 32
        return b.broadcast(b.truncate(b.scalars["zero_point"], width), self._lanes)

    def write(
        self,
        totals: Sequence[Value],
        rows: int,
        vectors: int,
        row: Value,
        column: Value,
        columns: int,
    ) -> None:
        """Finish a register tile (row by row) whose first element is [row, column]; ``columns`` are valid."""
        b = self._b
        starts = [b.add(column, j * self._lanes) for j in range(vectors)]
        multipliers: list[Value | None] = [None] * vectors
        if self._multipliers is not None:
            multipliers = [b.load_vector(self._multipliers, [start], self._lanes) for start in starts]
        for r in range(rows):
            at = b.add(row, r)
            for j in range(vectors):
                valid = min(self._lanes, columns - j * self._lanes)
                x = self._requantised(totals[r * vectors + j], multipliers[j])
                if self._table is not None:
                    index = saturated(b, x, self._index)
                    b.store_vector(index, self._indices, [b.index(r), j * self._lanes])
                else:
                    self._finish(x, at, starts[j], valid)
        if self._table is not None:
            self._look_up(self._table, rows, row, column, columns)

    def _look_up(self, table: Value, rows: int, row: Value, column: Value, columns: int) -> None:
        """Entries of the tile's indices into the output: by registers in place, else one by one."""
        b = self._b
        in_place = element_width(table) == element_width(self._indices) == 8 and b.target.looks_up_bytes
        if in_place:
            # Loaded here and not above the products, which need the registers.
            entries = ByteTable(b, table, b.target, signed=True)
            step, pitch = b.target.lanes(8), shape(self._indices)[1]
            for start in range(0, rows * pitch, step):
                index = b.load_vector(self._bytes, [start], step)
                b.store_vector(entries(index), self._bytes, [start])
        for r in range(rows):
            at = b.add(row, r)
            if in_place and columns == shape(self._indices)[1]:
                y = b.load_vector(self._indices, [b.index(r), 0], columns)
                b.store_vector(y, self._output, [at, column])
                continue
            with b.loop(0, columns) as lane:
                y = b.load(self._indices, b.index(r), lane.index)
                y = y if in_place else lookup_each(b, table, y, signed=True)
                b.store(y, self._output, at, b.add(column, lane.index))

    def _requantised(self, x: Value, multiplier: Value | None) -> Value:
        """The accumulator at the output's scale, with the zero point; as it is where nothing is fused."""
        if self._requant is None:
            return x
        x = self._requant(x, multiplier)
        return x if self._zero_point is None else self._b.add(x, self._zero_point)

    def _finish(self, x: Value, row: Value, column: Value, valid: int) -> None:
        """Add the residual, clamp and store ``valid`` lanes."""
        b = self._b
        if self._residual is not None:
            added = self._residual_requant(self._residual_lanes(row, column, valid))
            width = max(element_width(x), element_width(added))
            x = b.add(b.sign_extend(x, width), b.sign_extend(added, width))
        y = saturated(b, x, self._element)
        if valid == self._lanes:
            b.store_vector(y, self._output, [row, column])
            return
        b.store_vector(y, self._spill, [0])
        with b.loop(0, valid) as lane:
            b.store(b.load(self._spill, lane.index), self._output, row, b.add(column, lane.index))

    def _residual_lanes(self, row: Value, column: Value, valid: int) -> Value:
        """A register of the residual as int32; lanes that are not ``valid`` hold anything."""
        b = self._b
        assert self._residual is not None
        if valid == self._lanes:
            x = b.load_vector(self._residual, [row, column], self._lanes)
        else:
            with b.loop(0, valid) as lane:
                element = b.load(self._residual, row, b.add(column, lane.index))
                b.store(element, self._residual_spill, lane.index)
            x = b.load_vector(self._residual_spill, [0], self._lanes)
        return b.zero_extend(x, 32) if self._residual_unsigned else b.sign_extend(x, 32)
