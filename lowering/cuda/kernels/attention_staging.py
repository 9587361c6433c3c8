"""Where fused attention has its operands: keys and values of a head in shared memory, queries in registers.

Values are transposed, a channel a row, so that tokens are the inputs of their product. Two orders are chosen
for the lanes' sake. The tokens of 16 lie so that a lane's scores are its fragment of the left operand: token
``8 h + 2 q + b`` at ``4 q + 2 h + b``. The channels lie so that its sums are of consecutive ones: column
``2 q + b`` of product ``j`` is channel ``q * run + 2 j + b``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import gcd

from xdsl.dialects.builtin import i1, i32

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

KEY_BATCH, VALUE_BATCH = 4, 2
"""Units of a thread whose loads are under way at once."""

PLACES = (0, 1, 8, 9)
"""Of four tokens that make a word, and of four channels that come together: see above."""


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

    def chunk(self, token: Value, channel: Value, extent: int) -> tuple[Value, Value]:
        """Where 16 aligned bytes from ``channel`` on lie, and how many are of the head: all or none."""
        b = self._b
        count = b.constant(ALIGNED, i32)
        if extent > self._channels:
            inside = b.compare("ult", channel, self._channels)
            count, channel = b.select(inside, count, 0), b.select(inside, channel, 0)
        return b.pointer(self._memory, b.to_index(token), b.to_index(b.add(self._column, channel))), count

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

    def start_keys(self) -> None:
        """Fill the keys, 16 bytes a thread and round; those past the last token repeat it.

        Copies that need no registers are under way until ``finish``.
        """
        b, shape, row_chunks = self._b, self._shape, self._shape.key_channels // HALF
        direct = b.target.cp_async and self._key.alignment == ALIGNED

        def place(unit: Value) -> tuple[Value, Value, Value]:
            row, chunk = b.div_unsigned(unit, row_chunks), b.rem_unsigned(unit, row_chunks)
            return row, self._token(row), b.mul(chunk, HALF)

        def load(unit: Value) -> list[Value]:
            _, token, channel = place(unit)
            return [] if direct else self._key.words(token, channel, HALF // WORD, shape.key_channels)

        def store(unit: Value, words: list[Value]) -> None:
            row, token, channel = place(unit)
            at = b.add(b.mul(row, shape.key_pitch), channel)
            if not direct:
                self._store(words, at, shape.keys)
                return
            source, count = self._key.chunk(token, channel, shape.key_channels)
            target = b.pointer(self.shared, b.add(b.to_index(at), shape.keys))
            b.call("llvm.nvvm.cp.async.cg.shared.global.16.s", [target, source, count])

        self._rounds(shape.key_rows * row_chunks, KEY_BATCH, load, store)

    def values(self, meanwhile: Callable[[], None]) -> None:
        """Fill the transposed values; tokens past the last repeat it, their probabilities are 0.

        ``meanwhile`` is emitted where the first of them are under way.
        """
        b, shape = self._b, self._shape
        count = HALF // WORD if self._value.alignment == ALIGNED else 1
        columns = shape.value_tokens // WORD
        units = columns * (shape.value_channels // (WORD * count))
        waiting = [meanwhile]

        def place(unit: Value) -> tuple[Value, Value]:
            column, group = b.rem_unsigned(unit, columns), b.div_unsigned(unit, columns)
            return column, b.mul(group, WORD * count)

        def load(unit: Value) -> list[Value]:
            column, channel = place(unit)
            first = b.add(b.mul(b.div_unsigned(column, QUAD), HALF), b.mul(b.rem_unsigned(column, QUAD), 2))
            tokens = [self._token(b.add(first, token)) for token in PLACES]
            return [w for t in tokens for w in self._value.words(t, channel, count, shape.value_channels)]

        def store(unit: Value, words: list[Value]) -> None:
            column, channel = place(unit)
            for i in range(count):
                row = self._channel_row(b.add(channel, WORD * i))
                for offset, word in zip(PLACES, transposed_bytes(b, words[i::count]), strict=True):
                    at = b.add(b.mul(b.add(row, offset), shape.value_pitch), b.mul(column, WORD))
                    self._store([word], at, shape.values)

        def between() -> None:
            for emit in waiting:
                emit()
            waiting.clear()

        self._rounds(units, VALUE_BATCH, load, store, between)

    def _rounds(
        self,
        units: int,
        batch: int,
        load: Callable[[Value], list[Value]],
        store: Callable[[Value, list[Value]], None],
        between: Callable[[], None] = lambda: None,
    ) -> None:
        """``store(unit, load(unit))`` of all units, shared out; a batch is loaded before it is stored."""
        b = self._b
        for first in range(0, units, batch * THREADS):
            starts = range(first, min(first + batch * THREADS, units), THREADS)
            chosen = [b.add(self.thread, start) if start else self.thread for start in starts]
            loaded = [load(b.min(unit, units - 1)) for unit in chosen]
            between()
            for start, unit, words in zip(starts, chosen, loaded, strict=True):
                all_have_one = start + THREADS <= units
                with b.when(b.constant(1, i1) if all_have_one else b.compare("ult", unit, units)):
                    store(unit, words)

    def finish(self) -> tuple[Fragments, Fragments]:
        """Wait for all; keys and values as right operands."""
        b, shape = self._b, self._shape
        if b.target.cp_async:
            b.call("llvm.nvvm.cp.async.wait.all", [])
        b.barrier()
        keys = Fragments(b, self.shared, shape.keys, shape.key_pitch)
        return keys, Fragments(b, self.shared, shape.values, shape.value_pitch)

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
