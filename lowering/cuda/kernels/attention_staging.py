"""Where fused attention has its operands: keys and values of a head in shared memory, queries in registers.

Values are transposed, a channel a row, so that tokens are the inputs of their product. Two orders are chosen
for the lanes' sake. The tokens of 16 lie so that a lane's scores are its fragment of the left operand: token
``8 h + 2 q + b`` at ``4 q + 2 h + b``. The channels lie so that its sums are of consecutive ones: column
``2 q + b`` of product ``j`` is channel ``q * run + 2 j + b``.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import gcd

from lowering.arena import align
from lowering.cuda.build import CudaBuilder, DeviceOperand
from lowering.cuda.mma import HALF, INPUTS, QUAD, ROWS, Fragments, transposed_bytes
from lowering.cuda.targets import WARP
from lowering.cuda.wide import ALIGNED, vector_of
from lowering.kernels.build import Operand, Value

WARPS = 4
THREADS = WARPS * WARP
WORD = 4

TABLE_ENTRIES = 256


@dataclass(frozen=True)
class AttentionShape:
    """Extents of a head, and where its operands lie in shared memory."""

    tokens: int
    channels: int
    table_bytes: int

    @property
    def key_channels(self) -> int:
        """Inputs of the scores."""
        return align(self.channels, INPUTS)

    @property
    def value_channels(self) -> int:
        """Columns of the context."""
        return align(self.channels, ROWS)

    @property
    def run(self) -> int:
        """Consecutive channels of a lane."""
        return self.value_channels // QUAD

    @property
    def key_pitch(self) -> int:
        """Bytes from a key to the next."""
        return self.key_channels + HALF

    @property
    def value_tokens(self) -> int:
        """Inputs of the context."""
        return align(self.tokens, INPUTS)

    @property
    def value_pitch(self) -> int:
        """Bytes from a channel of the values to the next."""
        return self.value_tokens + HALF

    @property
    def key_rows(self) -> int:
        """Keys in shared memory: the last ones are repeated."""
        return align(self.tokens, ROWS)

    @property
    def keys(self) -> int:
        """The first byte of the keys, after the table."""
        return self.table_bytes

    @property
    def values(self) -> int:
        """The first byte of the values."""
        return self.keys + self.key_rows * self.key_pitch

    @property
    def shared_bytes(self) -> int:
        """All of it."""
        return self.values + self.value_channels * self.value_pitch


class HeadRows:
    """The channels of one head in the rows of an operand ``[tokens, width]`` of bytes."""

    def __init__(
        self, b: CudaBuilder, operand: DeviceOperand, image: Value, column: Value, channels: int
    ) -> None:
        self._b, self._channels = b, channels
        self._memory = b.of_image(operand, image)
        self._column = column
        self.alignment = gcd(ALIGNED, operand.row_alignment, channels)
        """Divides the address of each row, and its length."""

    def pointer(self, token: Value, channel: Value) -> Value:
        """The address of an element."""
        b = self._b
        return b.pointer(self._memory, b.to_index(token), b.to_index(b.add(self._column, channel)))

    def words(self, token: Value, channel: Value, count: int, extent: int) -> list[Value]:
        """``count`` words from ``channel`` on, all below ``extent``: 0 past the head's channels."""
        b, size = self._b, gcd(self.alignment, WORD * count)
        row = b.to_index(token)
        found: list[Value] = []
        for offset in range(0, WORD * count, size):
            at = b.add(channel, offset) if offset else channel
            inside = b.compare("ult", at, self._channels) if extent > self._channels else None
            at = at if inside is None else b.select(inside, at, 0)
            x = b.load_wide(self._memory, [row, b.to_index(b.add(self._column, at))], size, size)
            kept = b.bitcast(x, 8 * min(size, WORD))
            pieces = [b.zero_extend(b.extract(kept, i), 32) for i in range(max(size // WORD, 1))]
            found += [x if inside is None else b.select(inside, x, 0) for x in pieces]
        return found if size >= WORD else self._joined(found, size)

    def _joined(self, pieces: list[Value], size: int) -> list[Value]:
        """Words of pieces of 1 or 2 bytes."""
        b, count = self._b, WORD // size
        words: list[Value] = []
        for first in range(0, len(pieces), count):
            word = pieces[first]
            for i in range(1, count):
                word = b.add(word, b.shl(pieces[first + i], 8 * size * i))
            words.append(word)
        return words


class Staging:
    """Brings one head's operands; all threads of the block take part."""

    def __init__(self, b: CudaBuilder, shape: AttentionShape, image: Value, head: Value) -> None:
        self._b, self._shape = b, shape
        self.shared = b.dynamic_shared()
        self.thread = b.from_index(b.thread_id(), 32)
        column = b.mul(b.from_index(head, 32), shape.channels)
        self._query, self._key, self._value = (
            HeadRows(b, operand, image, column, shape.channels) for operand in b.inputs[:3]
        )

    def keys(self) -> Fragments:
        """Fill the keys, 16 bytes a thread and step; those past the last token repeat it."""
        b, shape = self._b, self._shape
        chunks = shape.key_channels // HALF
        with b.loop(b.thread_id(), shape.key_rows * chunks, THREADS) as loop:
            unit = b.from_index(loop.index, 32)
            row, chunk = b.div_unsigned(unit, chunks), b.rem_unsigned(unit, chunks)
            channel = b.mul(chunk, HALF)
            words = self._key.words(self._token(row), channel, HALF // WORD, shape.key_channels)
            self._store(words, b.add(b.mul(row, shape.key_pitch), channel), shape.keys)
        return Fragments(b, self.shared, shape.keys, shape.key_pitch)

    def values(self) -> Fragments:
        """Fill the transposed values; tokens past the last repeat it, their probabilities are 0."""
        b, shape = self._b, self._shape
        count = HALF // WORD if self._value.alignment == ALIGNED else 1
        columns = shape.value_tokens // WORD
        units = columns * (shape.value_channels // (WORD * count))
        with b.loop(b.thread_id(), units, THREADS) as loop:
            unit = b.from_index(loop.index, 32)
            column, group = b.rem_unsigned(unit, columns), b.div_unsigned(unit, columns)
            first = b.add(b.mul(b.div_unsigned(column, QUAD), HALF), b.mul(b.rem_unsigned(column, QUAD), 2))
            channel = b.mul(group, WORD * count)
            rows = [
                self._value.words(self._token(b.add(first, token)), channel, count, shape.value_channels)
                for token in (0, 1, 8, 9)
            ]
            for i in range(count):
                place = self._channel_row(b.add(channel, WORD * i))
                for offset, word in zip(
                    (0, 1, 8, 9), transposed_bytes(b, [row[i] for row in rows]), strict=True
                ):
                    at = b.add(b.mul(b.add(place, offset), shape.value_pitch), b.mul(column, WORD))
                    self._store([word], at, shape.values)
        return Fragments(b, self.shared, shape.values, shape.value_pitch)

    def _channel_row(self, channel: Value) -> Value:
        """Where a multiple of 4 has its row; those of the three channels after it are 1, 8 and 9 further."""
        b, run = self._b, self._shape.run
        owner, rest = b.div_unsigned(channel, run), b.rem_unsigned(channel, run)
        return b.add(b.mul(rest, 4), b.mul(owner, 2))

    def queries(self, rows: list[Value]) -> list[list[Value]]:
        """The left operands of the scores, for ``rows`` g and g + 8 of the lane."""
        b, shape = self._b, self._shape
        within = b.mul(b.rem_unsigned(self.thread, QUAD), WORD)
        tokens = [self._token(row) for row in rows]
        fragments: list[list[Value]] = []
        for first in range(0, shape.key_channels, INPUTS):
            channels = [b.add(within, first), b.add(within, first + HALF)]
            fragments.append(
                [
                    self._query.words(token, channel, 1, shape.key_channels)[0]
                    for channel in channels
                    for token in tokens
                ]
            )
        return fragments

    def _token(self, row: Value) -> Value:
        return self._b.min(row, self._shape.tokens - 1)

    def _store(self, words: list[Value], at: Value, start: int) -> None:
        b = self._b
        place: list[Operand] = [b.add(b.to_index(at), start)]
        x = vector_of(b, words)
        b.store_wide(b.bitcast(x, 8), self.shared, place, WORD * len(words))
