"""How a GEMM's operands come to shared memory: parts of ``depth`` inputs, some stages ahead of the products.

A stage holds the rows of activations, in chunks of 16 bytes whose place in the row is mixed with the row's
number so that no eight rows share banks, and then the weights as ``fragments`` packs them, one after the
other. Rows and inputs past the end are those of the last: their sums are not stored, or their weights are 0.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from math import gcd
from typing import Protocol, TypeAlias

from xdsl.dialects.builtin import MemRefType, i8, i32

from lowering.cuda.build import CudaBuilder
from lowering.cuda.kernels.gemm_rows import ImageRows, Place
from lowering.cuda.targets import GemmTile
from lowering.kernels.build import Operand, Value
from lowering.kernels.elements import reshape

CHUNK = 16
"""Bytes that a thread copies at once."""

MIXED_ROWS = 8
"""After so many rows the places of chunks repeat."""

Products: TypeAlias = Callable[[Sequence[Value], Value], list[Value]]
"""``(sums, stage) -> sums``: what a stage at a byte of shared memory adds."""


class Staging(Protocol):
    """Brings the operands and runs the products over them."""

    @property
    def shared_bytes(self) -> int:
        """What it takes of shared memory."""
        ...

    def run(self, sums: Sequence[Value], products: Products) -> list[Value]:
        """``products`` of every stage in turn."""
        ...


def mixed(b: CudaBuilder, row: Value, chunk: Operand, row_bytes: int) -> Value:
    """The place of a chunk in its row of a stage: any eight consecutive rows have theirs in all banks."""
    chunks = row_bytes // CHUNK
    turns = b.shr_unsigned(row, 1) if chunks == 4 else row
    return b.xor(b.and_(turns, min(chunks, MIXED_ROWS) - 1), chunk)


def mixed_place(row: int, chunk: int, row_bytes: int) -> int:
    """The same, where the row is known (or how far it is past a multiple of eight)."""
    chunks = row_bytes // CHUNK
    return ((row >> 1 if chunks == 4 else row) & (min(chunks, MIXED_ROWS) - 1)) ^ chunk


class Copies:
    """Which chunks a thread copies: of activations (where they lie, where they go) and of weights."""

    def __init__(self, b: CudaBuilder, tile: GemmTile, rows: ImageRows, first_row: Value) -> None:
        self.b, self.tile = b, tile
        x, weights = b.inputs[:2]
        self.alignment = gcd(CHUNK, x.row_alignment)
        self.steps = -(-x.shape[-1] // tile.depth)
        width = x.width // 8
        self.inner, row_bytes = x.shape[-1] * width, tile.depth * width
        self.row_bytes, self.stage_bytes = row_bytes, tile.stage_bytes(width)
        x = replace(x, kind=MemRefType(i8, [*x.shape[:-1], self.inner]))
        self.shared = b.dynamic_shared()
        chunks = row_bytes // CHUNK
        thread = b.from_index(b.thread_id(), 32)
        line, chunk = b.div_unsigned(thread, chunks), b.rem_unsigned(thread, chunks)
        lines = tile.threads // chunks
        # Eight rows and more apart, a thread's rows have the same mix.
        assert lines % MIXED_ROWS == 0, "a thread's chunks have one place in their rows"
        place = b.mul(mixed(b, line, chunk, row_bytes), CHUNK)
        self.row_target = b.to_index(b.add(b.mul(line, row_bytes), place))
        self.row_pitch = lines * row_bytes
        self.sources: list[Place] = []
        last = b.sub(rows.count, 1)
        for first in range(0, tile.rows, lines):
            row = b.min(b.add(first_row, b.add(line, first)), last)
            self.sources.append(rows.place(x, row))
        self._first = b.mul(chunk, CHUNK)
        self.rows = rows

        panel_bytes = weights.shape[1] * weights.shape[2]
        self._weights = reshape(b, b.of_image(weights), (weights.shape[0] * panel_bytes,))
        self._start = b.add(b.mul(b.block_id("y"), panel_bytes), b.mul(b.thread_id(), CHUNK))
        self.column_target = b.add(b.mul(b.thread_id(), CHUNK), tile.rows * row_bytes)
        self.column_pitch = tile.threads * CHUNK
        self.column_copies = tile.columns * tile.depth // self.column_pitch
        assert self.column_copies * self.column_pitch == tile.columns * tile.depth

    def byte_of(self, step: Value, size: int, offset: int = 0) -> Value:
        """The first of ``size`` bytes of a row that a thread's chunk of a step has ``offset`` bytes on."""
        b = self.b
        first = b.add(self._first, b.mul(b.from_index(step, 32), self.row_bytes))
        first = b.add(first, offset) if offset else first
        exact = self.inner % self.row_bytes == 0
        return b.to_index(first if exact else b.min(first, self.inner - size))

    def weights_at(self, step: Value, number: int) -> tuple[Value, Value]:
        """A thread's chunk of weights: the memref and the byte."""
        b = self.b
        step_bytes = self.tile.columns * self.tile.depth
        at = b.add(b.add(self._start, b.mul(step, step_bytes)), number * self.column_pitch)
        return self._weights, at


class AsyncStaging:
    """``cp.async``: copies of the stages ahead are under way while products are made."""

    def __init__(self, copies: Copies) -> None:
        self._copies = copies

    @property
    def shared_bytes(self) -> int:
        """All stages of the tile."""
        return self._copies.tile.stages * self._copies.stage_bytes

    @staticmethod
    def takes(copies: Copies) -> bool:
        """Whether chunks are aligned as the copies must be."""
        return copies.b.target.cp_async and copies.alignment == CHUNK

    def run(self, sums: Sequence[Value], products: Products) -> list[Value]:
        b, steps, size = self._copies.b, self._copies.steps, self._copies.stage_bytes
        ahead = self._copies.tile.stages - 1
        for step in range(ahead):
            if step < steps:
                self._issue(b.index(step), b.index(step * size))
            self._commit()
        start = [b.constant(0, i32), b.constant(ahead * size, i32)]
        with b.loop(0, steps, carried=[*start, *sums]) as loop:
            read, write, *sums = loop.carried
            b.call("llvm.nvvm.cp.async.wait.group", [b.constant(ahead - 1, i32)])
            # All threads see the stage, and none still reads the one that is written next.
            b.barrier()
            later = b.add(loop.index, ahead)
            with b.when(b.compare("ult", later, steps)):
                self._issue(later, b.to_index(write))
            self._commit()
            new = products(sums, b.to_index(read))
            loop.carry(self._next(read), self._next(write), *new)
        return list(loop.results[2:])

    def _next(self, stage: Value) -> Value:
        b = self._copies.b
        following = b.add(stage, self._copies.stage_bytes)
        return b.select(b.compare("eq", following, self.shared_bytes), 0, following)

    def _issue(self, step: Value, stage: Value) -> None:
        c, b = self._copies, self._copies.b
        k = c.byte_of(step, CHUNK)
        for number, place in enumerate(c.sources):
            target = b.add(b.add(stage, c.row_target), number * c.row_pitch)
            self._copy(b.pointer(c.shared, target), c.rows.pointer(place, k))
        for number in range(c.column_copies):
            target = b.add(b.add(stage, c.column_target), number * c.column_pitch)
            weights, at = c.weights_at(step, number)
            self._copy(b.pointer(c.shared, target), b.pointer(weights, at))

    def _copy(self, target: Value, source: Value) -> None:
        self._copies.b.call("llvm.nvvm.cp.async.cg.shared.global.16", [target, source])

    def _commit(self) -> None:
        self._copies.b.call("llvm.nvvm.cp.async.commit.group", [])


class RegisterStaging:
    """Plain loads into registers ahead of the products, stores to the other of two stages after them."""

    def __init__(self, copies: Copies) -> None:
        self._copies = copies

    @property
    def shared_bytes(self) -> int:
        """Two stages."""
        return 2 * self._copies.stage_bytes

    def run(self, sums: Sequence[Value], products: Products) -> list[Value]:
        c, b = self._copies, self._copies.b
        size = c.stage_bytes
        self._store(self._load(b.index(0)), b.index(0))
        b.barrier()
        with b.loop(0, c.steps - 1, carried=[b.constant(0, i32), *sums]) as loop:
            read, *sums = loop.carried
            write = b.sub(size, read)
            loaded = self._load(b.add(loop.index, 1))
            new = products(sums, b.to_index(read))
            self._store(loaded, b.to_index(write))
            b.barrier()
            loop.carry(write, *new)
        return products(loop.results[1:], b.to_index(loop.results[0]))

    def _load(self, step: Value) -> list[Value]:
        """A thread's chunks of a step, each four i32."""
        c, b = self._copies, self._copies.b
        loaded = [self._chunk(step, place) for place in c.sources]
        for number in range(c.column_copies):
            weights, at = c.weights_at(step, number)
            loaded.append(b.bitcast(b.load_wide(weights, [at], CHUNK, CHUNK), 32))
        return loaded

    def _chunk(self, step: Value, place: Place) -> Value:
        """A chunk of a row, in pieces as long as rows are aligned: all of a piece is in the row, or none."""
        c, b, size = self._copies, self._copies.b, self._copies.alignment
        whole: Value | None = None
        for offset in range(0, CHUNK, size):
            at = c.byte_of(step, size, offset)
            piece = b.load_wide(place.memory, [place.row, at], size, size)
            whole = piece if whole is None else b.shuffle(whole, piece, range(offset + size))
        assert whole is not None
        return b.bitcast(whole, 32)

    def _store(self, loaded: Sequence[Value], stage: Value) -> None:
        c, b = self._copies, self._copies.b
        words = b.view(c.shared, 0, [self.shared_bytes // 4], 32)
        rows = len(c.sources)
        for number, value in enumerate(loaded):
            target, pitch = (
                (c.row_target, c.row_pitch) if number < rows else (c.column_target, c.column_pitch)
            )
            byte = b.add(b.add(stage, target), (number - (0 if number < rows else rows)) * pitch)
            b.store_wide(value, words, [b.shr_unsigned(byte, 2)], CHUNK)
