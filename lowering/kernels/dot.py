"""One step of a dot product: groups of narrow products added to int32 lanes, as the target does it best."""

from __future__ import annotations

from collections.abc import Sequence

from lowering.kernels.build import LoopBuilder, Value, lanes, vector_type
from lowering.targets import DotInstruction

BYTE_SIGN = -128
"""XOR with it takes a signed byte to the same byte offset by 128."""


def dot(b: LoopBuilder, instruction: DotInstruction, total: Value, x: Value, y: Value) -> Value:
    """``total[i] + sum_d x[i*depth + d] * y[i*depth + d]``.

    Depth 2 takes int16 lanes, depth 4 takes ``y`` as signed bytes and ``x`` as unsigned ones, unless the
    instruction is signed.
    """
    if instruction.intrinsic is None:
        widened = _accumulated if instruction.accumulates else _added_by_neighbours
        return widened(b, instruction.depth, total, x, y)
    if instruction.pair_sum is not None:
        pairs = b.intrinsic(instruction.intrinsic, [x, y], vector_type(lanes(x) // 2, 16))
        ones = b.constant(1, pairs.type)
        return b.add(total, b.intrinsic(instruction.pair_sum, [pairs, ones], total.type))
    if instruction.accumulates:
        return b.intrinsic(instruction.intrinsic, [total, x, y], total.type)
    return b.add(total, b.intrinsic(instruction.intrinsic, [x, y], total.type))


def dot_fours(
    b: LoopBuilder, instruction: DotInstruction, total: Value, xs: Sequence[Value], ys: Sequence[Value]
) -> Value:
    """``total`` and the products of two steps, summed by fours in 16 bits: they must not saturate there."""
    assert instruction.intrinsic is not None
    assert instruction.pair_sum is not None
    kind = vector_type(lanes(xs[0]) // 2, 16)
    first, second = (b.intrinsic(instruction.intrinsic, [x, y], kind) for x, y in zip(xs, ys, strict=True))
    ones = b.constant(1, kind)
    return b.add(total, b.intrinsic(instruction.pair_sum, [b.add(first, second), ones], total.type))


def _accumulated(b: LoopBuilder, depth: int, total: Value, x: Value, y: Value) -> Value:
    """Exact int32 products, added one after the other: processors multiply and add at once."""
    for start in range(depth):
        places = range(start, lanes(x), depth)
        total = b.add(total, b.mul(*(b.sign_extend(b.shuffle(z, z, places), 32) for z in (x, y))))
    return total


def _added_by_neighbours(b: LoopBuilder, depth: int, total: Value, x: Value, y: Value) -> Value:
    """Exact int32 products, summed by neighbours first: on x86 LLVM makes pmaddwd of these."""
    wide = b.zero_extend(x, 32) if depth == 4 else b.sign_extend(x, 32)
    products = b.mul(wide, b.sign_extend(y, 32))
    while depth > 1:
        count = lanes(products)
        even = b.shuffle(products, products, range(0, count, 2))
        odd = b.shuffle(products, products, range(1, count, 2))
        products, depth = b.add(even, odd), depth // 2
    return b.add(total, products)


def group_operand(b: LoopBuilder, instruction: DotInstruction, group: Value, count: int) -> Value:
    """A group of activations (the bits of an i32) in each of ``count`` int32 lanes, for ``dot``."""
    return b.bitcast(b.broadcast(group, count), 32 // instruction.depth)


def weight_operand(b: LoopBuilder, instruction: DotInstruction, weights: Value) -> Value:
    """Packed int8 weights as an operand of ``dot``."""
    return b.sign_extend(weights, 16) if instruction.depth == 2 else weights


def low_nibbles(b: LoopBuilder, instruction: DotInstruction, packed: Value) -> Value:
    """The signed low halves of bytes, as an operand of ``dot``."""
    if instruction.depth == 2:
        return b.shr(b.shl(b.sign_extend(packed, 16), 12), 12)
    return _signed_nibbles(b, b.and_(packed, 15))


def high_nibbles(b: LoopBuilder, instruction: DotInstruction, packed: Value) -> Value:
    """The signed high halves of bytes, as an operand of ``dot``."""
    if instruction.depth == 2:
        return b.shr(b.sign_extend(packed, 16), 4)
    return _signed_nibbles(b, b.shr_unsigned(packed, 4))


def _signed_nibbles(b: LoopBuilder, x: Value) -> Value:
    """Of [0, 15]; without shifts, which bytes have none of."""
    return b.sub(b.xor(x, 8), 8)
