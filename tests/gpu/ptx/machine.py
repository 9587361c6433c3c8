"""Runs a batch of CTAs: whose turn it is, who waits at which barrier, who can never go on."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, TypeAlias

import numpy as np

from ptx.buffers import GlobalMemory
from ptx.copies import Flights
from ptx.errors import DeadlockError, KernelError
from ptx.linking import Kernel, Step
from ptx.shared import LOCAL_WINDOW, SHARED_WINDOW, LocalMemory, SharedMemory
from ptx.slots import ALL, Array, Dim, Lanes, Slot
from ptx.statistics import Counters

Order: TypeAlias = Literal["serial", "lockstep", "random"]
"""serial: one warp runs until it blocks, in random order; lockstep: all warps step by step together;
random: the warp changes after every few instructions."""

Copies: TypeAlias = Literal["late", "early"]
"""When a cp.async lands: when a wait covers it, or at once."""

_TURN = 100_000
"""Instructions after which a warp that does not block has to let others go on (it may wait for them)."""


@dataclass
class Waiting:
    """The lanes that wait at one barrier of their CTAs."""

    threads: int
    """How many the barrier waits for."""
    arrived: Array
    """Per CTA."""
    lanes: list[tuple[Slot, int, Lanes]] = field(default_factory=list["tuple[Slot, int, Lanes]"])


class Machine:
    """A batch of CTAs from ``first_cta`` on, at work on one kernel."""

    def __init__(
        self,
        kernel: Kernel,
        memory: GlobalMemory,
        parameters: bytes,
        *,
        grid: Dim,
        block: Dim,
        first_cta: int,
        ctas: int,
        shared_bytes: int,
        order: Order,
        copies: Copies,
        races: bool,
        random: np.random.Generator,
        step_limit: int,
        counters: Counters,
    ) -> None:
        self.kernel = kernel.function.name
        self.grid, self.block = grid, block
        self.first_cta, self.ctas = first_cta, ctas
        self.parameters = parameters
        self.memory = memory
        self.copies: Copies = copies
        self.counters = counters
        self.threads = block[0] * block[1] * block[2]
        self.shared = SharedMemory(ctas, kernel.static_shared + shared_bytes, races, random)
        self._steps = kernel.steps
        self._order = order
        self._random = random
        self._left = step_limit
        self._barriers: dict[tuple[int, int], Waiting] = {}
        self.slots = [Slot(self, index, kernel.widths) for index in range(-(-self.threads // 32))]
        for slot in self.slots:
            slot.local = LocalMemory(slot, kernel.local)
            slot.frame = LocalMemory(slot, kernel.frame)
            slot.flights = Flights(slot.size)

    def load(
        self,
        slot: Slot,
        lanes: Lanes,
        space: str,
        addresses: Array,
        size: int,
        count: int,
        *,
        constant: bool = False,
        atomic: bool = False,
    ) -> tuple[Array, Array | None]:
        """``count`` elements of ``size`` bytes a lane from a state space, and which are poison."""
        if space == "generic":
            space, addresses = self._specific(slot, lanes, addresses)
        if space == "shared":
            self.counters.shared_access(addresses, size * count, "load")
            return self.shared.load(slot, lanes, addresses, size, count, atomic=atomic)
        if space in ("local", "param"):
            own = slot.local if space == "local" else slot.frame
            return own.load(slot, lanes, addresses, size, count)
        return self.memory.load(slot, lanes, addresses, size, count, constant=constant, atomic=atomic)

    def store(
        self,
        slot: Slot,
        lanes: Lanes,
        space: str,
        addresses: Array,
        values: Array,
        poison: Array | None,
        *,
        atomic: bool = False,
    ) -> None:
        """Put ``values``, ``[lanes, count]``, into a state space."""
        if space == "generic":
            space, addresses = self._specific(slot, lanes, addresses)
        if space == "shared":
            self.counters.shared_access(addresses, values.dtype.itemsize * values.shape[1], "store")
            self.shared.store(slot, lanes, addresses, values, poison, atomic=atomic)
        elif space in ("local", "param"):
            (slot.local if space == "local" else slot.frame).store(slot, lanes, addresses, values, poison)
        else:
            self.memory.store(slot, lanes, addresses, values, poison, atomic)

    def _specific(self, slot: Slot, lanes: Lanes, addresses: Array) -> tuple[str, Array]:
        """The state space that generic addresses are in."""
        windows = addresses >> np.uint64(44)
        first = int(windows[0]) << 44
        if (windows != windows[0]).any():
            slot.fail(
                KernelError, lanes, windows != windows[0], "generic addresses of several spaces in one access"
            )
        space = {SHARED_WINDOW: "shared", LOCAL_WINDOW: "local"}.get(first, "global")
        return space, addresses - np.uint64(first) if space != "global" else addresses

    def arrive(self, slot: Slot, number: int, threads: int, lanes: Lanes, place: int | None) -> None:
        """``lanes`` reach a barrier, and wait to go on at ``place`` (None: they do not wait)."""
        expected = threads or self.threads
        waiting = self._barriers.setdefault(
            (number, expected), Waiting(expected, np.zeros(self.ctas, np.int64))
        )
        waiting.arrived += np.bincount(slot.cta[lanes], minlength=self.ctas)
        if place is not None:
            waiting.lanes.append((slot, place, lanes))

    def run(self) -> None:
        """Until every thread has ended.

        Raises:
            KernelError: the first wrong thing that the kernel does.
        """
        current: Slot | None = None
        while True:
            ready = [slot for slot in self.slots if slot.fragments]
            if not ready:
                if self._release():
                    continue
                if any(bool(slot.alive.any()) for slot in self.slots):
                    raise DeadlockError(self._deadlock())
                return
            current = self._choose(ready, current)
            self._turn(current)
            self._release()

    def _choose(self, ready: list[Slot], current: Slot | None) -> Slot:
        if self._order == "lockstep":
            return min(ready, key=lambda slot: min(slot.fragments))
        return ready[int(self._random.integers(len(ready)))]

    def _turn(self, slot: Slot) -> None:
        budget = {"serial": _TURN, "lockstep": 1, "random": int(self._random.geometric(0.1))}[self._order]
        begun = budget
        while slot.fragments and budget > 0:
            places = sorted(slot.fragments)
            # a fragment that spins must not keep those further on from what it waits for
            place = places[-1] if begun - budget > _TURN // 2 and budget % 64 < 32 else places[0]
            lanes = slot.fragments.pop(place)
            limit = places[1] if len(places) > 1 and place == places[0] else len(self._steps)
            budget -= self._straight(slot, place, lanes, limit, budget)

    def _straight(self, slot: Slot, place: int, lanes: Lanes, limit: int, budget: int) -> int:
        """Run ``lanes`` until they split, block, meet others, or the budget ends; gives what it took."""
        steps, counters, alone = self._steps, self.counters, not slot.fragments
        done = 0
        while True:
            step = steps[place]
            slot.current = step.instruction
            if step.whole_warp and not isinstance(lanes, slice):
                together = self._gather_warps(slot, place, lanes)
                if together is None:
                    return done + 1
                lanes = together
            counters.count(place, slot.warps(lanes))
            active: Lanes | None = lanes
            if step.guard >= 0:
                active = self._guarded(slot, step, lanes)
            done += 1
            if step.control is None:
                if active is not None and step.run is not None:
                    step.run(slot, active)
                place += 1
            else:
                place = step.control(slot, place, lanes, active)
                if place < 0:
                    break
                if not alone:
                    slot.join(place, lanes)
                    break
            if place == limit or done >= budget:
                slot.join(place, lanes)
                break
        self._left -= done
        if self._left < 0:
            raise KernelError(f"{slot.place()}: the kernel runs for more steps than the limit allows")
        return done

    def _guarded(self, slot: Slot, step: Step, lanes: Lanes) -> Lanes | None:
        """The lanes whose guard holds; None where none does."""
        poison = slot.poison_of((step.guard,), lanes)
        if poison is not None:
            slot.fail_of_poison(lanes, poison, "the predicate")
        holds = slot.values[step.guard][lanes]
        if step.negated:
            holds = ~holds
        if holds.all():
            return lanes
        if not holds.any():
            return None
        return np.flatnonzero(holds) if isinstance(lanes, slice) else lanes[holds]

    def _gather_warps(self, slot: Slot, place: int, lanes: Array) -> Lanes | None:
        """The lanes of warps that are here whole; the others are parked until the rest comes."""
        parked = slot.parked.pop(place, None)
        if parked is not None:
            lanes = np.union1d(lanes, parked)
        alive = slot.alive.reshape(-1, 32).sum(1)
        here = np.bincount(lanes >> 5, minlength=len(alive))
        whole = (here == alive)[lanes >> 5]
        if not whole.all():
            slot.parked[place] = lanes[~whole]
            lanes = lanes[whole]
        if not len(lanes):
            return None
        return ALL if len(lanes) == slot.size else lanes

    def _release(self) -> bool:
        """Let those go on whose barrier is complete."""
        released = False
        for waiting in self._barriers.values():
            complete = waiting.arrived == waiting.threads
            if not complete.any():
                continue
            released = True
            waiting.arrived[complete] = 0
            self.shared.barrier(np.flatnonzero(complete))
            left: list[tuple[Slot, int, Lanes]] = []
            for slot, place, lanes in waiting.lanes:
                indices = slot.indices(lanes)
                free = complete[slot.cta[indices]]
                if free.all():
                    slot.join(place, lanes)
                    continue
                if free.any():
                    slot.join(place, indices[free])
                left.append((slot, place, indices[~free]))
            waiting.lanes = left
        return released

    def _deadlock(self) -> str:
        """Who waits where, of the first CTA that cannot go on."""
        stuck = next(int(slot.cta[slot.alive][0]) for slot in self.slots if slot.alive.any())
        reasons: list[str] = []
        for (number, threads), waiting in self._barriers.items():
            for slot, place, lanes in waiting.lanes:
                count = int((slot.cta[lanes] == stuck).sum())
                if count:
                    line = self._steps[place - 1].instruction.line
                    reasons.append(
                        f"{count} threads of warp {slot.index} wait at barrier {number}, line {line}, "
                        f"for {threads} threads"
                    )
        for slot in self.slots:
            for place, lanes in slot.parked.items():
                count = int((slot.cta[lanes] == stuck).sum())
                if count:
                    instruction = self._steps[place].instruction
                    reasons.append(
                        f"{count} threads of warp {slot.index} wait for the rest of their warp "
                        f"at line {instruction.line}, `{instruction.text}`"
                    )
        ended = self.threads - sum(int(slot.alive[slot.cta == stuck].sum()) for slot in self.slots)
        if ended:
            reasons.append(f"{ended} threads have ended")
        first = self.first_cta + stuck
        cta = (
            first % self.grid[0],
            first // self.grid[0] % self.grid[1],
            first // self.grid[0] // self.grid[1],
        )
        return f"kernel {self.kernel}, CTA {cta} cannot go on: " + "; ".join(reasons)
