"""Integer arithmetic: add, sub, mul, mad, div, rem, min, max, abs, neg, sad, dp4a, dp2a."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ptx.decoding import Decoder, Run, ScalarType, choose, scalar_type, semantics, signed, typed, unknown
from ptx.poison import of_halves, upward
from ptx.slots import REGISTER_DTYPES, Array, Lanes, Slot
from ptx.syntax import Instruction

_TWO = {"add": np.add, "sub": np.subtract, "min": np.minimum, "max": np.maximum}
_ONE = {"neg": np.negative, "abs": np.abs, "not": np.invert}


def packed(compute: Callable[..., Any]) -> Callable[..., Any]:
    """A function of 16-bit numbers, of two packed in 32 bits."""

    def both(*values: Any) -> Any:
        low = compute(*(value.astype(np.uint16) for value in values)).astype(np.uint32)
        high = compute(*((value >> 16).astype(np.uint16) for value in values)).astype(np.uint32)
        return low | high << np.uint32(16)

    return both


def of_type(compute: Callable[..., Any], kind: ScalarType) -> Callable[..., Any]:
    """A function of numbers of ``kind``, of their bits; the result again as bits."""
    dtype = REGISTER_DTYPES[kind.bits]

    def bits(*values: Any) -> Any:
        return compute(*(typed(value, kind) for value in values)).astype(dtype, copy=False).view(dtype)

    return packed(bits) if kind.packed else bits


def _readers(decoder: Decoder, instruction: Instruction, kind: ScalarType) -> list[Any]:
    bits = 2 * kind.bits if kind.packed else kind.bits
    return [decoder.read(operand, bits, instruction) for operand in instruction.operands[1:]]


@semantics("add", "sub", "min", "max")
def _two_operands(decoder: Decoder, instruction: Instruction) -> Run:
    name, *middle, last = instruction.parts
    kind = scalar_type(last, instruction)
    compute: Callable[..., Any] = _TWO[name]
    if middle == ["sat"] and last == "s32" and name in ("add", "sub"):
        compute = _saturating(compute)
    elif middle == ["relu"] and kind.signed and name in ("min", "max"):
        compute = _not_negative(compute)
    elif middle:
        raise unknown(instruction)
    masks = upward(kind.bits) if name in ("add", "sub") and not middle else None
    masks = of_halves if kind.packed else masks
    return decoder.pure(
        instruction, _readers(decoder, instruction, kind), of_type(compute, kind), masks=masks
    )


def _saturating(compute: Callable[..., Any]) -> Callable[..., Any]:
    def saturated(a: Any, b: Any) -> Any:
        exact = compute(a.astype(np.int64), b.astype(np.int64))
        return np.clip(exact, -(1 << 31), (1 << 31) - 1).astype(np.int32)

    return saturated


def _not_negative(compute: Callable[..., Any]) -> Callable[..., Any]:
    def rectified(a: Any, b: Any) -> Any:
        return np.maximum(compute(a, b), 0)

    return rectified


@semantics("neg", "abs")
def _one_operand(decoder: Decoder, instruction: Instruction) -> Run:
    name, last = instruction.parts
    kind = scalar_type(last, instruction)
    return decoder.pure(instruction, _readers(decoder, instruction, kind), of_type(_ONE[name], kind))


@semantics("mul", "mad", "mul24", "mad24")
def _multiply(decoder: Decoder, instruction: Instruction) -> Run:
    name, which, last = instruction.parts
    kind = scalar_type(last, instruction)
    if name.endswith("24") or which not in ("lo", "hi", "wide"):
        raise unknown(instruction)
    operands = instruction.operands[1:]
    result_bits = 2 * kind.bits if which == "wide" else kind.bits
    readers = [decoder.read(operand, kind.bits, instruction) for operand in operands[:2]]
    readers += [decoder.read(operand, result_bits, instruction) for operand in operands[2:]]
    dtype = REGISTER_DTYPES[result_bits]

    def compute(a: Any, b: Any, *addend: Any) -> Any:
        product = _product(typed(a, kind), typed(b, kind), which, kind).astype(dtype, copy=False)
        return product + addend[0] if addend else product

    masks = upward(result_bits) if which != "hi" else None
    return decoder.pure(instruction, readers, compute, masks=masks)


def _product(a: Any, b: Any, which: str, kind: ScalarType) -> Any:
    if which == "lo":
        return a * b
    if kind.bits == 64:
        return high_product(a, b)
    double = np.dtype(f"{'i' if kind.signed else 'u'}{kind.bits // 4}")
    product = a.astype(double) * b.astype(double)
    return product if which == "wide" else product >> double.type(kind.bits)


def high_product(a: Any, b: Any) -> Any:
    """The high 64 bits of a 64 by 64-bit product, signed where ``a`` and ``b`` are (from 32-bit halves)."""
    half = a.dtype.type(32)
    mask = a.dtype.type(0xFFFFFFFF)
    a_low, a_high, b_low, b_high = a & mask, a >> half, b & mask, b >> half
    low = (a_low.astype(np.uint64) * b_low.astype(np.uint64) >> np.uint64(32)).astype(a.dtype)
    cross = a_high * b_low + low
    middle = (cross & mask) + a_low * b_high
    return a_high * b_high + (cross >> half) + (middle >> half)


@semantics("div", "rem")
def _divide(decoder: Decoder, instruction: Instruction) -> Run:
    """Toward zero.  By zero it gives poison: PTX leaves the value open."""
    name, last = instruction.parts
    kind = scalar_type(last, instruction)
    dtype = REGISTER_DTYPES[kind.bits]
    first, second = _readers(decoder, instruction, kind)
    write = decoder.write(instruction.operands[0], instruction)
    sources = decoder.sources(*instruction.operands[1:])

    def run(slot: Slot, lanes: Lanes) -> None:
        a, b = typed(first(slot, lanes), kind), typed(second(slot, lanes), kind)
        zero = b == 0
        divisor = choose(zero, b.dtype.type(1), b)
        quotient = truncated_quotient(a, divisor)
        values = quotient if name == "div" else a - quotient * divisor
        poison = slot.poison_of(sources, lanes)
        if np.any(zero):
            zero = np.broadcast_to(zero, np.shape(values))
            poison = zero if poison is None else poison | zero
        write(slot, lanes, np.asarray(values).view(dtype), poison)

    return run


def truncated_quotient(a: Any, b: Any) -> Any:
    """``a / b`` rounded toward zero, as machines divide."""
    floor = a // b
    inexact = floor * b != a
    return floor + (inexact & ((a < 0) != (b < 0))).astype(floor.dtype)


@semantics("sad")
def _sum_of_absolute_difference(decoder: Decoder, instruction: Instruction) -> Run:
    _, last = instruction.parts
    kind = scalar_type(last, instruction)

    def compute(a: Any, b: Any, c: Any) -> Any:
        return c + choose(a < b, b - a, a - b)

    return decoder.pure(instruction, _readers(decoder, instruction, kind), of_type(compute, kind))


def split_bytes(words: Any, is_signed: bool) -> Array:
    """``[..., 4]``: the bytes of 32-bit words, lowest first, as int32."""
    data = np.ascontiguousarray(words, dtype=np.uint32)[..., None].view(np.uint8)
    return (data.view(np.int8) if is_signed else data).astype(np.int32)


@semantics("dp4a")
def _dp4a(decoder: Decoder, instruction: Instruction) -> Run:
    _, first, second = instruction.parts
    a_signed, b_signed = (scalar_type(part, instruction).signed for part in (first, second))

    def compute(a: Any, b: Any, c: Any) -> Any:
        products = split_bytes(a, a_signed) * split_bytes(b, b_signed)
        return c + products.sum(-1, dtype=np.int32).view(np.uint32)

    return decoder.pure(
        instruction,
        [decoder.read(operand, 32, instruction) for operand in instruction.operands[1:]],
        compute,
    )


@semantics("dp2a")
def _dp2a(decoder: Decoder, instruction: Instruction) -> Run:
    _, which, first, second = instruction.parts
    a_signed, b_signed = (scalar_type(part, instruction).signed for part in (first, second))
    if which not in ("lo", "hi"):
        raise unknown(instruction)
    half = slice(0, 2) if which == "lo" else slice(2, 4)

    def compute(a: Any, b: Any, c: Any) -> Any:
        words = np.ascontiguousarray(a, dtype=np.uint32)[..., None].view(np.uint16)
        halves = (signed(words) if a_signed else words).astype(np.int64)
        products = halves * split_bytes(b, b_signed)[..., half]
        return c + products.sum(-1).astype(np.uint32)

    return decoder.pure(
        instruction,
        [decoder.read(operand, 32, instruction) for operand in instruction.operands[1:]],
        compute,
    )
