"""Instructions that change where lanes go on: branches, calls, returns, barriers, exits."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from ptx.decoding import Decoder, spread, unknown
from ptx.errors import KernelError, PTXError
from ptx.memory import gather, scatter
from ptx.shared import LOCAL_BASE
from ptx.slots import ALL, Array, Copy, Lanes, Slot
from ptx.syntax import Address, Function, Immediate, Instruction, Name, Operand, Vector

Control: TypeAlias = Callable[[Slot, int, Lanes, "Lanes | None"], int]
"""(slot, place, lanes, the lanes whose guard holds) -> where all ``lanes`` go on; -1: they were seen to."""


@dataclass(frozen=True)
class Flow:
    """What the instructions of one function can go to."""

    decoder: Decoder
    labels: Mapping[str, int]
    tables: Mapping[str, tuple[str, ...]]
    starts: Mapping[str, int]
    functions: list[Function]
    name: str
    """The function's own."""
    entry: bool
    symbols: Mapping[str, int]


Make: TypeAlias = Callable[[Flow, Instruction], "Control | None"]

CONTROL: dict[str, Make] = {}


def control(*names: str) -> Callable[[Make], Make]:
    """Register what gives the control of the opcodes that begin with one of ``names``."""

    def register(function: Make) -> Make:
        for name in names:
            CONTROL[name] = function
        return function

    return register


def without(slot: Slot, lanes: Lanes, taken: Lanes | None) -> Lanes | None:
    """The ``lanes`` that are not ``taken``; None where none is left."""
    if taken is None:
        return lanes
    if isinstance(taken, slice) or slot.count(taken) == slot.count(lanes):
        return None
    if isinstance(lanes, slice):
        left = np.ones(slot.size, np.bool_)
        left[taken] = False
        return np.flatnonzero(left)
    return lanes[~np.isin(lanes, taken, assume_unique=True)]


def _target(flow: Flow, instruction: Instruction, operand: Operand) -> int:
    if not isinstance(operand, Name) or operand.text not in flow.labels:
        raise PTXError(f"line {instruction.line}: `{instruction.text}`: there is no such label")
    return flow.labels[operand.text]


@control("bra")
def _branch(flow: Flow, instruction: Instruction) -> Control:
    target = _target(flow, instruction, instruction.operands[0])

    def run(slot: Slot, place: int, lanes: Lanes, active: Lanes | None) -> int:
        if active is None:
            return place + 1
        rest = without(slot, lanes, active)
        if rest is None:
            return target
        slot.join(target, active)
        slot.join(place + 1, rest)
        return -1

    return run


@control("brx")
def _branch_to_table(flow: Flow, instruction: Instruction) -> Control:
    index, table = instruction.operands
    if instruction.parts[1] != "idx" or not isinstance(table, Name) or table.text not in flow.tables:
        raise unknown(instruction)
    targets = [_target(flow, instruction, Name(label)) for label in flow.tables[table.text]]
    read, sources = flow.decoder.read(index, 32, instruction), flow.decoder.sources(index)

    def run(slot: Slot, place: int, lanes: Lanes, active: Lanes | None) -> int:
        rest = without(slot, lanes, active)
        if rest is not None:
            slot.join(place + 1, rest)
        if active is not None:
            poison = slot.poison_of(sources, active)
            if poison is not None:
                slot.fail_of_poison(active, poison, "the index")
            chosen = spread(read(slot, active), slot.count(active))
            if (chosen >= len(targets)).any():
                message = f"the index is outside the table of {len(targets)} labels"
                slot.fail(KernelError, active, chosen >= len(targets), message)
            indices = slot.indices(active)
            for number in np.unique(chosen):
                slot.join(targets[int(number)], _lanes(slot, indices[chosen == number]))
        return -1

    return run


def _lanes(slot: Slot, indices: Array) -> Lanes:
    return ALL if len(indices) == slot.size else indices


@control("ret", "exit")
def _return(flow: Flow, instruction: Instruction) -> Control:
    leaves = flow.entry or instruction.parts[0] == "exit"

    def run(slot: Slot, place: int, lanes: Lanes, active: Lanes | None) -> int:
        rest = without(slot, lanes, active)
        if rest is not None:
            slot.join(place + 1, rest)
        if active is None:
            return -1
        if leaves:
            slot.alive[active] = False
            slot.unpark()
        else:
            return_from_call(slot, flow.name, active)
        return -1

    return run


@control("trap", "brkpt")
def _trap(flow: Flow, instruction: Instruction) -> Control:
    def run(slot: Slot, place: int, lanes: Lanes, active: Lanes | None) -> int:
        if active is not None:
            slot.fail(KernelError, active, np.ones(slot.count(active), np.bool_), "the kernel trapped")
        return place + 1

    return run


def return_from_call(slot: Slot, function: str, lanes: Lanes) -> None:
    """``lanes`` end ``function``, each where it was called from."""
    indices = slot.indices(lanes)
    places = slot.returns[function][indices]
    slot.returns[function][indices] = -1
    for place in np.unique(places):
        chosen = _lanes(slot, indices[places == place])
        copy_frame(slot, chosen, slot.results[int(place)])
        slot.join(int(place), chosen)


def enter_call(slot: Slot, lanes: Lanes, function: str, place: int, results: list[Copy]) -> None:
    """``lanes`` begin ``function`` and will go on at ``place``, with ``results`` copied."""
    returns = slot.returns.setdefault(function, np.full(slot.size, -1, np.int64))
    again = returns[lanes] >= 0
    if again.any():
        slot.fail(KernelError, lanes, again, f"{function} calls itself")
    returns[lanes] = place
    slot.results[place] = results


@control("call")
def _call(flow: Flow, instruction: Instruction) -> Control:
    """``call (result), function, (arguments)``: functions cannot call themselves."""
    operands = list(instruction.operands)
    results = operands.pop(0) if isinstance(operands[0], Vector) else Vector(())
    callee = operands[0]
    arguments = operands[1] if len(operands) > 1 else Vector(())
    if not isinstance(callee, Name) or not isinstance(results, Vector) or not isinstance(arguments, Vector):
        raise unknown(instruction)
    function = next(each for each in flow.functions if each.name == callee.text)
    start = flow.starts[callee.text]

    def address(operand: Operand) -> int:
        if not isinstance(operand, Name):
            raise unknown(instruction)
        return flow.symbols[operand.text] - LOCAL_BASE

    into = [
        Copy(address(actual), flow.symbols[formal.name] - LOCAL_BASE, formal.size)
        for actual, formal in zip(arguments.items, function.parameters, strict=True)
    ]
    back = [
        Copy(flow.symbols[formal.name] - LOCAL_BASE, address(actual), formal.size)
        for actual, formal in zip(results.items, function.results, strict=True)
    ]

    def run(slot: Slot, place: int, lanes: Lanes, active: Lanes | None) -> int:
        rest = without(slot, lanes, active)
        if rest is not None:
            slot.join(place + 1, rest)
        if active is not None:
            enter_call(slot, active, callee.text, place + 1, back)
            copy_frame(slot, active, into)
            slot.join(start, active)
        return -1

    return run


def copy_frame(slot: Slot, lanes: Lanes, copies: list[Copy]) -> None:
    """Copy arguments or results between the frame variables of ``lanes``."""
    frame = slot.frame
    rows = slot.indices(lanes) * frame.stride
    for copy in copies:
        for storage in (frame.data, frame.poison):
            for byte in range(copy.size):
                scatter(storage, rows + copy.target + byte, gather(storage, rows + copy.source + byte, 1, 1))


def _warp_barrier(slot: Slot, place: int, lanes: Lanes, active: Lanes | None) -> int:
    if active is not None:
        slot.machine.shared.warp_barrier(slot, active)
    return place + 1


@control("bar", "barrier")
def _barrier(flow: Flow, instruction: Instruction) -> Control | None:
    """``bar.sync id{, threads}``; ``bar.arrive`` goes on at once; ``bar.warp.sync`` is for one warp."""
    parts = [part for part in instruction.parts[1:] if part not in ("cta", "aligned")]
    if parts == ["warp", "sync"]:
        return _warp_barrier
    if parts not in (["sync"], ["arrive"]):
        raise unknown(instruction)
    operands = instruction.operands
    if not all(isinstance(operand, Immediate) for operand in operands[1:]) or isinstance(
        operands[0], Address
    ):
        raise unknown(instruction)
    number, sources = flow.decoder.read(operands[0], 32, instruction), flow.decoder.sources(operands[0])
    threads = operands[1].value if len(operands) > 1 and isinstance(operands[1], Immediate) else 0

    def run(slot: Slot, place: int, lanes: Lanes, active: Lanes | None) -> int:
        rest = without(slot, lanes, active)
        if rest is not None:
            slot.join(place + 1, rest)
        if active is None:
            return -1
        if (poison := slot.poison_of(sources, active)) is not None:
            slot.fail_of_poison(active, poison, "the barrier's number")
        numbers = spread(number(slot, active), slot.count(active))
        indices = slot.indices(active)
        for each in np.unique(numbers):
            chosen = _lanes(slot, indices[numbers == each])
            slot.machine.arrive(slot, int(each), threads, chosen, None if parts == ["arrive"] else place + 1)
            if parts == ["arrive"]:
                slot.join(place + 1, chosen)
        return -1

    return run
