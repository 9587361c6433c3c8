"""How many physical cores this process may use, and who uses them at the moment."""

from __future__ import annotations

import os
import threading
from collections.abc import Generator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

_TOPOLOGY = Path("/sys/devices/system/cpu")
_QUOTA = Path("/sys/fs/cgroup/cpu.max")


@cache
def physical_cores() -> int:
    """Physical cores that the scheduler and the container's quota leave to this process; at least 1."""
    allowed = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else set(range(os.cpu_count() or 1))
    siblings = {_siblings(cpu) for cpu in allowed}
    return max(1, min(len(siblings), _quota(len(siblings))))


def _siblings(cpu: int) -> str:
    """The hardware threads that share ``cpu``'s core; ``cpu`` alone where the system does not say."""
    try:
        return (_TOPOLOGY / f"cpu{cpu}/topology/thread_siblings_list").read_text().strip()
    except OSError:
        return str(cpu)


def _quota(unlimited: int) -> int:
    """Whole cores of the control group's quota (cgroup v2), or ``unlimited``."""
    try:
        limit, period = _QUOTA.read_text().split()
        return unlimited if limit == "max" else int(limit) // int(period)
    except (OSError, ValueError):
        return unlimited


class CoreBudget:
    """Lets calls run side by side while their threads fit the cores, and in turn otherwise.

    The threads of one call meet at barriers, so more of them than cores would wait for each other. A call
    that wants more threads than there are cores runs alone. First come, first served.
    """

    def __init__(self, cores: int) -> None:
        self._cores = cores
        self._in_use = 0
        self._turn = threading.Lock()
        self._changed = threading.Condition()

    @contextmanager
    def threads(self, count: int) -> Generator[None]:
        """Hold ``count`` cores for the duration of the context."""
        with self._turn, self._changed:
            self._changed.wait_for(lambda: self._in_use == 0 or self._in_use + count <= self._cores)
            self._in_use += count
        try:
            yield
        finally:
            with self._changed:
                self._in_use -= count
                self._changed.notify_all()
