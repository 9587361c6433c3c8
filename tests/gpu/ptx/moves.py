"""Moves, conversions, comparisons and choices."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ptx.decoding import Decoder, Run, ScalarType, choose, scalar_type, semantics, typed, unknown
from ptx.parser import is_sink
from ptx.poison import either, full, moved
from ptx.slots import REGISTER_DTYPES, Array, Lanes, Slot
from ptx.syntax import Instruction, Operand, Vector

_COMPARE: dict[str, Callable[..., Any]] = {
    "eq": np.equal,
    "ne": np.not_equal,
    "lt": np.less,
    "le": np.less_equal,
    "gt": np.greater,
    "ge": np.greater_equal,
}
_UNSIGNED_COMPARE = {"lo": "lt", "ls": "le", "hi": "gt", "hs": "ge"}
_COMBINE: dict[str, Callable[..., Any]] = {
    "and": np.logical_and,
    "or": np.logical_or,
    "xor": np.logical_xor,
}


@semantics("mov")
def _move(decoder: Decoder, instruction: Instruction) -> Run:
    bits = scalar_type(instruction.parts[1], instruction).bits
    if len(instruction.parts) != 2:
        raise unknown(instruction)
    target, source = instruction.operands
    if isinstance(source, Vector):
        return _pack(decoder, instruction, bits, source)
    if isinstance(target, Vector):
        return _unpack(decoder, instruction, bits, target)
    return decoder.pure(instruction, [decoder.read(source, bits, instruction)], _same, masks=either)


def _same(value: Any) -> Any:
    return value


def _pack(decoder: Decoder, instruction: Instruction, bits: int, source: Vector) -> Run:
    part = bits // len(source.items)
    readers = [decoder.read(item, part, instruction) for item in source.items]
    dtype = REGISTER_DTYPES[bits].type

    def compute(*values: Any) -> Any:
        result: Any = dtype(0)
        for place, value in enumerate(values):
            result = result | value.astype(dtype) << dtype(place * part)
        return result

    return decoder.pure(instruction, readers, compute, masks=moved(compute, len(readers)))


def _unpack(decoder: Decoder, instruction: Instruction, bits: int, target: Vector) -> Run:
    part = bits // len(target.items)
    reader = decoder.read(instruction.operands[1], bits, instruction)
    sources = decoder.sources(instruction.operands[1])
    writers = [
        (decoder.write(item, instruction), place * part)
        for place, item in enumerate(target.items)
        if not is_sink(item)
    ]
    dtype = REGISTER_DTYPES[bits].type

    def run(slot: Slot, lanes: Lanes) -> None:
        # copies: the results may overwrite the source
        value, mask = np.array(reader(slot, lanes)), None
        if slot.poison_of(sources, lanes) is not None:
            mask = np.array(reader.masks(slot, lanes))
        for write, shift in writers:
            bits = (value >> dtype(shift)).astype(REGISTER_DTYPES[part])
            poison = None if mask is None else (mask >> dtype(shift)).astype(bits.dtype)
            write(slot, lanes, bits, poison)

    return run


@semantics("cvt")
def _convert(decoder: Decoder, instruction: Instruction) -> Run:
    """To a narrower type: the low bits, or with ``.sat`` the nearest value that it has."""
    _, *modes, to, last = instruction.parts
    if modes and modes[0] == "pack":
        return _convert_and_pack(decoder, instruction)
    if modes not in ([], ["sat"]):
        raise unknown(instruction)
    target, source = scalar_type(to, instruction), scalar_type(last, instruction)
    reader = decoder.read(instruction.operands[1], source.bits, instruction)
    dtype = REGISTER_DTYPES[target.bits]

    def compute(value: Any) -> Any:
        number = typed(value, source)
        if modes:
            number = saturated(number, target)
        return number.astype(dtype)

    masks = None if modes else moved(compute, 1)
    return decoder.pure(instruction, [reader], compute, masks=masks, sign_extend=target.signed)


def saturated(number: Any, kind: ScalarType) -> Any:
    """``number`` brought into the range of ``kind`` (compared as Python integers would be)."""
    lowest = -(1 << (kind.bits - 1)) if kind.signed else 0
    highest = (1 << (kind.bits - 1)) - 1 if kind.signed else (1 << kind.bits) - 1
    info = np.iinfo(number.dtype)
    return np.clip(number, max(lowest, info.min), min(highest, info.max))


def _convert_and_pack(decoder: Decoder, instruction: Instruction) -> Run:
    """``cvt.pack.sat``: ``a`` above ``b``, and the low bits of ``c`` above both."""
    _, _, mode, to, last, *rest = instruction.parts
    target, source = scalar_type(to, instruction), scalar_type(last, instruction)
    if mode != "sat" or target.bits not in (8, 16) or last != "s32" or rest not in ([], ["b32"]):
        raise unknown(instruction)
    readers = [decoder.read(operand, 32, instruction) for operand in instruction.operands[1:]]
    mask, shift = np.uint32((1 << target.bits) - 1), np.uint32(target.bits)

    def compute(a: Any, b: Any, *above: Any) -> Any:
        high, low = (saturated(typed(value, source), target).astype(np.uint32) & mask for value in (a, b))
        result = high << shift | low
        return result | above[0] << (shift + shift) if above else result

    return decoder.pure(instruction, readers, compute)


@semantics("setp")
def _set_predicate(decoder: Decoder, instruction: Instruction) -> Run:
    """A comparison, combined with a further predicate where one is given; ``p|q``: the second its inverse."""
    _, comparison, *combination, last = instruction.parts
    kind = scalar_type(last, instruction)
    compare = _COMPARE[_UNSIGNED_COMPARE.get(comparison, comparison)]
    target, first, second, *third = instruction.operands
    readers = [decoder.read(operand, kind.bits, instruction) for operand in (first, second)]
    readers += [decoder.read(operand, 1, instruction) for operand in third]
    combine = _COMBINE[combination[0]] if combination else None
    targets: tuple[Operand, ...] = target.items if isinstance(target, Vector) else (target,)
    writers = [decoder.write(item, instruction) for item in targets]
    sources = decoder.sources(first, second, *third)

    def run(slot: Slot, lanes: Lanes) -> None:
        a, b, *predicate = (reader(slot, lanes) for reader in readers)
        result = compare(typed(a, kind), typed(b, kind))
        poison = slot.poison_of(sources, lanes)
        results = (result, ~result)
        for write, values in zip(writers, results, strict=False):
            write(slot, lanes, values if combine is None else combine(values, predicate[0]), poison)

    return run


@semantics("selp")
def _select(decoder: Decoder, instruction: Instruction) -> Run:
    """Poison comes from the predicate and from the operand that is chosen."""
    target, first, second, predicate = instruction.operands
    bits = scalar_type(instruction.parts[1], instruction).bits
    readers = [decoder.read(operand, bits, instruction) for operand in (first, second)]
    chooser = decoder.read(predicate, 1, instruction)
    write = decoder.write(target, instruction)
    sources = decoder.sources(first, second, predicate)

    def run(slot: Slot, lanes: Lanes) -> None:
        chosen = chooser(slot, lanes)
        values = choose(chosen, readers[0](slot, lanes), readers[1](slot, lanes))
        poison: Array | None = None
        if slot.poison_of(sources, lanes) is not None:
            masks = choose(chosen, readers[0].masks(slot, lanes), readers[1].masks(slot, lanes))
            poison = masks | full(np.asarray(chooser.masks(slot, lanes)), masks.dtype)
        write(slot, lanes, values, poison)

    return run


@semantics("slct")
def _select_by_sign(decoder: Decoder, instruction: Instruction) -> Run:
    _, to, last = instruction.parts
    bits = scalar_type(to, instruction).bits
    if last != "s32":
        raise unknown(instruction)
    _, first, second, sign = instruction.operands
    readers = [decoder.read(operand, bits, instruction) for operand in (first, second)]
    readers.append(decoder.read(sign, 32, instruction))

    def compute(a: Any, b: Any, c: Any) -> Any:
        return choose(c < np.uint32(1 << 31), a, b)

    return decoder.pure(instruction, readers, compute)


@semantics("fence", "membar", "griddepcontrol", "nanosleep", "prefetch", "setmaxnreg")
def _nothing(decoder: Decoder, instruction: Instruction) -> Run:
    """Ordering and hints: the interpreter keeps memory in order as it is."""
    return lambda slot, lanes: None
