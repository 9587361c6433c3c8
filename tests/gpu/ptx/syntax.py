"""What PTX text says, as plain data: modules, functions, instructions, operands."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TypeAlias


@dataclass(frozen=True)
class Name:
    """A register, a special register, a variable, a label, or the sink ``_``."""

    text: str


@dataclass(frozen=True)
class Immediate:
    value: int


@dataclass(frozen=True)
class Address:
    """``[base+offset]``."""

    base: Name | Immediate
    offset: int


@dataclass(frozen=True)
class Vector:
    """``{a, b}``, the ``(a, b)`` of a call, or the ``p|q`` of two results."""

    items: tuple[Operand, ...]


@dataclass(frozen=True)
class Negated:
    """``!%p``."""

    name: Name


Operand: TypeAlias = Name | Immediate | Address | Vector | Negated


@dataclass(frozen=True)
class Instruction:
    """One instruction.  ``guard`` is the predicate register that it runs under, or None."""

    opcode: str
    operands: tuple[Operand, ...]
    guard: str | None
    guard_negated: bool
    line: int
    text: str

    @cached_property
    def parts(self) -> tuple[str, ...]:
        """The opcode at its dots: ``("ld", "global", "nc", "v4", "b32")``."""
        return tuple(self.opcode.split("."))


@dataclass(frozen=True)
class Variable:
    """A variable of a state space; ``initial`` are its first bytes, or None where nobody gave any."""

    space: str
    name: str
    align: int
    size: int
    external: bool = False
    initial: bytes | None = None


@dataclass(frozen=True)
class Parameter:
    """A kernel's or function's parameter of ``size`` bytes.

    ``pointee_align``: of a parameter marked ``.ptr``: what its address is promised to be a multiple of.
    """

    name: str
    size: int
    align: int
    pointee_align: int | None = None


@dataclass
class Function:
    """A kernel (``entry``) or a device function."""

    name: str
    entry: bool
    parameters: list[Parameter]
    results: list[Parameter]
    registers: dict[str, int] = field(default_factory=dict[str, int])
    """Register -> bits; a predicate has 1."""
    variables: list[Variable] = field(default_factory=list[Variable])
    code: list[Instruction] = field(default_factory=list[Instruction])
    labels: dict[str, int] = field(default_factory=dict[str, int])
    tables: dict[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])
    """The labels of a ``.branchtargets``, or the names of a ``.calltargets``."""
    required_threads: tuple[int, int, int] | None = None
    """``.reqntid``."""
    maximum_threads: tuple[int, int, int] | None = None
    """``.maxntid``."""


@dataclass
class Program:
    """A PTX module."""

    target: str
    functions: dict[str, Function]
    variables: list[Variable]
