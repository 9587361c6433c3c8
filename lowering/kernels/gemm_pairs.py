"""Products with weights that are packed for sums of two and four products in 16 bits (``lowering/pairs``)."""

from __future__ import annotations

from collections.abc import Sequence

from lowering.kernels.build import LoopBuilder, Value
from lowering.kernels.dot import dot, dot_fours, group_operand
from lowering.kernels.elements import flat
from lowering.pairs.arrange import BLOCK, arrangements
from lowering.pairs.packed import SplitLayout
from lowering.targets import DotInstruction


class PairedPanels:
    """The parts of the packed weights, and the loops over a panel's steps.

    ``groups`` [rows][group] are the activations in scratch. Accumulators come row by row, a register of
    columns each.
    """

    def __init__(
        self, b: LoopBuilder, packed: Value, layout: SplitLayout, dot_: DotInstruction, groups: Value
    ) -> None:
        self._b, self._dot, self._groups = b, dot_, groups
        self._lanes, self._size, self._steps = layout.lanes, layout.lanes * layout.depth, layout.steps
        self._pitch = layout.pitch * layout.depth
        data, at = flat(b, packed), layout
        self._orders = arrangements(at.planes)
        self._panels = b.view(data, 0, [at.panels, at.steps, at.columns * at.depth], 8)
        self._order = b.view(data, at.order_at, [at.panels, at.steps], 32)
        self._bounds = b.view(data, at.bounds_at, [at.panels, at.bounds], 32)
        self._extras = self._extra_groups = None
        if at.room:
            self._extras = b.view(data, at.extras_at, [at.room, self._size], 8)
            self._extra_groups = b.view(data, at.groups_at, [at.room], 32)

    def arrange(self, scratch: Value, row: Value) -> None:
        """Write a row of activations [row][channel] in its other arrangements, behind the first.

        What lies behind the channels is arranged with them, and read by nobody.
        """
        b, orders = self._b, self._orders[1:]
        if not orders:
            return
        register, pitch = self._size, self._pitch
        with b.loop(0, pitch, register) as k:
            x = b.load_vector(scratch, [row, k.index], register)
            for number, order in enumerate(orders, 1):
                lanes = [i // BLOCK * BLOCK + order[i % BLOCK] for i in range(register)]
                at = b.add(k.index, number * pitch)
                b.store_vector(b.shuffle(x, x, lanes), scratch, [row, at])

    def add(self, totals: Sequence[Value], rows: int, vectors: int, panel: Value) -> list[Value]:
        """``totals`` and the products of the first ``vectors`` registers of a panel."""
        b = self._b
        fours = b.to_index(b.load(self._bounds, panel, 0))
        with b.loop(0, fours, carried=totals) as loop:
            first = b.mul(loop.index, 2)
            loop.carry(*self._two_steps(loop.carried, rows, vectors, panel, first))
        with b.loop(b.mul(fours, 2), self._steps, carried=loop.results) as loop:
            weights = self._weights(vectors, panel, loop.index)
            loop.carry(*self._step(loop.carried, rows, weights, self._group(panel, loop.index)))
        return self._further(list(loop.results), vectors, rows, panel)

    def _further(self, totals: list[Value], vectors: int, rows: int, panel: Value) -> list[Value]:
        """Add what the weights have in excess, register by register."""
        b = self._b
        if self._extras is None or self._extra_groups is None:
            return totals
        for j in range(vectors):
            begin, end = (b.to_index(b.load(self._bounds, panel, 1 + j + i)) for i in range(2))
            with b.loop(begin, end, carried=totals[j::vectors]) as loop:
                weights = [b.load_vector(self._extras, [loop.index, 0], self._size)]
                group = b.to_index(b.load(self._extra_groups, loop.index))
                loop.carry(*self._step(loop.carried, rows, weights, group))
            totals[j::vectors] = loop.results
        return totals

    def _weights(self, vectors: int, panel: Value, step: Value) -> list[Value]:
        size = self._size
        return [self._b.load_vector(self._panels, [panel, step, j * size], size) for j in range(vectors)]

    def _group(self, panel: Value, step: Value) -> Value:
        return self._b.to_index(self._b.load(self._order, panel, step))

    def _activations(self, row: int, group: Value) -> Value:
        return group_operand(self._b, self._dot, self._b.load(self._groups, row, group), self._lanes)

    def _step(
        self, totals: Sequence[Value], rows: int, weights: Sequence[Value], group: Value
    ) -> list[Value]:
        vectors = len(weights)
        updated: list[Value] = []
        for r in range(rows):
            x = self._activations(r, group)
            for j, weight in enumerate(weights):
                updated.append(dot(self._b, self._dot, totals[r * vectors + j], x, weight))
        return updated

    def _two_steps(
        self, totals: Sequence[Value], rows: int, vectors: int, panel: Value, first: Value
    ) -> list[Value]:
        steps = (first, self._b.add(first, 1))
        weights = [self._weights(vectors, panel, step) for step in steps]
        groups = [self._group(panel, step) for step in steps]
        updated: list[Value] = []
        for r in range(rows):
            xs = [self._activations(r, group) for group in groups]
            for j, pair in enumerate(zip(*weights, strict=True)):
                updated.append(dot_fours(self._b, self._dot, totals[r * vectors + j], xs, pair))
        return updated
