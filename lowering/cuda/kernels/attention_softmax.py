"""The two softmaxes of fused attention on a warp's 16 rows, and how they rescale the context.

As ``lowering.kernels.attention_softmax``, with each row spread over the four lanes of a quad.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from xdsl.dialects.builtin import i32

from lowering.arithmetic import Requant, saturate
from lowering.arithmetic_nonlinear import intdiv_factor, intdiv_scale, shiftexp
from lowering.cuda.build import CudaBuilder
from lowering.cuda.division import quotient
from lowering.cuda.kernels.attention_blocks import Block, Blocks, Context, Scores, Tile, halves, quad_reduce
from lowering.cuda.kernels.attention_staging import TABLE_ENTRIES, THREADS
from lowering.cuda.mma import word_of_bytes, words_of_shorts
from lowering.kernels.build import Value

INDEX_MAX = TABLE_ENTRIES - 1
INT32_MIN = -(2**31)
ONES = 0x01010101


class Softmax(Protocol):
    """What the attention kernel asks of a softmax."""

    def fill_table(self, thread: Value) -> None:
        """A thread's part of the table; a barrier follows."""
        ...

    def context(self, blocks: Blocks, scores: Scores, context: Context) -> list[list[Value]]:
        """The lane's channels of its rows g and g + 8, rescaled but not yet clamped."""
        ...


class DeltaRows:
    """Differences from the row's maximum, their exponentials by table, the division left to the context."""

    TABLE_WIDTH = 8

    def __init__(self, b: CudaBuilder, shared: Value, image: Value, head: Value) -> None:
        self._b = b
        # Under way while keys and values are.
        source, first = b.of_image(b.inputs[3], image), b.mul(b.thread_id(), 2)
        self._entries = b.load_wide(source, [first], 2, 2)
        self._table = b.view(shared, 0, [TABLE_ENTRIES], self.TABLE_WIDTH)
        per_head = b.flag("per_head")
        self._scores = _requant(b, "", shared=not per_head)
        self._multiplier = b.load(b.of_image(b.inputs[4], image), head, 0, 0) if per_head else None
        self._context = _requant(b, "context_", shared=False)

    def fill_table(self, thread: Value) -> None:
        """Two entries a thread."""
        at = [self._b.mul(thread, 2)]
        self._b.store_wide(self._entries, self._table, at, 2)

    def context(self, blocks: Blocks, scores: Scores, context: Context) -> list[list[Value]]:
        """The codes' sum and context in one pass, then a multiplier for each row."""
        b = self._b

        def raw(block: Block) -> list[Tile]:
            return blocks.once("scores", block, lambda: scores(block))

        tops = _maximum(b, blocks, raw)

        def weigh(block: Block, carried: list[Value]) -> list[Value]:
            codes = _each(raw(block), lambda half, x: self._code(tops[half], x))
            words = _words(b, blocks.masked(block, codes, 0))
            ones, totals = b.constant(ONES, i32), carried[:2]
            for number, word in enumerate(words):
                totals[number % 2] = b.dot4(word, ones, totals[number % 2], "u.s")
            (sums,) = context.add(block, [words], [carried[2:]])
            return [*totals, *sums]

        carried = blocks.fold([*[b.constant(0, i32)] * 2, *context.start()], weigh)
        rows: list[list[Value]] = []
        for half in range(2):
            total = quad_reduce(b, carried[half], b.add)
            multiplier = quotient(b, b.scalars["dividend"], total)
            rows.append([self._context(x, multiplier) for x in context.row(carried[2:], half)])
        return rows

    def _code(self, top: Value, x: Value) -> Value:
        b = self._b
        scaled = self._scores(b.sub(top, x), self._multiplier)
        index = b.truncate(b.min(scaled, INDEX_MAX), 32)
        return b.zero_extend(b.load(self._table, b.to_index(index)), 32)


class ShiftmaxRows:
    """Scores requantised to int8, their shift exponentials by a table made here, IntDiv of each."""

    TABLE_WIDTH = 32

    def __init__(self, b: CudaBuilder, shared: Value) -> None:
        self._b = b
        self._table = b.view(shared, 0, [TABLE_ENTRIES], self.TABLE_WIDTH)
        self._scores = _requant(b, "", shared=True)
        self._context = _requant(b, "context_", shared=True)
        self._bits = b.truncate(b.scalars["bits"], 32)
        self._wide = b.config["probabilities"] == "short"

    def fill_table(self, thread: Value) -> None:
        """``shiftexp(-i)`` of an entry a thread and step."""
        b = self._b
        x0, n = (b.truncate(b.scalars[name], 32) for name in ("x0", "n"))
        with b.loop(thread, TABLE_ENTRIES, THREADS) as loop:
            x = b.sub(0, b.from_index(loop.index, 32))
            b.store(shiftexp(b, x, x0, n), self._table, loop.index)

    def context(self, blocks: Blocks, scores: Scores, context: Context) -> list[list[Value]]:
        """Maximum, sum of the exponentials, context of the probabilities: a pass each."""
        b = self._b

        def narrowed(block: Block) -> list[Tile]:
            return blocks.once("narrowed", block, lambda: _each(scores(block), lambda _, x: self._narrow(x)))

        tops = _maximum(b, blocks, narrowed)

        def exponentials(block: Block) -> list[Tile]:
            return blocks.once(
                "exponentials",
                block,
                lambda: blocks.masked(
                    block, _each(narrowed(block), lambda half, x: self._look_up(b.sub(tops[half], x))), 0
                ),
            )

        def add(block: Block, totals: list[Value]) -> list[Value]:
            tiles = exponentials(block)
            return [_folded(totals[half], halves(tiles, half), b.add) for half in range(2)]

        totals = blocks.fold([b.constant(0, i32)] * 2, add)
        factors = [intdiv_factor(b, quad_reduce(b, total, b.add)) for total in totals]
        count = context.count

        def weigh(block: Block, carried: list[Value]) -> list[Value]:
            tiles = _each(exponentials(block), lambda half, x: intdiv_scale(b, x, factors[half], self._bits))
            words = _short_words(b, tiles) if self._wide else [_words(b, tiles)]
            sums = context.add(block, words, [carried[i : i + count] for i in range(0, len(carried), count)])
            return [x for part in sums for x in part]

        parts = blocks.fold(context.start() * (2 if self._wide else 1), weigh)
        if self._wide:
            parts = [b.add(low, b.shl(high, 8)) for low, high in zip(parts, parts[count:], strict=False)]
        return [[self._context(x) for x in context.row(parts, half)] for half in range(2)]

    def _narrow(self, x: Value) -> Value:
        return self._b.sign_extend(saturate(self._b, self._scores(x), 8), 32)

    def _look_up(self, below: Value) -> Value:
        return self._b.load(self._table, self._b.to_index(below))


def _requant(b: CudaBuilder, prefix: str, *, shared: bool) -> Requant:
    """The requant whose scalars and form have names that begin with ``prefix``, for scalars."""
    form = b.config[f"{prefix}form"]
    assert isinstance(form, str)
    multiplier = b.scalars[f"{prefix}multiplier"] if shared else None
    requant = Requant(b, form, b.scalars[f"{prefix}shift"], multiplier)
    requant.prepare(0)
    return requant


def _each(tiles: Sequence[Tile], body: Callable[[int, Value], Value]) -> list[Tile]:
    """``body(0 for row g and 1 for row g + 8, x)`` of each element."""
    return [[body(number // 2, x) for number, x in enumerate(tile)] for tile in tiles]


def _maximum(b: CudaBuilder, blocks: Blocks, tiles_of: Callable[[Block], list[Tile]]) -> list[Value]:
    """Of row g and of row g + 8."""

    def larger(block: Block, tops: list[Value]) -> list[Value]:
        tiles = blocks.masked(block, tiles_of(block), INT32_MIN)
        return [_folded(tops[half], halves(tiles, half), b.max) for half in range(2)]

    tops = blocks.fold([b.constant(INT32_MIN, i32)] * 2, larger)
    return [quad_reduce(b, top, b.max) for top in tops]


def _folded(x: Value, values: Sequence[Value], combine: Callable[[Value, Value], Value]) -> Value:
    for value in values:
        x = combine(x, value)
    return x


def _quads(b: CudaBuilder, tiles: Sequence[Tile]) -> list[list[Value]]:
    """What each word of the left operand has: two tokens of two products, 0 where there are none."""
    zero = [b.constant(0, i32)] * 4
    padded = [*tiles, *([zero] * (4 - len(tiles)))]
    return [
        [*padded[first][2 * half : 2 * half + 2], *padded[first + 1][2 * half : 2 * half + 2]]
        for first in (0, 2)
        for half in range(2)
    ]


def _words(b: CudaBuilder, tiles: Sequence[Tile]) -> list[Value]:
    """The left operand of unsigned bytes."""
    return [word_of_bytes(b, quad) for quad in _quads(b, tiles)]


def _short_words(b: CudaBuilder, tiles: Sequence[Tile]) -> list[list[Value]]:
    """The left operands of the low and of the high bytes."""
    pairs = [words_of_shorts(b, quad) for quad in _quads(b, tiles)]
    return [[pair[part] for pair in pairs] for part in range(2)]
