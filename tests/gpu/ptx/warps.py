"""What the lanes of a warp do together: shuffles, votes, reductions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ptx.decoding import Decoder, Run, scalar_type, semantics, spread, typed, unknown
from ptx.errors import KernelError
from ptx.slots import Array, Lanes, Slot
from ptx.syntax import Immediate, Instruction, Operand, Vector

MEMBERS = {"shfl": -1, "vote": -1, "redux": -1, "match": -1, "elect": -1}
"""Opcode -> where its member mask is among the operands."""


class Warps:
    """Lanes of some warps, as ``[warps, 32]``; those that take no part are filled up."""

    def __init__(self, slot: Slot, lanes: Lanes) -> None:
        self._lanes = lanes
        if isinstance(lanes, slice):
            self._numbers = np.arange(slot.size // 32)
            self.present: Array = np.ones((slot.size // 32, 32), np.bool_)
        else:
            self._numbers = np.unique(lanes >> 5)
            self.present = np.zeros((slot.size // 32, 32), np.bool_)
            self.present.reshape(-1)[lanes] = True
            self.present = self.present[self._numbers]
        self._total = slot.size // 32

    def spread(self, values: Any, count: int, fill: int = 0) -> Array:
        """``[warps, 32]`` of one value a lane."""
        values = spread(values, count)
        if isinstance(self._lanes, slice):
            return values.reshape(-1, 32)
        every = np.full(self._total * 32, fill, values.dtype)
        every[self._lanes] = values
        return every.reshape(-1, 32)[self._numbers]

    def gather(self, values: Array) -> Array:
        """One value a lane, of ``[warps, 32]``."""
        return values[self.present]


def _check_members(slot: Slot, lanes: Lanes, mask: Any) -> None:
    """Every lane that runs a warp operation is named in its mask, and the mask names no other."""
    warps = Warps(slot, lanes)
    count = slot.count(lanes)
    present = (warps.present.astype(np.uint64) << np.arange(32, dtype=np.uint64)).sum(1).astype(np.uint32)
    wrong = warps.spread(mask, count) != present[:, None]
    if (wrong & warps.present).any():
        slot.fail(KernelError, lanes, warps.gather(wrong), "the member mask is not the lanes that are here")


def _warp_operation(
    decoder: Decoder,
    instruction: Instruction,
    bits: int,
    source: Operand,
    compute: Callable[[Warps, Array], Array],
) -> Run:
    """Result = ``compute(warps, [warps, 32] of the source)``; poison of a lane spreads over its warp."""
    read, sources = decoder.read(source, bits, instruction), decoder.sources(source)
    mask = decoder.read(instruction.operands[-1], 32, instruction)
    write = decoder.write(instruction.operands[0], instruction)

    def run(slot: Slot, lanes: Lanes) -> None:
        _check_members(slot, lanes, mask(slot, lanes))
        warps, count = Warps(slot, lanes), slot.count(lanes)
        values = compute(warps, warps.spread(read(slot, lanes), count))
        poison = slot.poison_of(sources, lanes)
        if poison is not None:
            spoilt = np.max(warps.spread(poison, count), axis=1, keepdims=True)
            poison = warps.gather(np.broadcast_to(spoilt, warps.present.shape))
        write(slot, lanes, warps.gather(np.broadcast_to(values, warps.present.shape)), poison)

    return run


@semantics("shfl")
def _shuffle(decoder: Decoder, instruction: Instruction) -> Run:
    """Each lane reads the source register of another; from outside its segment it keeps its own."""
    _, sync, mode, last = instruction.parts
    if sync != "sync" or last != "b32" or mode not in ("up", "down", "bfly", "idx"):
        raise unknown(instruction)
    target, source, *controls = instruction.operands
    results = target.items if isinstance(target, Vector) else (target,)
    writers = [decoder.write(item, instruction) for item in results]
    readers = [decoder.read(item, 32, instruction) for item in (source, *controls)]
    of_source, of_controls = decoder.sources(source), decoder.sources(*controls)

    def run(slot: Slot, lanes: Lanes) -> None:
        warps, count = Warps(slot, lanes), slot.count(lanes)
        read = [reader(slot, lanes) for reader in readers]
        _check_members(slot, lanes, read[3])
        value, distance, clamp = (warps.spread(item, count) for item in read[:3])
        other, inside = shuffle_source(mode, distance.astype(np.int64), clamp.astype(np.int64))
        absent = inside & ~np.take_along_axis(warps.present, other, 1)
        if (absent & warps.present).any():
            slot.fail(KernelError, lanes, warps.gather(absent), "shuffles from a lane that is not here")
        if (wrong := slot.poison_of(of_controls, lanes)) is not None:
            slot.fail_of_poison(lanes, wrong, "the lane to shuffle from")
        poison: Array | None = None
        if slot.poison_of(of_source, lanes) is not None:
            masks = warps.spread(readers[0].masks(slot, lanes), count)
            poison = warps.gather(np.take_along_axis(masks, other, 1))
        writers[0](slot, lanes, warps.gather(np.take_along_axis(value, other, 1)), poison)
        for write in writers[1:]:
            write(slot, lanes, warps.gather(inside), None)

    return run


def shuffle_source(mode: str, distance: Array, clamp: Array) -> tuple[Array, Array]:
    """For each lane the lane that it reads, and whether that is inside its segment."""
    lane = np.broadcast_to(np.arange(32), distance.shape)
    distance, bound, segment = distance & 31, clamp & 31, clamp >> 8 & 31
    lowest = lane & segment
    highest = lowest | (bound & ~segment)
    if mode == "up":
        other = lane - distance
        inside = other >= highest
    elif mode == "down":
        other = lane + distance
        inside = other <= highest
    elif mode == "bfly":
        other = lane ^ distance
        inside = other <= highest
    else:
        other = lowest | (distance & ~segment)
        inside = other <= highest
    return np.where(inside, other, lane), inside


@semantics("vote")
def _vote(decoder: Decoder, instruction: Instruction) -> Run:
    _, sync, mode, _ = instruction.parts
    if sync != "sync" or mode not in ("any", "all", "uni", "ballot"):
        raise unknown(instruction)

    def compute(warps: Warps, votes: Array) -> Array:
        some: Array = np.max(votes & warps.present, axis=1, keepdims=True)
        every: Array = np.min(votes | ~warps.present, axis=1, keepdims=True)
        if mode == "ballot":
            places = np.arange(32, dtype=np.uint64)
            return ((votes & warps.present).astype(np.uint64) << places).sum(1).astype(np.uint32)[:, None]
        return {"any": some, "all": every, "uni": every | ~some}[mode]

    return _warp_operation(decoder, instruction, 1, instruction.operands[1], compute)


_REDUCE: dict[str, tuple[np.ufunc, int, int]] = {
    "add": (np.add, 0, 0),
    "min": (np.minimum, 0xFFFFFFFF, 0x7FFFFFFF),
    "max": (np.maximum, 0, 0x80000000),
    "and": (np.bitwise_and, 0xFFFFFFFF, 0),
    "or": (np.bitwise_or, 0, 0),
    "xor": (np.bitwise_xor, 0, 0),
}


@semantics("redux")
def _reduce(decoder: Decoder, instruction: Instruction) -> Run:
    _, sync, name, last = instruction.parts
    kind = scalar_type(last, instruction)
    if sync != "sync" or kind.bits != 32:
        raise unknown(instruction)
    function, neutral, neutral_signed = _REDUCE[name]
    neutral = neutral_signed if kind.signed else neutral

    def compute(warps: Warps, values: Array) -> Array:
        filled = np.where(warps.present, values, np.uint32(neutral))
        result: Array = function.reduce(typed(filled, kind), axis=1)
        return result.astype(np.int32 if kind.signed else np.uint32).view(np.uint32)[:, None]

    return _warp_operation(decoder, instruction, 32, instruction.operands[1], compute)


@semantics("match")
def _match(decoder: Decoder, instruction: Instruction) -> Run:
    _, mode, sync, last = instruction.parts
    bits = scalar_type(last, instruction).bits
    if (mode, sync) != ("any", "sync"):
        raise unknown(instruction)

    def compute(warps: Warps, values: Array) -> Array:
        equal = (values[:, :, None] == values[:, None, :]) & warps.present[:, None, :]
        return (equal.astype(np.uint64) << np.arange(32, dtype=np.uint64)).sum(2).astype(np.uint32)

    return _warp_operation(decoder, instruction, bits, instruction.operands[1], compute)


@semantics("elect")
def _elect(decoder: Decoder, instruction: Instruction) -> Run:
    """The lowest lane is chosen: ``d|p``, ``d`` its number, ``p`` whether this lane is it."""
    target, mask = instruction.operands
    if not isinstance(target, Vector):
        raise unknown(instruction)
    writers = [decoder.write(item, instruction) for item in target.items]
    members = decoder.read(mask, 32, instruction)

    def run(slot: Slot, lanes: Lanes) -> None:
        _check_members(slot, lanes, members(slot, lanes))
        warps = Warps(slot, lanes)
        leader = np.broadcast_to(warps.present.argmax(1)[:, None], warps.present.shape)
        chosen = leader == np.arange(32)
        for write, values in zip(writers, (leader.astype(np.uint32), chosen), strict=True):
            write(slot, lanes, warps.gather(values), None)

    return run


@semantics("activemask")
def _active_mask(decoder: Decoder, instruction: Instruction) -> Run:
    write = decoder.write(instruction.operands[0], instruction)

    def run(slot: Slot, lanes: Lanes) -> None:
        warps = Warps(slot, lanes)
        mask = (warps.present.astype(np.uint64) << np.arange(32, dtype=np.uint64)).sum(1).astype(np.uint32)
        write(slot, lanes, warps.gather(np.broadcast_to(mask[:, None], warps.present.shape)), None)

    return run


def needs_whole_warp(instruction: Instruction) -> bool:
    """Whether all lanes of a warp that are still alive have to run an instruction together."""
    first = instruction.parts[0]
    if first in ("bar", "barrier"):
        return True
    return first in MEMBERS or "aligned" in instruction.parts


def full_mask(instruction: Instruction) -> bool:
    """Whether a warp operation names all lanes in its member mask."""
    where = MEMBERS.get(instruction.parts[0])
    if where is None:
        return True
    mask = instruction.operands[where]
    return isinstance(mask, Immediate) and mask.value & 0xFFFFFFFF == 0xFFFFFFFF
