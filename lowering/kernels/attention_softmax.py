"""The two softmaxes of fused attention: a row of scores in scratch becomes a row of codes or probabilities.

A row is a whole number of registers' lanes in scratch; what lies past its last score is masked by constants.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias

from lowering.arena import align
from lowering.arithmetic import Requant, saturate
from lowering.arithmetic_nonlinear import intdiv_factor, intdiv_scale, row_multiplier, shiftexp
from lowering.kernels.base import KernelBuilder
from lowering.kernels.build import LoopBuilder, Operand, Value, element_width, lanes
from lowering.kernels.dot import dot
from lowering.kernels.elements import Reduction, config_text, splat
from lowering.kernels.lookup import ENTRIES, ByteTable, lookup_each
from lowering.targets import PLAIN, DotInstruction

INDEX_MAX = ENTRIES - 1

BITS_OF_ONE = 2
"""Of the signed weight 1, which sums codes: what multiplies narrow weights best is what sums best."""


class RowSoftmax(Protocol):
    """What the attention kernel asks of a softmax."""

    def begin_head(self, head: Value) -> None:
        """Load what the rows of ``head`` need."""
        ...

    def rows(self, scores: Value, count: Value, target: Value) -> None:
        """Turn ``count`` rows of ``scores`` into those of ``target``, as the context's left operand."""
        ...

    def prepare_row(self, row: Value) -> None:
        """Load what the context of ``row`` needs, before the loop over its channels."""
        ...

    def requant(self, context: Value) -> Value:
        """Lanes of the context (or a scalar) of the prepared row, rescaled but not yet clamped."""
        ...


Terms: TypeAlias = Callable[[Operand, int, Value | None], Sequence[Value]]
"""``terms(index, lanes, mask)``; the mask is None where all lanes count."""


class RowChunks:
    """Loops over a row of ``count`` elements by ``step`` lanes, the rest as one masked vector."""

    def __init__(self, b: KernelBuilder, count: int, step: int) -> None:
        self._b = b
        self._step = step
        self._whole = count - count % step
        kept = count - self._whole
        self._rest = align(kept, b.target.lanes(32))
        self._mask = None
        if kept < self._rest:
            self._mask = b.vector_constant([int(i < kept) for i in range(self._rest)], 1)
        self.counts = tuple(n for n, used in ((step, self._whole), (self._rest, kept)) if used)

    def splats(self, x: Value) -> dict[int, Value]:
        """A scalar in as many lanes as vectors of the row have."""
        return {n: splat(self._b, x, n) for n in self.counts}

    def reduce(self, reductions: Sequence[Reduction], terms: Terms) -> list[Value]:
        """Scalars: each reduction over what ``terms`` gives for it."""
        b = self._b
        totals: list[Value] = []
        if self._whole:
            start = [r.start(b, self._step) for r in reductions]
            with b.loop(0, self._whole, self._step, carried=start) as loop:
                new = terms(loop.index, self._step, None)
                pairs = zip(reductions, loop.carried, new, strict=True)
                loop.carry(*(r.combine(b, x, y) for r, x, y in pairs))
            totals = [r.across(b, x) for r, x in zip(reductions, loop.results, strict=True)]
        if self._rest:
            new = terms(b.index(self._whole), self._rest, self._mask)
            last = [r.across(b, x) for r, x in zip(reductions, new, strict=True)]
            pairs = zip(reductions, totals, last, strict=True) if totals else None
            totals = last if pairs is None else [r.combine(b, x, y) for r, x, y in pairs]
        return totals


def requant_of(b: KernelBuilder, prefix: str, counts: Sequence[int], *, shared: bool) -> Requant:
    """The requant whose scalars and form have names that begin with ``prefix``."""
    multiplier = b.scalars[f"{prefix}multiplier"] if shared else None
    requant = Requant(b, config_text(b, f"{prefix}form"), b.scalars[f"{prefix}shift"], multiplier)
    for count in counts:
        requant.prepare(count)
    return requant


@dataclass(frozen=True)
class CodeSum(Reduction):
    """A sum of unsigned bytes in i32, by the dot instruction where that takes unsigned bytes."""

    instruction: DotInstruction = PLAIN

    def _by_dot(self, count: int) -> bool:
        return self.instruction.offsets and count > 0

    def start(self, b: LoopBuilder, count: int) -> Value:
        """No sum in the lanes for ``count`` bytes."""
        return super().start(b, count // 4 if self._by_dot(count) else count)

    def combine(self, b: LoopBuilder, x: Value, y: Value) -> Value:
        """A sum and further bytes, or two sums."""
        if element_width(y) == 8 and self._by_dot(lanes(y)):
            return dot(b, self.instruction, x, y, b.constant(1, y.type))
        return super().combine(b, x, b.zero_extend(y, 32))

    def across(self, b: LoopBuilder, x: Value) -> Value:
        """All lanes of sums, or of bytes."""
        return super().across(b, b.zero_extend(x, 32))


class DeltaRows:
    """Differences from the row's maximum, their exponentials by table, the division left to the context.

    ``contexts`` are the numbers of lanes that ``requant`` meets.
    """

    def __init__(self, b: KernelBuilder, tokens: int, rows: int, contexts: Sequence[int]) -> None:
        self._b = b
        self._chunks = RowChunks(b, tokens, b.target.lanes(8))
        self._table = ByteTable(b, b.inputs[3], b.target, signed=False)
        self._per_head = b.flag("per_head")
        self._scores = requant_of(b, "", self._chunks.counts, shared=not self._per_head)
        self._score_multiplier: dict[int, Value] = {}
        self._context = requant_of(b, "context_", contexts, shared=False)
        self._contexts = contexts
        self._sum = CodeSum(32, instruction=b.target.weight_instruction(BITS_OF_ONE))
        self._tops, self._totals, self._multipliers = (b.alloca([rows], 32) for _ in range(3))
        self._multiplier: dict[int, Value] = {}

    def begin_head(self, head: Value) -> None:
        """Its multiplier, where each head has its own."""
        if self._per_head:
            multiplier = self._b.load(self._b.inputs[-1], head, 0, 0)
            self._score_multiplier = self._chunks.splats(multiplier)

    def rows(self, scores: Value, count: Value, target: Value) -> None:
        """Codes into ``target``, the rows' multipliers into scratch.

        Each step goes over all rows: what one row waits for, the next ones need not.
        """
        b = self._b
        with b.loop(0, count) as row:
            self._top(scores, row.index)
        with b.loop(0, count) as row:
            self._codes(scores, row.index, target)
        with b.loop(0, count) as row:
            total = b.load(self._totals, row.index)
            b.store(row_multiplier(b, b.scalars["dividend"], total), self._multipliers, row.index)

    def _top(self, scores: Value, row: Value) -> None:
        """The largest score of a row into scratch."""
        b = self._b
        first = self._chunks.splats(b.load(scores, row, 0))

        def score(i: Operand, count: int, mask: Value | None) -> list[Value]:
            x = b.load_vector(scores, [row, i], count)
            return [x if mask is None else b.select(mask, x, first[count])]

        (top,) = self._chunks.reduce([Reduction(32, is_maximum=True)], score)
        b.store(top, self._tops, row)

    def _codes(self, scores: Value, row: Value, target: Value) -> None:
        """A row's codes into ``target``, their sum into scratch."""
        b = self._b
        tops = self._chunks.splats(b.load(self._tops, row))

        def code(i: Operand, count: int, mask: Value | None) -> list[Value]:
            below = b.sub(tops[count], b.load_vector(scores, [row, i], count))
            scaled = self._scores(below, self._score_multiplier.get(count))
            index = b.truncate(b.min(scaled, INDEX_MAX), 8)
            x = self._table(index)
            x = x if mask is None else b.select(mask, x, 0)
            b.store_vector(b.zero_extend(x, element_width(target)), target, [row, i])
            return [x]

        (total,) = self._chunks.reduce([self._sum], code)
        b.store(total, self._totals, row)

    def prepare_row(self, row: Value) -> None:
        """The row's multiplier in all lanes."""
        multiplier = self._b.load(self._multipliers, row)
        self._multiplier = {n: splat(self._b, multiplier, n) for n in self._contexts}

    def requant(self, context: Value) -> Value:
        """By the row's multiplier."""
        return self._context(context, self._multiplier[lanes(context)])


class ShiftmaxRows:
    """Scores requantised to int8, their shift exponentials by a table made here, IntDiv of each.

    ``contexts`` are the numbers of lanes that ``requant`` meets.
    """

    def __init__(self, b: KernelBuilder, tokens: int, rows: int, contexts: Sequence[int]) -> None:
        self._b = b
        self._chunks = RowChunks(b, tokens, b.target.lanes(32))
        self._scores = requant_of(b, "", self._chunks.counts, shared=True)
        self._context = requant_of(b, "context_", contexts, shared=True)
        self._table = shiftexp_table(b, ENTRIES)
        self._bits = self._chunks.splats(b.truncate(b.scalars["bits"], 32))

    def begin_head(self, head: Value) -> None:
        """All heads have one multiplier."""

    def rows(self, scores: Value, count: Value, target: Value) -> None:
        """Probabilities into ``target``; the scores make room for int8 values, then for exponentials."""
        with self._b.loop(0, count) as row:
            self._row(scores, row.index, target)

    def _row(self, scores: Value, row: Value, target: Value) -> None:
        b = self._b

        def narrowed(i: Operand, count: int, mask: Value | None) -> list[Value]:
            y = saturate(b, self._scores(b.load_vector(scores, [row, i], count)), 8)
            y = b.sign_extend(y, 32)
            y = y if mask is None else b.select(mask, y, -128)
            b.store_vector(y, scores, [row, i])
            return [y]

        (top,) = self._chunks.reduce([Reduction(32, is_maximum=True)], narrowed)
        tops = self._chunks.splats(top)

        def exponential(i: Operand, count: int, mask: Value | None) -> list[Value]:
            below = b.sub(tops[count], b.load_vector(scores, [row, i], count))
            e = lookup_each(b, self._table, b.truncate(below, 8), signed=False)
            e = e if mask is None else b.select(mask, e, 0)
            b.store_vector(e, scores, [row, i])
            return [e]

        (total,) = self._chunks.reduce([Reduction(32)], exponential)
        factors = self._chunks.splats(intdiv_factor(b, total))

        def probability(i: Operand, count: int, mask: Value | None) -> list[Value]:
            e = b.load_vector(scores, [row, i], count)
            p = intdiv_scale(b, e, factors[count], self._bits[count])
            b.store_vector(b.truncate(p, element_width(target)), target, [row, i])
            return []

        self._chunks.reduce([], probability)

    def prepare_row(self, row: Value) -> None:
        """All rows have one multiplier."""

    def requant(self, context: Value) -> Value:
        """By the shared multiplier."""
        return self._context(context)


def shiftexp_table(b: KernelBuilder, entries: int) -> Value:
    """``shiftexp(-i)`` for ``i`` below ``entries`` in scratch, by the kernel's scalars ``x0`` and ``n``."""
    table = b.alloca([entries], 32)
    x0, n = (b.truncate(b.scalars[name], 32) for name in ("x0", "n"))
    with b.loop(0, entries) as loop:
        x = b.sub(0, b.from_index(loop.index, 32))
        b.store(shiftexp(b, x, x0, n), table, loop.index)
    return table
