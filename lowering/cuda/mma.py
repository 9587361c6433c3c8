"""Products of a warp's fragments: 16 rows by 8 columns by 32 inputs, with tensor cores or without.

Lane ``4 g + q`` has of the left operand ``[16, 32]`` four words of four bytes each: rows ``g`` and ``g + 8``
at inputs from ``4 q`` on, then both at ``16 + 4 q``. The right operand ``[8, 32]``, a column of it a row of
shared memory, has its words at row ``g``. Of the sums ``[16, 8]`` the lane has row ``g``, columns ``2 q`` and
``2 q + 1``, then the same of row ``g + 8``. All targets share this layout (PTX ISA, "Matrix Fragments for
mma.m16n8k32").
"""

from __future__ import annotations

from collections.abc import Sequence

from xdsl.dialects.builtin import i32

from lowering.cuda.build import CudaBuilder
from lowering.cuda.targets import WARP
from lowering.kernels.build import Operand, Value

ROWS, COLUMNS, INPUTS = 16, 8, 32
"""Of a product."""

QUAD = 4
"""Lanes that share a row of the left operand, and of the sums."""

HALF = 16
"""Inputs that one word of each lane of a quad makes; bytes of a row of ``ldmatrix``."""


class Fragments:
    """Right operands: ``[rows, inputs]`` in shared memory, a row every ``pitch`` bytes from ``start`` on.

    ``pitch`` is an odd multiple of 16, so that eight rows are in different banks.
    """

    def __init__(self, b: CudaBuilder, shared: Value, start: int, pitch: int) -> None:
        self._b, self._shared, self._start, self._pitch = b, shared, start, pitch
        lane = b.rem_unsigned(b.from_index(b.thread_id(), 32), WARP)
        if b.target.ldmatrix:
            # Eight lanes address one matrix: 16 inputs of 8 rows, the next inputs, then the next rows.
            row = b.add(b.and_(lane, 7), b.and_(b.shr_unsigned(lane, 1), 8))
            inputs = b.and_(lane, 8)
            self._lane = b.to_index(b.add(b.mul(row, pitch), b.mul(inputs, HALF // 8)))
        else:
            self._lane = b.to_index(b.mul(b.and_(lane, QUAD - 1), 4))

    def pair(self, row: Operand, inputs: Operand) -> list[Sequence[Value]]:
        """Rows ``row`` to ``row + 15`` at ``inputs`` to ``inputs + 31``: the words of two right operands."""
        b = self._b
        base = b.add(b.add(b.mul(row, self._pitch), self._start), inputs)
        if b.target.ldmatrix:
            name = "llvm.nvvm.ldmatrix.sync.aligned.m8n8.x4.b16.p3"
            words = b.fields(name, [b.pointer(self._shared, b.add(self._lane, base))], [i32] * 4)
            return [words[:2], words[2:]]
        return [self._columns(b.add(base, first * self._pitch)) for first in (0, COLUMNS)]

    def _columns(self, base: Operand) -> list[Value]:
        """The words of a quad's lane for all columns of an operand: its first 16 inputs, then the others."""
        b, found = self._b, list[Value]()
        for inputs in (0, HALF):
            for row in range(COLUMNS):
                at = b.add(b.add(self._lane, base), row * self._pitch + inputs)
                found.append(b.extract(b.bitcast(b.load_wide(self._shared, [at], 4, 4), 32), 0))
        return found


def product(
    b: CudaBuilder,
    left: Sequence[Value],
    right: Sequence[Value],
    sums: Sequence[Value],
    *,
    unsigned: bool = False,
) -> list[Value]:
    """``sums + left * right`` in i32; ``unsigned`` bytes on the left. ``right`` is of ``Fragments``."""
    shape, signs = b.target.mma_shape, "u8.s8" if unsigned else "s8"
    if shape == (ROWS, COLUMNS, INPUTS):
        name = f"llvm.nvvm.mma.m16n8k32.row.col.{signs}"
        return b.fields(name, [*left, *right, *sums], [i32] * 4)
    if shape is None:
        return _without_tensor_cores(b, left, right, sums, "u.s" if unsigned else "s.s")
    halves = [list(sums[:2]), list(sums[2:])]
    for number, word in enumerate(left):
        inputs, half = divmod(number, 2)
        arguments = [word, right[inputs], *halves[half]]
        halves[half] = b.fields(f"llvm.nvvm.mma.m8n8k16.row.col.{signs}", arguments, [i32] * 2)
    return halves[0] + halves[1]


def _without_tensor_cores(
    b: CudaBuilder, left: Sequence[Value], right: Sequence[Value], sums: Sequence[Value], signs: str
) -> list[Value]:
    """Each lane sums its own inputs for all columns; a quad then adds them, a lane keeping its two."""
    zero = b.constant(0, i32)
    lane = b.from_index(b.thread_id(), 32)
    found: list[Value] = []
    for half in range(2):
        parts = [
            b.dot4(
                left[2 + half], right[COLUMNS + column], b.dot4(left[half], right[column], zero, signs), signs
            )
            for column in range(COLUMNS)
        ]
        for bit in (2, 1):
            upper = b.compare("ne", b.and_(lane, bit), 0)
            count = len(parts) // 2
            pairs = list(zip(parts[:count], parts[count:], strict=True))
            sent = [b.shuffle_xor(b.select(upper, low, high), bit) for low, high in pairs]
            parts = [
                b.add(b.select(upper, high, low), other)
                for (low, high), other in zip(pairs, sent, strict=True)
            ]
        found += [b.add(x, y) for x, y in zip(sums[2 * half :], parts, strict=False)]
    return found


def word_of_bytes(b: CudaBuilder, x: Sequence[Value]) -> Value:
    """The low bytes of four i32 in one."""
    return _permute(b, _permute(b, x[0], x[1], 0x0040), _permute(b, x[2], x[3], 0x0040), 0x5410)


def words_of_shorts(b: CudaBuilder, x: Sequence[Value]) -> tuple[Value, Value]:
    """Of four i32 the low bytes in one, and the bytes above them in another."""
    low, high = (_permute(b, x[i], x[i + 1], 0x5410) for i in (0, 2))
    return _permute(b, low, high, 0x6420), _permute(b, low, high, 0x7531)


def transposed_bytes(b: CudaBuilder, rows: Sequence[Value]) -> list[Value]:
    """Four words as a 4 by 4 matrix of bytes, transposed."""
    found: list[Value] = []
    for chosen in (0x5140, 0x7362):
        upper, lower = (_permute(b, rows[i], rows[i + 1], chosen) for i in (0, 2))
        found += [_permute(b, upper, lower, half) for half in (0x5410, 0x7632)]
    return found


def _permute(b: CudaBuilder, x: Value, y: Value, chosen: int) -> Value:
    """Bytes of ``x`` (0 to 3) and ``y`` (4 to 7), by the nibbles of ``chosen``."""
    return b.intrinsic("llvm.nvvm.prmt", [x, y, b.constant(chosen, i32)], i32)
