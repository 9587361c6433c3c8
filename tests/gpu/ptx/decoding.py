"""From an instruction's text to a closure: operands resolved, types known, ready to run many times."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from ptx.errors import PTXError
from ptx.parser import is_sink
from ptx.poison import Masks
from ptx.slots import REGISTER_DTYPES, Array, Lanes, Slot
from ptx.syntax import Address, Immediate, Instruction, Name, Negated, Operand, Vector

Run: TypeAlias = Callable[[Slot, Lanes], None]
"""Runs an instruction for some lanes of a slot."""

Read: TypeAlias = Callable[[Slot, Lanes], Any]
"""Gives an array of one value a lane, or one NumPy scalar for all."""


@dataclass(frozen=True)
class Reader:
    """An operand: its values, and the masks of their poisoned bits."""

    values: Read
    masks: Read

    def __call__(self, slot: Slot, lanes: Lanes) -> Any:
        return self.values(slot, lanes)


Semantics: TypeAlias = Callable[["Decoder", Instruction], Run]

SIGNED: Mapping[np.dtype[Any], np.dtype[Any]] = {
    np.dtype(f"u{size}"): np.dtype(f"i{size}") for size in (1, 2, 4, 8)
}

SEMANTICS: dict[str, Semantics] = {}
"""First part of an opcode -> what gives its closure."""


def semantics(*names: str) -> Callable[[Semantics], Semantics]:
    """Register a function as the semantics of the opcodes that begin with one of ``names``."""

    def register(function: Semantics) -> Semantics:
        for name in names:
            SEMANTICS[name] = function
        return function

    return register


@dataclass(frozen=True)
class ScalarType:
    """An integer or bit type.  ``packed``: two of them in twice the bits (``s16x2``)."""

    bits: int
    signed: bool
    packed: bool = False

    @property
    def bytes(self) -> int:
        return self.bits // 8


def scalar_type(name: str, instruction: Instruction) -> ScalarType:
    """The type that a part of an opcode names: ``s32``, ``b64``, ``pred``, ``u16x2``.

    Raises:
        PTXError: where it names none, or a floating-point type.
    """
    if name == "pred":
        return ScalarType(1, False)
    found = re.fullmatch(r"([subf]|bf|tf|e\dm)(\d+)(x2)?", name)
    if found is None or found[1] in ("f", "bf", "tf") or found[1].startswith("e"):
        raise unknown(instruction)
    return ScalarType(int(found[2]), found[1] == "s", found[3] is not None)


_FLOAT = re.compile(r"(?:f|bf|tf)\d+(?:x\d)?|e\dm\d(?:x\d)?")


def is_floating_point(instruction: Instruction) -> bool:
    """Whether an opcode has a floating-point type."""
    return any(_FLOAT.fullmatch(part) for part in instruction.parts)


def unknown(instruction: Instruction) -> PTXError:
    """The error for an instruction that the interpreter does not know."""
    if is_floating_point(instruction):
        kind = "a floating-point instruction, and kernels are integer-only"
    else:
        kind = "an instruction that the interpreter does not know"
    return PTXError(f"line {instruction.line}: `{instruction.text}`: {kind}")


def signed(values: Any) -> Any:
    """The same bits as two's complement numbers."""
    return values.view(SIGNED[values.dtype])


def typed(values: Any, kind: ScalarType) -> Any:
    """The same bits, as numbers of ``kind``."""
    return signed(values) if kind.signed else values


class Decoder:
    """Resolves the names of one function."""

    def __init__(self, registers: Mapping[str, tuple[int, int]], symbols: Mapping[str, int]) -> None:
        """``registers``: name -> (index, bits);  ``symbols``: variable -> address."""
        self._registers = registers
        self._symbols = symbols

    def decode(self, instruction: Instruction) -> Run:
        """The closure of an instruction that does not change the flow of control.

        Raises:
            PTXError: for an unknown or a floating-point instruction, or operands that do not fit.
        """
        meaning = SEMANTICS.get(instruction.parts[0])
        if meaning is None or is_floating_point(instruction):
            raise unknown(instruction)
        try:
            return meaning(self, instruction)
        except (IndexError, KeyError, AttributeError) as error:
            raise unknown(instruction) from error

    def register(self, operand: Operand, instruction: Instruction) -> tuple[int, int]:
        """Index and bits of a register."""
        if isinstance(operand, Name) and operand.text in self._registers:
            return self._registers[operand.text]
        raise PTXError(f"line {instruction.line}: `{instruction.text}`: {operand} is not a register")

    def read(self, operand: Operand, bits: int, instruction: Instruction) -> Reader:
        """Reads the low ``bits`` of an operand as unsigned numbers (predicates: as bool).

        Raises:
            PTXError: where the register is narrower, or there is no such name.
        """
        dtype = REGISTER_DTYPES[bits]
        if isinstance(operand, Negated):
            plain = self.read(operand.name, bits, instruction)
            return Reader(lambda slot, lanes: ~plain(slot, lanes), plain.masks)
        if isinstance(operand, Immediate):
            return _constant(operand.value, dtype)
        if not isinstance(operand, Name):
            raise unknown(instruction)
        if operand.text in self._registers:
            index, width = self._registers[operand.text]
            if width < bits or (bits == 1) != (width == 1):
                where = f"line {instruction.line}: `{instruction.text}`"
                raise PTXError(f"{where}: {operand.text} has {width} bits, not {bits}")
            masks = _masks(index, dtype)
            if width == bits:
                return Reader(lambda slot, lanes: slot.values[index][lanes], masks)
            return Reader(lambda slot, lanes: slot.values[index][lanes].astype(dtype), masks)
        if operand.text in self._symbols:
            return _constant(self._symbols[operand.text], dtype)
        if operand.text.startswith("%"):
            return self._special(operand.text, dtype, instruction)
        raise PTXError(f"line {instruction.line}: `{instruction.text}`: there is no {operand.text}")

    def _special(self, name: str, dtype: np.dtype[Any], instruction: Instruction) -> Reader:
        if not re.fullmatch(r"%(n?tid|n?ctaid)\.[xyz]|%laneid|%n?warpid|%lanemask_(eq|lt|le|gt|ge)", name):
            raise PTXError(
                f"line {instruction.line}: `{instruction.text}`: the special register {name} is not known"
            )
        zero = dtype.type(0)
        return Reader(
            lambda slot, lanes: slot.specials[name][lanes].astype(dtype, copy=False), lambda slot, lanes: zero
        )

    def sources(self, *operands: Operand) -> tuple[int, ...]:
        """The registers among some operands: where poison may come from."""
        found: list[int] = []
        for operand in operands:
            if isinstance(operand, Vector):
                found += self.sources(*operand.items)
            elif isinstance(operand, Address):
                found += self.sources(operand.base)
            else:
                name = operand.name if isinstance(operand, Negated) else operand
                if isinstance(name, Name) and name.text in self._registers:
                    found.append(self._registers[name.text][0])
        return tuple(dict.fromkeys(found))

    def write(
        self, operand: Operand, instruction: Instruction, *, sign_extend: bool = False
    ) -> Callable[[Slot, Lanes, Any, Array | None], None]:
        """Writes a result, extended to the register's width, and its poison.  ``_`` takes nothing."""
        if is_sink(operand):
            return lambda slot, lanes, values, poison: None
        index, bits = self.register(operand, instruction)
        dtype = REGISTER_DTYPES[bits]

        def write(slot: Slot, lanes: Lanes, values: Any, poison: Array | None) -> None:
            if values.dtype != dtype:
                if sign_extend and values.dtype.itemsize < dtype.itemsize and values.dtype.kind == "u":
                    values = signed(values)
                    if poison is not None and poison.dtype.kind == "u":
                        poison = signed(poison)
                values = values.astype(dtype)
            if poison is not None and poison.dtype not in (dtype, np.bool_):
                poison = poison.astype(dtype)
            slot.write(index, lanes, values, poison)

        return write

    def pure(
        self,
        instruction: Instruction,
        readers: list[Reader],
        compute: Callable[..., Any],
        *,
        masks: Masks | None = None,
        sign_extend: bool = False,
    ) -> Run:
        """Result = ``compute(operands...)``, a function of each lane alone.

        ``masks`` gives the poisoned bits; without it one spoils the whole result.
        """
        write = self.write(instruction.operands[0], instruction, sign_extend=sign_extend)
        sources = self.sources(*instruction.operands[1:])

        def run(slot: Slot, lanes: Lanes) -> None:
            values = [reader(slot, lanes) for reader in readers]
            poison = slot.poison_of(sources, lanes)
            if poison is not None and masks is not None:
                poison = masks(values, [reader.masks(slot, lanes) for reader in readers])
            write(slot, lanes, compute(*values), poison)

        return run


def _constant(value: int, dtype: np.dtype[Any]) -> Reader:
    scalar: Any = np.array(value & ((1 << (8 * dtype.itemsize)) - 1)).astype(dtype)[()]
    if dtype == np.bool_:
        scalar = np.bool_(value != 0)
    zero = dtype.type(0)
    return Reader(lambda slot, lanes: scalar, lambda slot, lanes: zero)


def _masks(register: int, dtype: np.dtype[Any]) -> Read:
    zero = dtype.type(0)

    def masks(slot: Slot, lanes: Lanes) -> Any:
        mask = slot.poison[register]
        return zero if mask is None else mask[lanes].astype(dtype, copy=False)

    return masks


def spread(values: Any, count: int) -> Array:
    """One value a lane, of one value for all."""
    array: Array = np.asarray(values)
    return array if array.ndim else np.full(count, values)


_where: Callable[[Any, Any, Any], Any] = np.where


def choose(condition: Any, first: Any, second: Any) -> Any:
    """``numpy.where``, of arrays or scalars."""
    return _where(condition, first, second)
