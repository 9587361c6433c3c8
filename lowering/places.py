"""Where the values of a program lie while it is planned: buffers, parts of them, launches that use them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

from xdsl.dialects.builtin import IntegerType, LocationAttr, MemRefType
from xdsl.ir import Block, BlockArgument, SSAValue
from xdsl.utils.exceptions import PassFailedException

from ivit_dialect.load import location_text
from lowering import plan
from lowering.kernels.base import Launch, Packed

Element: TypeAlias = IntegerType


@dataclass(eq=False)
class Buffer:
    """Memory of its own, or (once it has a ``parent``) a part of another buffer from a byte on."""

    size: int
    home: str = "arena"
    name: str | None = None
    parent: tuple[Buffer, int] | None = None
    first: int | None = None
    last: int = 0

    def root(self) -> tuple[Buffer, int]:
        """The buffer that it is part of in the end, and the byte at which it begins there."""
        if self.parent is None:
            return self, 0
        owner, offset = self.parent
        root, base = owner.root()
        return root, base + offset

    def touch(self, step: int) -> None:
        """Note that a launch uses it."""
        root, _ = self.root()
        root.first = step if root.first is None else min(root.first, step)
        root.last = max(root.last, step)

    def become_part_of(self, owner: Buffer, offset: int) -> None:
        """Lie inside ``owner`` from now on; its lifetime is then the owner's."""
        self.parent = owner, offset
        if self.first is not None:
            owner.touch(self.first)
            owner.touch(self.last)


@dataclass(frozen=True)
class Place:
    """A value's memory: a contiguous part of a buffer, with a shape."""

    buffer: Buffer
    offset: int
    kind: plan.Buffer

    def is_whole(self) -> bool:
        """Whether it is all of a buffer that has no other home yet."""
        whole = self.offset == 0 and plan.byte_size(self.kind) == self.buffer.size
        return whole and self.buffer.parent is None and self.buffer.home == "arena"


Input: TypeAlias = Place | Packed


@dataclass(frozen=True)
class Step:
    """A launch with its operands resolved, and where the op comes from that it computes."""

    launch: Launch
    inputs: tuple[tuple[Input, tuple[int, ...] | None], ...]
    outputs: tuple[Place, ...]
    location: LocationAttr


def buffer_type(shape: Sequence[int], element: Element) -> plan.Buffer:
    """A contiguous memref."""
    return MemRefType(element, list(shape))


def refused(value: SSAValue, reason: str) -> PassFailedException:
    """The error that says what is wrong with a value, and where it is defined."""
    hint = value.name_hint or ("arg" if isinstance(value, BlockArgument) else "value")
    op = value.owner.parent_op() if isinstance(value.owner, Block) else value.owner
    where = "" if op is None else f"{location_text(op)}: "
    return PassFailedException(f"plan-memory: {where}%{hint} : {value.type} {reason}")


def seen(place_: Place, shape: Sequence[int]) -> Place:
    """The same memory with another shape."""
    return Place(place_.buffer, place_.offset, buffer_type(shape, place_.kind.element_type))


def elements(kind: plan.Buffer) -> int:
    """How many elements it has."""
    return plan.byte_size(kind) // plan.element_bytes(kind)
