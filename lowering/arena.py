"""Where buffers lie in an arena: offsets for lifetimes that are known beforehand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Lifetime:
    """``size`` bytes, needed from step ``first`` to step ``last``, both included."""

    size: int
    first: int
    last: int

    def meets(self, other: Lifetime) -> bool:
        """Whether both are alive at some step."""
        return self.first <= other.last and other.first <= self.last


def place(lifetimes: Sequence[Lifetime], alignment: int) -> list[int]:
    """An offset for each lifetime, so that no two that meet overlap.

    Greedy by size (the largest first), each into the tightest gap that holds it between those placed before
    and alive with it; offsets are multiples of ``alignment``. Of equal sizes the earliest or the latest is
    placed first, whichever takes less in all.
    """
    by_start = sorted(range(len(lifetimes)), key=lambda i: (-lifetimes[i].size, lifetimes[i].first))
    by_end = sorted(range(len(lifetimes)), key=lambda i: (-lifetimes[i].size, -lifetimes[i].last))
    plans = [_placed(lifetimes, alignment, order) for order in (by_start, by_end)]
    return min(plans, key=lambda offsets: arena_size(lifetimes, offsets))


def _placed(lifetimes: Sequence[Lifetime], alignment: int, order: Sequence[int]) -> list[int]:
    """The offsets, where the lifetimes are placed in ``order``."""
    offsets: dict[int, int] = {}
    for i in order:
        taken = sorted(
            (offsets[j], offsets[j] + lifetimes[j].size) for j in offsets if lifetimes[i].meets(lifetimes[j])
        )
        offsets[i] = _tightest_gap(taken, lifetimes[i].size, alignment)
    return [offsets[i] for i in range(len(lifetimes))]


def _tightest_gap(taken: Sequence[tuple[int, int]], size: int, alignment: int) -> int:
    """The offset in the smallest gap of at least ``size`` bytes between intervals, else after the last."""
    best: tuple[int, int] | None = None
    end = 0
    for first, last in taken:
        if first - end >= size and (best is None or first - end < best[0]):
            best = first - end, end
        end = max(end, align(last, alignment))
    return end if best is None else best[1]


def align(value: int, alignment: int) -> int:
    """``value`` rounded up to a multiple of ``alignment``."""
    return -(-value // alignment) * alignment


def arena_size(lifetimes: Sequence[Lifetime], offsets: Sequence[int]) -> int:
    """Bytes up to the end of the last buffer."""
    return max((o + t.size for o, t in zip(offsets, lifetimes, strict=True)), default=0)


def largest_live_set(lifetimes: Sequence[Lifetime]) -> int:
    """The largest sum of sizes alive at one step: no plan takes less."""
    steps = {t.first for t in lifetimes}
    return max((sum(t.size for t in lifetimes if t.first <= step <= t.last) for step in steps), default=0)
