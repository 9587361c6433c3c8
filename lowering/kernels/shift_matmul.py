"""Kernel of ``ivit.shift_matmul``: codes become int16 weights in scratch, the rest is a product of pairs.

Weights are kept with the other sign, ``eta - 2^shift``: -2^15 fits int16 where 2^15 does not. Every product,
and the sum of two, stays far within 32 bits, so this is the shifts and additions that the op names, bit for
bit.
"""

from __future__ import annotations

from ivit_dialect.ops.shift_matmul import MOST_CODES, MOST_SHIFT, ShiftMatmulOp
from lowering.kernels.base import KernelBuilder, KernelFamily, KernelSpec, Launch, Packed
from lowering.kernels.build import Operand, Value, lanes, shape
from lowering.kernels.elements import activation, each_lane, load, loop_step, store
from lowering.kernels.lookup import BLOCK, lookup_each, repeated, resized
from lowering.kernels.matmul import ColumnBlock, build_matmul
from lowering.kernels.signature import Signature
from lowering.targets import DotInstruction, Target

WEIGHT_BITS = 16


def plan_shift_matmul(op: ShiftMatmulOp, target: Target) -> Launch:
    """The shifts are a constant, ``eta`` a scalar (0 where there is none)."""
    eta = 0 if op.eta is None else op.eta.value.data
    inputs = (activation(op.lhs), activation(op.rhs), Packed((op.shifts,)))
    return Launch("shift_matmul", inputs, scalars={"eta": eta})


class _ShiftBlock(ColumnBlock):
    """Loads codes as weights, and turns the sign of the products back."""

    def __init__(self, b: KernelBuilder, size: int) -> None:
        super().__init__(b, size)
        self._weights = _Weights(b)

    def _instruction(self) -> DotInstruction:
        return self._b.target.pair_dot

    def _load(self, row: Value, line: Value) -> None:
        b, target = self._b, self._left.elements

        def body(i: Operand, count: int) -> None:
            store(b, self._weights(load(b, self._lhs, [row, i], count)), target, [line, i])

        each_lane(b, self._inner, loop_step(b, self._inner, WEIGHT_BITS), body)

    def _store(self, line: Value, row: Value, column: Value) -> None:
        b = self._b

        def body(i: Operand, count: int) -> None:
            x = load(b, self._products, [line, i], count)
            store(b, b.sub(0, x), self._target, [row, b.add(column, i)])

        each_lane(b, self._right.outer, self._step, body)


class _Weights:
    """The int16 weights of codes: by a shuffle of bytes for each half, where 16 codes are all."""

    def __init__(self, b: KernelBuilder) -> None:
        self._b = b
        self._table = _negative_weights(b)
        self._halves: list[Value] = []
        if b.target.byte_shuffle is not None and shape(b.inputs[2])[0] <= BLOCK:
            pairs = b.bitcast(b.load_vector(self._table, [0], BLOCK), 8)
            halves = [b.shuffle(pairs, pairs, range(half, 2 * BLOCK, 2)) for half in (0, 1)]
            self._halves = [repeated(b, half, b.target.vector_bytes // BLOCK) for half in halves]

    def __call__(self, codes: Value) -> Value:
        """i16 for i8 codes."""
        b, count, size = self._b, lanes(codes), self._b.target.vector_bytes
        if not self._halves or count == 0:
            return lookup_each(b, self._table, codes, signed=False)
        assert b.target.byte_shuffle is not None
        whole = resized(b, codes, size)
        low, high = (b.intrinsic(b.target.byte_shuffle, [half, whole], whole.type) for half in self._halves)
        zipped = b.shuffle(low, high, [i // 2 + size * (i % 2) for i in range(2 * count)])
        return b.bitcast(zipped, WEIGHT_BITS)


def _negative_weights(b: KernelBuilder) -> Value:
    """int16 [256]: ``eta - 2^shift`` of each code, ``eta`` for a shift of -1 and for codes that have none."""
    table, shifts = b.alloca([MOST_CODES], WEIGHT_BITS), b.inputs[2]
    (codes,) = shape(shifts)
    eta = b.truncate(b.scalars["eta"], 32)
    with b.loop(0, MOST_CODES) as code:
        b.store(b.truncate(eta, WEIGHT_BITS), table, code.index)
    with b.loop(0, codes) as code:
        shift = b.sign_extend(b.load(shifts, code.index), 32)
        # A shift to the right gives 0 for -1; to the left, SSE2 goes through floating point.
        power = b.shr_unsigned(b.constant(1 << MOST_SHIFT, shift.type), b.sub(MOST_SHIFT, shift))
        b.store(b.truncate(b.sub(eta, power), WEIGHT_BITS), table, code.index)
    return table


def _check(spec: KernelSpec, target: Target) -> None:
    """A byte has no more codes."""
    (_, _, (codes,)), _ = spec.shapes()
    if codes > MOST_CODES:
        raise ValueError(f"needs shifts for at most {MOST_CODES} codes, got {codes}")


SHIFT_MATMUL = KernelFamily(
    "shift_matmul",
    lambda b: build_matmul(b, _ShiftBlock),
    Signature(
        {"lhs": "H T K : ui2..ui8", "rhs": "H K O : i2..i8", "shifts": "L : i8"},
        {"y": "H T O : i32"},
        ("eta",),
    ),
    {ShiftMatmulOp: plan_shift_matmul},
    further=_check,
)
FAMILIES = (SHIFT_MATMUL,)
