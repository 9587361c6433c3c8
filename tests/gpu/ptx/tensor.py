"""Tensor cores: ``ldmatrix``, ``stmatrix``, ``movmatrix`` and the integer ``mma.sync``.

Fragments (PTX ISA, "Matrix fragments for mma"), with ``g = lane / 4`` and ``t = lane % 4``:

* A of m16n8k32: register i, byte b is row ``g + 8 (i % 2)``, column ``4 t + b + 16 (i / 2)``.
* A of m16n8k16: register i, byte b is row ``g + 8 i``, column ``4 t + b``;  of m8n8k16: row ``g``.
* B: register i, byte b is row ``4 t + b + 16 i``, column ``g``.
* C and D of m16n8: register i is row ``g + 8 (i / 2)``, column ``2 t + i % 2``;  of m8n8: row ``g``.
"""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from ptx.accesses import address_reader
from ptx.arithmetic import split_bytes
from ptx.decoding import Decoder, Reader, Run, semantics, spread, unknown
from ptx.errors import KernelError
from ptx.slots import Array, Lanes, Slot
from ptx.syntax import Instruction, Operand, Vector

_GROUP, _THREAD = np.arange(32) // 4, np.arange(32) % 4


def _items(operand: Operand) -> tuple[Operand, ...]:
    return operand.items if isinstance(operand, Vector) else (operand,)


def _whole(slot: Slot, lanes: Lanes) -> int:
    """How many warps run; all their lanes must."""
    if isinstance(lanes, slice):
        return slot.size // 32
    if len(lanes) % 32 or (lanes.reshape(-1, 32) != lanes[::32, None] + np.arange(32)).any():
        wrong = np.ones(len(lanes), np.bool_)
        slot.fail(KernelError, lanes, wrong, "a warp runs this without all its 32 lanes")
    return len(lanes) // 32


def _fragments(readers: list[Reader], slot: Slot, lanes: Lanes, warps: int) -> Array:
    """``[registers, warps, 32]``."""
    count = 32 * warps
    return np.stack([spread(reader(slot, lanes), count).reshape(warps, 32) for reader in readers])


def fragment_of_a(registers: int, index: int) -> tuple[Array, Array]:
    """Row and first column, per lane, of register ``index`` of A."""
    if registers == 4:
        return _GROUP + 8 * (index % 2), 4 * _THREAD + 16 * (index // 2)
    return _GROUP + 8 * index, 4 * _THREAD


def fragment_of_c(index: int) -> tuple[Array, Array]:
    """Row and column, per lane, of register ``index`` of C or D."""
    return _GROUP + 8 * (index // 2), 2 * _THREAD + index % 2


class _Shape:
    """Rows, columns and depth of an ``mma``, and the registers that its operands take."""

    def __init__(self, instruction: Instruction) -> None:
        found = re.fullmatch(
            r"mma\.sync\.aligned\.m(8|16)n8k(16|32)\.row\.col(\.satfinite)?\.s32\.([su])8\.([su])8\.s32",
            instruction.opcode,
        )
        if found is None or (found[1], found[2]) == ("8", "32"):
            raise unknown(instruction)
        self.m, self.k = int(found[1]), int(found[2])
        self.saturates = found[3] is not None
        self.a_signed, self.b_signed = found[4] == "s", found[5] == "s"
        self.of_a, self.of_b, self.of_c = self.m * self.k // 128, self.k // 16, self.m // 4


@semantics("mma")
def _multiply_matrices(decoder: Decoder, instruction: Instruction) -> Run:
    """``D = A B + C`` in 32 bits, which wrap (``.satfinite``: saturate)."""
    shape = _Shape(instruction)
    target, *operands = (_items(operand) for operand in instruction.operands)
    sizes = tuple(len(items) for items in operands)
    if sizes != (shape.of_a, shape.of_b, shape.of_c) or len(target) != shape.of_c:
        raise unknown(instruction)
    a, b, c = ([decoder.read(item, 32, instruction) for item in items] for items in operands)
    from_a, from_b, from_c = ([decoder.sources(item) for item in items] for items in operands)
    everything = decoder.sources(*(item for items in operands for item in items))
    writers = [decoder.write(item, instruction) for item in target]

    def run(slot: Slot, lanes: Lanes) -> None:
        warps = _whole(slot, lanes)
        left = _place_a(split_bytes(_fragments(a, slot, lanes, warps), shape.a_signed), shape)
        right = _place_b(split_bytes(_fragments(b, slot, lanes, warps), shape.b_signed), shape)
        # float32 holds sums of 32 products of bytes exactly: 32 * 255 * 255 < 2**24
        product = np.matmul(left, right).astype(np.int64)
        added = _fragments(c, slot, lanes, warps).view(np.int32)
        poison = None
        if slot.poison_of(everything, lanes) is not None:
            poison = _poison(slot, lanes, warps, shape, (from_a, from_b, from_c))
        for index, write in enumerate(writers):
            row, column = fragment_of_c(index)
            total = product[:, row, column] + added[index]
            if shape.saturates:
                total = np.clip(total, -(1 << 31), (1 << 31) - 1)
            mask = None if poison is None else poison[index].reshape(-1)
            write(slot, lanes, total.astype(np.uint32).reshape(-1), mask)

    return run


def _place_a(fragments: Array, shape: _Shape) -> Array:
    """``[warps, m, k]`` of ``[registers, warps, 32, 4]``."""
    matrix = np.zeros((fragments.shape[1], shape.m, shape.k), np.float32)
    for index, fragment in enumerate(fragments):
        row, column = fragment_of_a(shape.of_a, index)
        matrix[:, row[:, None], column[:, None] + np.arange(4)] = fragment
    return matrix


def _place_b(fragments: Array, shape: _Shape) -> Array:
    """``[warps, k, 8]`` of ``[registers, warps, 32, 4]``."""
    matrix = np.zeros((fragments.shape[1], shape.k, 8), np.float32)
    for index, fragment in enumerate(fragments):
        matrix[:, 4 * _THREAD[:, None] + np.arange(4) + 16 * index, _GROUP[:, None]] = fragment
    return matrix


def _poison(slot: Slot, lanes: Lanes, warps: int, shape: _Shape, sources: Any) -> Array:
    """``[registers, warps, 32]``: an element is poison where its row of A, column of B, or C is."""

    def masks(registers: list[tuple[int, ...]]) -> Array:
        found = [slot.poison_of(register, lanes) for register in registers]
        none = np.zeros(32 * warps, np.bool_)
        return np.stack([none if mask is None else mask for mask in found]).reshape(-1, warps, 32)

    of_a, of_b, of_c = (masks(registers) for registers in sources)
    rows, columns = np.zeros((warps, shape.m), np.bool_), np.zeros((warps, 8), np.bool_)
    for index, mask in enumerate(of_a):
        row = fragment_of_a(shape.of_a, index)[0][::4]
        rows[:, row] |= _any_of_four(mask)
    for mask in of_b:
        columns |= _any_of_four(mask)
    result = of_c.copy()
    for index in range(len(result)):
        row, column = fragment_of_c(index)
        result[index] |= rows[:, row] | columns[:, column]
    return result


def _any_of_four(mask: Array) -> Array:
    """``[warps, 8]`` of ``[warps, 32]``: for each group of four lanes whether it has one."""
    return np.max(mask.reshape(-1, 8, 4), axis=2)


@semantics("ldmatrix")
def _load_matrix(decoder: Decoder, instruction: Instruction) -> Run:
    """8x8 matrices of 16-bit elements: lane ``8 i + r`` gives the address of row r of matrix i.

    Lane l gets elements ``2 (l % 4)`` and ``2 (l % 4) + 1`` of row ``l / 4``; with ``.trans`` of the
    transposed matrix.
    """
    found = re.fullmatch(
        r"ldmatrix\.sync\.aligned\.m8n8\.x([124])(\.trans)?\.shared(?:::cta)?\.b16", instruction.opcode
    )
    if found is None:
        raise unknown(instruction)
    count, transposed = int(found[1]), found[2] is not None
    addresses = address_reader(decoder, instruction.operands[1], instruction)
    writers = [decoder.write(item, instruction) for item in _items(instruction.operands[0])]
    if len(writers) != count:
        raise unknown(instruction)

    def run(slot: Slot, lanes: Lanes) -> None:
        warps = _whole(slot, lanes)
        every = addresses(slot, lanes).reshape(warps, 32)
        indices = slot.indices(lanes).reshape(warps, 32)
        for index, write in enumerate(writers):
            rows = every[:, 8 * index : 8 * index + 8].reshape(-1)
            givers = indices[:, 8 * index : 8 * index + 8].reshape(-1)
            slot.machine.counters.matrix_access(rows, "ldmatrix")
            halves, spoilt = slot.machine.shared.load(slot, givers, rows, 2, 8, together=True)
            values = _words_of_rows(halves.reshape(warps, 8, 8), transposed)
            poison = None
            if spoilt is not None:
                poison = _words_of_rows(spoilt.reshape(warps, 8, 8), transposed).reshape(-1)
            write(slot, lanes, values.reshape(-1), poison)

    return run


def _words_of_rows(matrices: Array, transposed: bool) -> Array:
    """``[warps, 32]`` words: two neighbours of each row of ``[warps, 8, 8]`` halves."""
    if transposed:
        matrices = matrices.transpose(0, 2, 1)
    return np.ascontiguousarray(matrices).view(np.uint32).reshape(len(matrices), 32)


@semantics("stmatrix")
def _store_matrix(decoder: Decoder, instruction: Instruction) -> Run:
    """The inverse of ``ldmatrix``."""
    found = re.fullmatch(
        r"stmatrix\.sync\.aligned\.m8n8\.x([124])(\.trans)?\.shared(?:::cta)?\.b16", instruction.opcode
    )
    if found is None:
        raise unknown(instruction)
    transposed = found[2] is not None
    addresses = address_reader(decoder, instruction.operands[0], instruction)
    items = _items(instruction.operands[1])
    readers = [decoder.read(item, 32, instruction) for item in items]
    sources = [decoder.sources(item) for item in items]

    def halves(words: Array, warps: int) -> Array:
        matrices = np.ascontiguousarray(words.reshape(warps, 32)).view(np.uint16).reshape(warps, 8, 8)
        return (matrices.transpose(0, 2, 1) if transposed else matrices).reshape(-1, 8)

    def run(slot: Slot, lanes: Lanes) -> None:
        warps = _whole(slot, lanes)
        every = addresses(slot, lanes).reshape(warps, 32)
        indices = slot.indices(lanes).reshape(warps, 32)
        for index, reader in enumerate(readers):
            rows = every[:, 8 * index : 8 * index + 8].reshape(-1)
            givers = indices[:, 8 * index : 8 * index + 8].reshape(-1)
            slot.machine.counters.matrix_access(rows, "stmatrix")
            values = np.ascontiguousarray(halves(spread(reader(slot, lanes), 32 * warps), warps))
            poison = None
            if slot.poison_of(sources[index], lanes) is not None:
                poison = np.ascontiguousarray(halves(reader.masks(slot, lanes), warps))
            slot.machine.shared.store(slot, givers, rows, values, poison, together=True)

    return run


@semantics("movmatrix")
def _transpose_matrix(decoder: Decoder, instruction: Instruction) -> Run:
    """An 8x8 matrix of 16-bit elements, held as ``ldmatrix`` gives it, transposed."""
    if instruction.opcode != "movmatrix.sync.aligned.m8n8.trans.b16":
        raise unknown(instruction)
    reader = decoder.read(instruction.operands[1], 32, instruction)
    write, sources = (
        decoder.write(instruction.operands[0], instruction),
        decoder.sources(instruction.operands[1]),
    )

    def turned(words: Array, warps: int) -> Array:
        halves = np.ascontiguousarray(words.reshape(warps, 32)).view(np.uint16).reshape(warps, 8, 8)
        return _words_of_rows(halves, True).reshape(-1)

    def run(slot: Slot, lanes: Lanes) -> None:
        warps = _whole(slot, lanes)
        mask = None
        if slot.poison_of(sources, lanes) is not None:
            mask = turned(reader.masks(slot, lanes), warps)
        write(slot, lanes, turned(spread(reader(slot, lanes), 32 * warps), warps), mask)

    return run
