"""Scores and context of a warp's 16 queries, 32 tokens (a block) after the other.

Where all scores fit the registers they are computed once and kept; otherwise each pass over the row computes
them anew, in a loop, and any number of tokens goes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from xdsl.dialects.builtin import i32

from lowering.cuda.build import CudaBuilder
from lowering.cuda.kernels.attention_staging import AttentionShape
from lowering.cuda.mma import COLUMNS, INPUTS, QUAD, Fragments, product
from lowering.kernels.build import Operand, Value

Tile: TypeAlias = list[Value]
"""Sums of one product: row g at tokens 2q and 2q + 1, then row g + 8."""

TILES = INPUTS // COLUMNS


@dataclass
class Block:
    """Tokens from ``32 * number`` on; the last block has ``count`` of them, below 32."""

    number: Operand
    count: int = INPUTS
    kept: dict[str, list[Tile]] = field(default_factory=dict[str, list[Tile]])

    @property
    def tiles(self) -> int:
        """Products that have any of the tokens."""
        return -(-self.count // COLUMNS)


Body: TypeAlias = Callable[[Block, list[Value]], list[Value]]


class Blocks:
    """All tokens in blocks, and which lanes' elements are tokens."""

    def __init__(self, b: CudaBuilder, shape: AttentionShape, lane: Value, *, resident: bool) -> None:
        self._b = b
        self._whole, self._rest = divmod(shape.tokens, INPUTS)
        self._column = b.mul(b.rem_unsigned(lane, QUAD), 2)
        self._resident = resident
        self._tail = Block(self._whole, self._rest) if self._rest else None
        self._blocks = [Block(number) for number in range(self._whole)] if resident else []

    def fold(self, start: Sequence[Value], body: Body) -> list[Value]:
        """``carried = body(block, carried)`` over all blocks."""
        b, carried = self._b, list(start)
        for block in self._blocks:
            carried = body(block, carried)
        if not self._resident and self._whole:
            with b.loop(0, self._whole, carried=carried) as loop:
                loop.carry(*body(Block(loop.index), list(loop.carried)))
            carried = list(loop.results)
        return carried if self._tail is None else body(self._tail, carried)

    def once(self, name: str, block: Block, make: Callable[[], list[Tile]]) -> list[Tile]:
        """``make()``, or what it gave for the same block in an earlier pass."""
        if name not in block.kept:
            block.kept[name] = make()
        return block.kept[name]

    def masked(self, block: Block, tiles: Sequence[Tile], value: int) -> list[Tile]:
        """``tiles`` with ``value`` where there is no token."""
        return [
            self._masked(block.count - COLUMNS * number, tile, value) for number, tile in enumerate(tiles)
        ]

    def _masked(self, count: int, tile: Tile, value: int) -> Tile:
        if count >= COLUMNS:
            return tile
        b = self._b
        inside = [b.compare("ult", b.add(self._column, i), count) for i in range(2)]
        return [b.select(inside[number % 2], x, value) for number, x in enumerate(tile)]


class Scores:
    """``Q K^T`` of a block."""

    def __init__(
        self, b: CudaBuilder, shape: AttentionShape, queries: Sequence[Sequence[Value]], keys: Fragments
    ) -> None:
        self._b, self._shape, self._queries, self._keys = b, shape, queries, keys

    def __call__(self, block: Block) -> list[Tile]:
        b, found = self._b, list[Tile]()
        for first in range(0, block.tiles, 2):
            pair: list[Tile] = [[b.constant(0, i32)] * 4 for _ in range(min(2, block.tiles - first))]
            for step, query in enumerate(self._queries):
                row = b.add(b.mul(block.number, INPUTS), COLUMNS * first)
                keys = self._keys.pair(row, INPUTS * step)
                pair = [product(b, query, key, tile) for key, tile in zip(keys, pair, strict=False)]
            found += pair
        return found


class Context:
    """``P V``: sums of all channels, four a product."""

    def __init__(self, b: CudaBuilder, shape: AttentionShape, values: Fragments) -> None:
        self._b, self._values = b, values
        self.products = shape.value_channels // COLUMNS
        self.count = 4 * self.products

    def start(self) -> list[Value]:
        """No sum yet."""
        return [self._b.constant(0, i32)] * self.count

    def add(
        self, block: Block, words: Sequence[Sequence[Value]], sums: Sequence[Sequence[Value]]
    ) -> list[list[Value]]:
        """The sums for each of ``words``, unsigned bytes of probabilities, with the block's added."""
        b, new = self._b, [list[Value]() for _ in words]
        for first in range(0, self.products, 2):
            values = self._values.pair(COLUMNS * first, b.mul(block.number, INPUTS))
            for number, value in enumerate(values, start=first):
                for left, old, kept in zip(words, sums, new, strict=True):
                    kept += product(b, left, value, old[4 * number : 4 * number + 4], unsigned=True)
        return new

    @staticmethod
    def row(sums: Sequence[Value], half: int) -> list[Value]:
        """The lane's run of channels in its row g (0) or g + 8 (1)."""
        return [x for first in range(2 * half, len(sums), 4) for x in sums[first : first + 2]]


def quad_reduce(b: CudaBuilder, x: Value, combine: Callable[[Value, Value], Value]) -> Value:
    """Over the lanes that share a row."""
    return b.warp_reduce(x, combine, QUAD)


def halves(tiles: Sequence[Tile], half: int) -> list[Value]:
    """What ``tiles`` have of row g (0) or g + 8 (1)."""
    return [x for tile in tiles for x in tile[2 * half : 2 * half + 2]]
