"""``cp.async``: copies to shared memory that land late or early, in groups that a thread waits for."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np

from ptx.accesses import address_reader
from ptx.decoding import Decoder, Run, semantics, spread, unknown
from ptx.errors import KernelError
from ptx.memory import check_alignment, scatter
from ptx.slots import Array, Lanes, Slot
from ptx.syntax import Immediate, Instruction


@dataclass
class Flight:
    """Copies of one instruction that have not landed: one per lane."""

    lanes: Array
    groups: Array
    """The number of the group that each belongs to, from 1 on; it closes at the lane's next commit."""
    offsets: Array
    data: Array
    """``[lanes, words]``."""
    poison: Array | None
    early: bool
    """Whether the bytes are there already; the wait only makes them known to be."""

    def part(self, chosen: Array) -> Flight:
        """Those of some lanes."""
        poison = None if self.poison is None else self.poison[chosen]
        return Flight(
            self.lanes[chosen],
            self.groups[chosen],
            self.offsets[chosen],
            self.data[chosen],
            poison,
            self.early,
        )


class Flights:
    """The copies of one slot that are on their way."""

    def __init__(self, size: int) -> None:
        self.committed: Array = np.zeros(size, np.int64)
        self.pending: list[Flight] = []

    def land(self, slot: Slot, lanes: Lanes, latest: Array) -> None:
        """The copies of ``lanes`` in groups up to ``latest`` (one a lane of the slot) land."""
        waits = np.zeros(slot.size, np.bool_)
        waits[lanes] = True
        left: list[Flight] = []
        for flight in self.pending:
            ready = waits[flight.lanes] & (flight.groups <= latest[flight.lanes])
            if ready.any():
                done = flight.part(ready)
                shared = slot.machine.shared
                shared.land(slot, done.lanes, done.offsets, done.data, done.poison, done.early)
            if not ready.all():
                left.append(flight.part(~ready))
        self.pending = left


@semantics("cp")
def _asynchronous(decoder: Decoder, instruction: Instruction) -> Run:
    if instruction.opcode == "cp.async.commit_group":
        return _commit
    if instruction.opcode == "cp.async.wait_all":
        return _wait_all
    if instruction.opcode == "cp.async.wait_group":
        return _wait(instruction)
    if re.fullmatch(
        r"cp\.async\.(ca|cg)\.shared(::cta)?\.global(\.L2::\w+)*(\.level::\w+)?", instruction.opcode
    ):
        return _copy(decoder, instruction)
    raise unknown(instruction)


def _commit(slot: Slot, lanes: Lanes) -> None:
    slot.flights.committed[lanes] += 1


def _wait_all(slot: Slot, lanes: Lanes) -> None:
    slot.flights.land(slot, lanes, slot.flights.committed + 1)


def _wait(instruction: Instruction) -> Run:
    """Until at most N of a thread's latest groups are on their way."""
    operand = instruction.operands[0]
    if not isinstance(operand, Immediate):
        raise unknown(instruction)
    allowed = operand.value

    def run(slot: Slot, lanes: Lanes) -> None:
        slot.flights.land(slot, lanes, slot.flights.committed - allowed)

    return run


def _copy(decoder: Decoder, instruction: Instruction) -> Run:
    """``cp.async [shared], [global], size{, bytes to read}``: the rest is filled with zeros."""
    target, source, size, *rest = instruction.operands
    if not isinstance(size, Immediate) or size.value not in (4, 8, 16) or len(rest) > 1:
        raise unknown(instruction)
    if ".cg." in instruction.opcode and size.value != 16:
        raise unknown(instruction)
    total, word = size.value, min(size.value, 8)
    targets, sources = (address_reader(decoder, each, instruction) for each in (target, source))
    reads = decoder.read(rest[0], 32, instruction) if rest else None
    given = decoder.sources(*rest)

    def run(slot: Slot, lanes: Lanes) -> None:
        machine, count = slot.machine, slot.count(lanes)
        indices, wanted = slot.indices(lanes), np.full(count, total, np.int64)
        if reads is not None:
            poison = slot.poison_of(given, lanes)
            if poison is not None:
                slot.fail_of_poison(lanes, poison, "the number of bytes")
            wanted = spread(reads(slot, lanes), count).astype(np.int64)
            if (wanted > total).any():
                slot.fail(KernelError, lanes, wanted > total, f"asks for more than {total} bytes")
        to, origin = targets(slot, lanes), sources(slot, lanes)
        machine.counters.shared_access(to, total, "cp.async")
        offsets = machine.shared.offsets(slot, lanes, to, total)
        data: Array = np.zeros((count, total), np.uint8)
        spoilt: Array = np.zeros((count, total), np.uint8)
        for length in np.unique(wanted[wanted > 0]):
            _fetch(slot, indices, origin, wanted == length, int(length), total, data, spoilt)
        machine.shared.fly(slot, lanes, offsets, total)
        words = data.view(f"u{word}")
        poison = spoilt.view(words.dtype) if spoilt.any() else None
        early = machine.copies == "early"
        if early:
            scatter(machine.shared.data, offsets, words)
        groups = slot.flights.committed[lanes] + 1
        slot.flights.pending.append(Flight(indices, groups, offsets, words, poison, early))

    return run


def _fetch(
    slot: Slot,
    indices: Array,
    origin: Array,
    chosen: Array,
    length: int,
    total: int,
    data: Array,
    spoilt: Array,
) -> None:
    """Read ``length`` bytes of global memory for the ``chosen`` lanes; the whole must be aligned."""
    lanes, addresses = indices[chosen], origin[chosen]
    check_alignment(slot, lanes, addresses, total)
    step = length & -length
    for start in range(0, length, step):
        word = min(step, 8)
        at = addresses + np.uint64(start)
        values, poison = slot.machine.memory.load(slot, lanes, at, word, step // word)
        rows = np.flatnonzero(chosen)
        data[rows, start : start + step] = values.view(np.uint8).reshape(len(rows), -1)
        if poison is not None:
            spoilt[rows, start : start + step] = poison.view(np.uint8).reshape(len(rows), -1)
