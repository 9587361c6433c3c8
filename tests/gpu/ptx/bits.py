"""Logic, shifts and the operations on single bits and bytes."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from ptx.decoding import Decoder, Run, ScalarType, choose, scalar_type, semantics, typed, unknown
from ptx.poison import conjunction, disjunction, either, moved
from ptx.slots import REGISTER_DTYPES
from ptx.syntax import Immediate, Instruction

_LOGIC: dict[str, Callable[..., Any]] = {"and": np.bitwise_and, "or": np.bitwise_or, "xor": np.bitwise_xor}


@semantics("and", "or", "xor")
def _logic(decoder: Decoder, instruction: Instruction) -> Run:
    name, last = instruction.parts
    bits = scalar_type(last, instruction).bits
    readers = [decoder.read(operand, bits, instruction) for operand in instruction.operands[1:]]
    masks = {"and": conjunction, "or": disjunction, "xor": either}[name]
    return decoder.pure(instruction, readers, _LOGIC[name], masks=masks)


@semantics("not", "cnot")
def _not(decoder: Decoder, instruction: Instruction) -> Run:
    name, last = instruction.parts
    bits = scalar_type(last, instruction).bits
    zero = REGISTER_DTYPES[bits].type(0)

    def logical(a: Any) -> Any:
        return (a == zero).astype(REGISTER_DTYPES[bits])

    reader = decoder.read(instruction.operands[1], bits, instruction)
    if name == "not":
        return decoder.pure(instruction, [reader], np.invert, masks=either)
    return decoder.pure(instruction, [reader], logical)


@semantics("shl", "shr")
def _shift(decoder: Decoder, instruction: Instruction) -> Run:
    """A shift by the width or more leaves zeros, or copies of the sign."""
    name, last = instruction.parts
    kind = scalar_type(last, instruction)
    readers = [
        decoder.read(instruction.operands[1], kind.bits, instruction),
        decoder.read(instruction.operands[2], 32, instruction),
    ]
    compute = of_amount(name, kind)
    return decoder.pure(instruction, readers, compute, masks=moved(compute, 1))


def of_amount(name: str, kind: ScalarType) -> Callable[..., Any]:
    """``shl`` or ``shr`` of bits of ``kind`` by an unsigned amount."""
    dtype = REGISTER_DTYPES[kind.bits]

    def compute(value: Any, amount: Any) -> Any:
        inside = np.minimum(amount, np.uint32(kind.bits - 1))
        if name == "shr" and kind.signed:
            number = typed(value, kind)
            return (number >> inside.astype(number.dtype)).view(dtype)
        shift = inside.astype(dtype)
        shifted = value << shift if name == "shl" else value >> shift
        return choose(amount < np.uint32(kind.bits), shifted, dtype.type(0))

    return compute


@semantics("shf")
def _funnel_shift(decoder: Decoder, instruction: Instruction) -> Run:
    """``{b, a}`` shifted left (the high word kept) or right (the low word kept)."""
    _, direction, mode, last = instruction.parts
    if last != "b32" or direction not in ("l", "r") or mode not in ("wrap", "clamp"):
        raise unknown(instruction)

    def compute(low: Any, high: Any, amount: Any) -> Any:
        shift = amount & np.uint32(31) if mode == "wrap" else np.minimum(amount, np.uint32(32))
        both = high.astype(np.uint64) << np.uint64(32) | low.astype(np.uint64)
        shift = shift.astype(np.uint64)
        if direction == "r":
            return (both >> shift).astype(np.uint32)
        return (both << shift >> np.uint64(32)).astype(np.uint32)

    readers = [decoder.read(operand, 32, instruction) for operand in instruction.operands[1:]]
    return decoder.pure(instruction, readers, compute, masks=moved(compute, 2))


@semantics("bfe")
def _extract_field(decoder: Decoder, instruction: Instruction) -> Run:
    """Bits ``[b, b + c)`` of ``a``; of a signed type they are extended by the field's highest bit."""
    _, last = instruction.parts
    kind = scalar_type(last, instruction)
    width = np.int64(kind.bits)

    def compute(value: Any, start: Any, length: Any) -> Any:
        first = (start & np.uint32(255)).astype(np.int64)
        count = (length & np.uint32(255)).astype(np.int64)
        wide = value.astype(np.uint64)
        field = _low_bits(_right(wide, first), count)
        if kind.signed:
            highest = np.minimum(first + count - 1, width - 1)
            negative = (_right(wide, highest) & np.uint64(1)).astype(np.bool_) & (count > 0)
            # above the field, and above the value's own top, stand copies of the sign
            kept = np.clip(np.minimum(count, width - first), 0, 64)
            field = choose(negative, field | ~_low_bits(np.uint64(0xFFFFFFFFFFFFFFFF), kept), field)
        return field.astype(REGISTER_DTYPES[kind.bits])

    operands = instruction.operands
    readers = [decoder.read(operands[1], kind.bits, instruction)]
    readers += [decoder.read(operand, 32, instruction) for operand in operands[2:]]
    return decoder.pure(instruction, readers, compute, masks=moved(compute, 1))


def _right(value: Any, amount: Any) -> Any:
    inside = np.minimum(amount, 63).astype(np.uint64)
    return choose(amount > 63, np.uint64(0), value >> inside)


def _low_bits(value: Any, count: Any) -> Any:
    """The lowest ``count`` bits, all from 64 on."""
    inside = np.minimum(count, 63).astype(np.uint64)
    mask = (np.uint64(1) << inside) - np.uint64(1)
    return choose(count > 63, value, value & mask)


@semantics("bfi")
def _insert_field(decoder: Decoder, instruction: Instruction) -> Run:
    """The low ``d`` bits of ``a``, at bit ``c`` of ``b``."""
    _, last = instruction.parts
    bits = scalar_type(last, instruction).bits

    def compute(field: Any, base: Any, start: Any, length: Any) -> Any:
        first = (start & np.uint32(255)).astype(np.int64)
        count = (length & np.uint32(255)).astype(np.int64)
        ones = _low_bits(np.uint64(0xFFFFFFFFFFFFFFFF), count)
        inside = np.minimum(first, 63).astype(np.uint64)
        mask = choose(first > 63, np.uint64(0), ones << inside)
        moved = field.astype(np.uint64) << inside
        return (base.astype(np.uint64) & ~mask | moved & mask).astype(REGISTER_DTYPES[bits])

    operands = instruction.operands
    readers = [decoder.read(operand, bits, instruction) for operand in operands[1:3]]
    readers += [decoder.read(operand, 32, instruction) for operand in operands[3:]]
    return decoder.pure(instruction, readers, compute, masks=moved(compute, 2))


@semantics("popc", "clz", "brev", "bfind")
def _count(decoder: Decoder, instruction: Instruction) -> Run:
    name, *_, last = instruction.parts
    kind = scalar_type(last, instruction)
    if len(instruction.parts) != 2:
        raise unknown(instruction)
    computes: dict[str, Callable[..., Any]] = {
        "popc": _population,
        "clz": leading_zeros,
        "brev": _reversed,
        "bfind": _highest,
    }
    reader = decoder.read(instruction.operands[1], kind.bits, instruction)
    compute = partial(computes[name], kind)
    return decoder.pure(instruction, [reader], compute, masks=moved(compute, 1) if name == "brev" else None)


def _population(kind: ScalarType, value: Any) -> Any:
    return np.bitwise_count(value).astype(np.uint32)


def leading_zeros(kind: ScalarType, value: Any) -> Any:
    """Zeros above the highest one."""
    rest: Any = np.array(value)
    count: Any = np.uint32(kind.bits)
    step = kind.bits
    while step > 1:
        step //= 2
        high = rest >> rest.dtype.type(step)
        found = high != 0
        count = count - np.uint32(step) * found.astype(np.uint32)
        rest = choose(found, high, rest)
    return count - rest.astype(np.uint32)


def _highest(kind: ScalarType, value: Any) -> Any:
    """The index of the highest bit that is not a copy of the sign; all ones where there is none."""
    plain = choose(typed(value, kind) < 0, ~value, value) if kind.signed else value
    return np.uint32(kind.bits - 1) - leading_zeros(kind, plain)


def _reversed(kind: ScalarType, value: Any) -> Any:
    data = np.ascontiguousarray(value)[..., None].view(np.uint8)
    flipped = np.packbits(
        np.unpackbits(data, axis=-1, bitorder="little")[..., ::-1], axis=-1, bitorder="little"
    )
    return np.ascontiguousarray(flipped).view(REGISTER_DTYPES[kind.bits])[..., 0]


@semantics("lop3")
def _any_logic(decoder: Decoder, instruction: Instruction) -> Run:
    """Any function of three bits: bit ``4a + 2b + c`` of the table."""
    table = instruction.operands[4]
    if instruction.opcode != "lop3.b32" or not isinstance(table, Immediate):
        raise unknown(instruction)

    def compute(a: Any, b: Any, c: Any) -> Any:
        result = np.uint32(0) & (a | b | c)
        for case in range(8):
            if table.value >> case & 1:
                term = (a if case & 4 else ~a) & (b if case & 2 else ~b) & (c if case & 1 else ~c)
                result = result | term
        return result

    readers = [decoder.read(operand, 32, instruction) for operand in instruction.operands[1:4]]
    return decoder.pure(instruction, readers, compute, masks=either)


@semantics("prmt")
def _permute_bytes(decoder: Decoder, instruction: Instruction) -> Run:
    """Four bytes of ``{b, a}``, each chosen by a nibble whose high bit asks for copies of the sign."""
    if instruction.opcode != "prmt.b32":
        raise unknown(instruction)
    readers = [decoder.read(operand, 32, instruction) for operand in instruction.operands[1:]]
    return decoder.pure(instruction, readers, _permuted, masks=moved(_permuted, 2))


def _permuted(a: Any, b: Any, selector: Any) -> Any:
    both = b.astype(np.uint64) << np.uint64(32) | a.astype(np.uint64)
    result: Any = np.uint64(0)
    for place in range(4):
        nibble = selector >> np.uint32(4 * place)
        shift = ((nibble & np.uint32(7)) * np.uint32(8)).astype(np.uint64)
        byte = both >> shift & np.uint64(255)
        copies = choose(byte & np.uint64(128), np.uint64(255), np.uint64(0))
        result = result | choose(nibble & np.uint32(8), copies, byte) << np.uint64(8 * place)
    return result.astype(np.uint32)


@semantics("bmsk")
def _mask(decoder: Decoder, instruction: Instruction) -> Run:
    if instruction.opcode != "bmsk.clamp.b32":
        raise unknown(instruction)

    def compute(start: Any, count: Any) -> Any:
        first, length = start.astype(np.int64), count.astype(np.int64)
        inside = np.minimum(first, 63).astype(np.uint64)
        return choose(first > 31, 0, _low_bits(np.uint64(0xFFFFFFFF), length) << inside).astype(np.uint32)

    readers = [decoder.read(operand, 32, instruction) for operand in instruction.operands[1:]]
    return decoder.pure(instruction, readers, compute)
