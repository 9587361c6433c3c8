"""Loads and stores of every state space, address arithmetic between the spaces, atomics."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from ptx.decoding import (
    Decoder,
    Read,
    Run,
    ScalarType,
    choose,
    scalar_type,
    semantics,
    spread,
    typed,
    unknown,
)
from ptx.errors import BoundsError, PTXError
from ptx.memory import byte_pattern, check_alignment, gather, padded
from ptx.shared import LOCAL_WINDOW, SHARED_WINDOW
from ptx.slots import REGISTER_DTYPES, Array, Lanes, Slot
from ptx.syntax import Address, Immediate, Instruction, Name, Operand, Vector

if TYPE_CHECKING:
    from ptx.machine import Machine

PARAMETER_BASE = 0x1000
"""The address of a kernel's first parameter, in their own space."""

_SPACES = ("global", "shared", "local", "const", "param", "generic")
_HINTS = re.compile(
    r"ca|cg|cs|lu|cv|wb|wt|volatile|relaxed|weak|acquire|release|gpu|cta|sys|cluster|unified|"
    r"L1::\w+|L2::\w+|level::\w+"
)


_ORDERED = ("volatile", "relaxed", "acquire", "release")


class AccessShape:
    """What the opcode of a load or store says: space, vector length, element type, ``.nc``, and whether it is
    ordered with other threads' accesses."""

    def __init__(self, instruction: Instruction) -> None:
        *middle, last = instruction.parts[1:]
        self.kind: ScalarType = scalar_type(last, instruction)
        self.space, self.count, self.constant, self.ordered = "generic", 1, False, False
        for part in middle:
            plain = part.partition("::")[0]
            if plain in _SPACES and part in (plain, "shared::cta", "param::entry", "param::func"):
                self.space = plain
            elif re.fullmatch(r"v[248]", part):
                self.count = int(part[1:])
            elif part == "nc":
                self.constant = True
            elif part in _ORDERED:
                self.ordered = True
            elif not _HINTS.fullmatch(part):
                raise unknown(instruction)
        if self.kind.bits > 64 or self.kind.packed:
            raise unknown(instruction)


def address_reader(decoder: Decoder, operand: Operand, instruction: Instruction) -> Read:
    """Reads the addresses of ``[base+offset]``, as uint64; poison in one is an error.

    The sum has the width of the base: short pointers to shared memory wrap at 32 bits.
    """
    if not isinstance(operand, Address):
        raise unknown(instruction)
    base, bits = operand.base, 64
    if isinstance(base, Name) and decoder.sources(base):
        bits = decoder.register(base, instruction)[1]
    offset = REGISTER_DTYPES[bits].type(operand.offset & ((1 << bits) - 1))
    read, sources = decoder.read(base, bits, instruction), decoder.sources(base)

    def addresses(slot: Slot, lanes: Lanes) -> Array:
        poison = slot.poison_of(sources, lanes)
        if poison is not None:
            slot.fail_of_poison(lanes, poison, "the address")
        return spread((read(slot, lanes) + offset).astype(np.uint64), slot.count(lanes))

    return addresses


@semantics("ld", "ldu")
def _load(decoder: Decoder, instruction: Instruction) -> Run:
    shape = AccessShape(instruction)
    target, source = instruction.operands[:2]
    targets = target.items if isinstance(target, Vector) else (target,)
    addresses = address_reader(decoder, source, instruction)
    writers = [decoder.write(item, instruction, sign_extend=shape.kind.signed) for item in targets]
    size, count, space = shape.kind.bytes, shape.count, shape.space
    constant, ordered = shape.constant, shape.ordered

    def run(slot: Slot, lanes: Lanes) -> None:
        machine: Machine = slot.machine
        values, poison = machine.load(
            slot, lanes, space, addresses(slot, lanes), size, count, constant=constant, atomic=ordered
        )
        for column, write in enumerate(writers):
            write(slot, lanes, values[:, column], _column(poison, column))

    return run


def _column(poison: Array | None, column: int) -> Array | None:
    if poison is None or not poison[:, column].any():
        return None
    return poison[:, column]


@semantics("st")
def _store(decoder: Decoder, instruction: Instruction) -> Run:
    shape = AccessShape(instruction)
    target, source = instruction.operands[:2]
    sources = source.items if isinstance(source, Vector) else (source,)
    addresses = address_reader(decoder, target, instruction)
    readers = [decoder.read(item, shape.kind.bits, instruction) for item in sources]
    registers = [decoder.sources(item) for item in sources]
    dtype, space, ordered = REGISTER_DTYPES[shape.kind.bits], shape.space, shape.ordered

    def run(slot: Slot, lanes: Lanes) -> None:
        values: Array = np.empty((slot.count(lanes), len(readers)), dtype)
        poison: Array | None = None
        for column, reader in enumerate(readers):
            values[:, column] = reader(slot, lanes)
            if slot.poison_of(registers[column], lanes) is not None:
                poison = np.zeros_like(values) if poison is None else poison
                poison[:, column] = reader.masks(slot, lanes)
        if poison is not None and not poison.any():
            poison = None
        slot.machine.store(slot, lanes, space, addresses(slot, lanes), values, poison, atomic=ordered)

    return run


@semantics("cvta")
def _convert_address(decoder: Decoder, instruction: Instruction) -> Run:
    """Between generic addresses and those of a space."""
    to_space = "to" in instruction.parts
    space = next(part.partition("::")[0] for part in instruction.parts if part.partition("::")[0] in _SPACES)
    window = np.uint64({"shared": SHARED_WINDOW, "local": LOCAL_WINDOW}.get(space, 0))
    reader = decoder.read(instruction.operands[1], 64, instruction)

    def compute(value: Any) -> Any:
        return value - window if to_space else value + window

    return decoder.pure(instruction, [reader], compute)


_ATOMIC: dict[str, Callable[..., Any]] = {
    "add": np.add,
    "min": np.minimum,
    "max": np.maximum,
    "and": np.bitwise_and,
    "or": np.bitwise_or,
    "xor": np.bitwise_xor,
}


@semantics("atom", "red")
def _atomic(decoder: Decoder, instruction: Instruction) -> Run:
    """One lane after another.  ``atom`` gives what was there before."""
    name, *middle, last = instruction.parts
    kind = scalar_type(last, instruction)
    operation = next((part for part in middle if part in _ATOMIC or part in ("cas", "exch")), None)
    space = next(
        (part.partition("::")[0] for part in middle if part.partition("::")[0] in _SPACES), "generic"
    )
    rest = [part for part in middle if part != operation and part.partition("::")[0] != space]
    if operation is None or any(not _HINTS.fullmatch(part) and part != "acq_rel" for part in rest):
        raise unknown(instruction)
    operands = instruction.operands if name == "atom" else (Name("_"), *instruction.operands)
    target, place, *given = operands
    addresses = address_reader(decoder, place, instruction)
    readers = [decoder.read(item, kind.bits, instruction) for item in given]
    write, sources = decoder.write(target, instruction), decoder.sources(*given)

    def compute(old: Any, values: list[Any]) -> Any:
        if operation == "cas":
            return choose(old == values[0], values[1], old)
        if operation == "exch":
            return values[0]
        return _ATOMIC[operation](typed(old, kind), typed(values[0], kind)).view(old.dtype)

    def run(slot: Slot, lanes: Lanes) -> None:
        indices, at = slot.indices(lanes), addresses(slot, lanes)
        values = [spread(reader(slot, lanes), len(indices)) for reader in readers]
        wrong, of_old = slot.poison_of(sources, lanes), np.zeros(len(indices), np.bool_)
        results = np.empty(len(indices), REGISTER_DTYPES[kind.bits])
        for order in range(len(indices)):
            one = indices[order : order + 1]
            spot = at[order : order + 1]
            old, poison = slot.machine.load(slot, one, space, spot, kind.bytes, 1, atomic=True)
            of_old[order] = poison is not None
            results[order] = old[0, 0]
            new = compute(old, [value[order : order + 1, None] for value in values])
            spoilt = of_old[order] or (wrong is not None and wrong[order])
            mask = np.full_like(new, byte_pattern(0xFF, kind.bytes)) if spoilt else None
            slot.machine.store(slot, one, space, spot, new, mask, atomic=True)
        write(slot, lanes, results, of_old if of_old.any() else None)

    return run


def constant_load(
    decoder: Decoder, instruction: Instruction, parameters: dict[str, tuple[int, int]], block: Any
) -> Run | None:
    """``ld.param`` of a kernel's parameter: ``block(slot)`` are the bytes of all of them.

    Gives None where the instruction is something else.  ``parameters``: name -> (first byte, size); those of
    a function that is called are none.  An address that a register has is one from ``PARAMETER_BASE`` on.
    """
    if instruction.parts[0] != "ld" or "param" not in instruction.opcode:
        return None
    shape = AccessShape(instruction)
    target, source = instruction.operands
    if not isinstance(source, Address) or isinstance(source.base, Immediate):
        return None
    if source.base.text not in parameters:
        inside = bool(parameters) and bool(decoder.sources(source.base))
        return _parameter_load(decoder, instruction, block) if inside else None
    first, size = parameters[source.base.text]
    total = shape.kind.bytes * shape.count
    if source.offset % total or source.offset < 0 or source.offset + total > size:
        raise PTXError(
            f"line {instruction.line}: `{instruction.text}`: not aligned inside a parameter of {size} bytes"
        )
    targets = target.items if isinstance(target, Vector) else (target,)
    writers = [decoder.write(item, instruction, sign_extend=shape.kind.signed) for item in targets]
    dtype, start = REGISTER_DTYPES[shape.kind.bits], first + source.offset

    def run(slot: Slot, lanes: Lanes) -> None:
        values = np.frombuffer(block(slot), dtype, len(writers), start)
        for write, value in zip(writers, values, strict=True):
            write(slot, lanes, value, None)

    return run


def _parameter_load(decoder: Decoder, instruction: Instruction, block: Any) -> Run:
    """``ld.param`` at an address that each lane has: LLVM chooses between parameters by theirs."""
    shape = AccessShape(instruction)
    target, source = instruction.operands
    addresses = address_reader(decoder, source, instruction)
    targets = target.items if isinstance(target, Vector) else (target,)
    writers = [decoder.write(item, instruction, sign_extend=shape.kind.signed) for item in targets]
    size, count = shape.kind.bytes, shape.count

    def run(slot: Slot, lanes: Lanes) -> None:
        found = addresses(slot, lanes)
        check_alignment(slot, lanes, found, size * count)
        content = np.frombuffer(block(slot), np.uint8)
        offsets = found - np.uint64(PARAMETER_BASE)  # an address below wraps to a huge offset
        outside = offsets > np.uint64(len(content) - size * count)
        if outside.any():
            slot.fail(BoundsError, lanes, outside, f"outside the kernel's {len(content)} bytes of parameters")
        storage = np.zeros(padded(len(content)), np.uint8)
        storage[: len(content)] = content
        values = gather(storage, offsets.view(np.int64), size, count)
        for column, write in enumerate(writers):
            write(slot, lanes, values[:, column], None)

    return run
