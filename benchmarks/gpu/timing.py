"""Times on a GPU: bursts of calls between two events, contestants in turn, round after round."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

MOST_CALLS = 10_000


class Clock(Protocol):
    """Measures what the GPU needs for calls."""

    def milliseconds(self, call: Callable[[], object], count: int) -> float:
        """Of one of ``count`` calls, one after another."""
        ...


class EventClock:
    """CUDA events around a burst on PyTorch's current stream.

    A GPU that waits for the host to launch is measured waiting: so it is for a caller.
    """

    def __init__(self, torch: Any) -> None:
        self._torch = torch

    def milliseconds(self, call: Callable[[], object], count: int) -> float:
        start, end = (self._torch.cuda.Event(enable_timing=True) for _ in range(2))
        start.record()
        for _ in range(count):
            call()
        end.record()
        end.synchronize()
        return start.elapsed_time(end) / count


@dataclass
class Contestant:
    """What is timed: ``call`` once ``prepare`` has been called; ``rounds_ms`` is a call's, of each round."""

    key: str
    call: Callable[[], object]
    prepare: Callable[[], None]
    rounds_ms: list[float] = field(default_factory=list[float])
    error: str | None = None

    @property
    def median_ms(self) -> float | None:
        """Over the rounds; None without any."""
        return statistics.median(self.rounds_ms) if self.rounds_ms else None


def contest(contestants: Sequence[Contestant], clock: Clock, rounds: int, milliseconds: float) -> None:
    """Time all in every round, each for about ``milliseconds`` and warmed up before.

    The order is turned by one from round to round. One that fails keeps why, and is left out from then on.
    """
    for number in range(rounds):
        start = number % max(1, len(contestants))
        for each in (*contestants[start:], *contestants[:start]):
            if each.error is None:
                _round(each, clock, milliseconds)


def burst(call: Callable[[], object], clock: Clock, milliseconds: float) -> float:
    """Milliseconds of a call, in a burst of about ``milliseconds`` after a shorter one to warm up."""
    once = clock.milliseconds(call, 3)
    return clock.milliseconds(call, max(1, min(MOST_CALLS, round(milliseconds / max(once, 1e-6)))))


def _round(each: Contestant, clock: Clock, milliseconds: float) -> None:
    try:
        each.prepare()
        each.rounds_ms.append(burst(each.call, clock, milliseconds))
    except (RuntimeError, MemoryError, ValueError) as error:
        each.error = one_line(error)
        each.rounds_ms.clear()


def one_line(error: BaseException) -> str:
    """The first line of a complaint, or its kind."""
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
