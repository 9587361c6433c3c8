"""One function of many items, several at once: NumPy lets go of the interpreter while it computes."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from threadpoolctl import threadpool_limits

T = TypeVar("T")
R = TypeVar("R")


class _OneThreadOfBlas:
    """Holds BLAS to one thread a call while anybody wants it so; the setting is the process's."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._users = 0
        self._limits: threadpool_limits | None = None

    def __enter__(self) -> None:
        with self._lock:
            self._users += 1
            self._limits = self._limits or threadpool_limits(1, user_api="blas")

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._users -= 1
            if self._users == 0 and self._limits is not None:
                self._limits.restore_original_limits()
                self._limits = None


_one_thread_of_blas = _OneThreadOfBlas()


def in_parallel(function: Callable[[T], R], items: Sequence[T]) -> Generator[R]:
    """``function(item)`` of each of ``items``, in their order; what it raises is raised here.

    Each call has one core: BLAS's own threads would leave the others idle between products, and spin where
    another process holds a core that they wait for.
    """
    workers = min(len(items), _cores())
    if workers <= 1:
        yield from map(function, items)
        return
    with _one_thread_of_blas, ThreadPoolExecutor(workers) as pool:
        results = [pool.submit(function, item) for item in items]
        try:
            for result in results:
                yield result.result()
        finally:
            pool.shutdown(cancel_futures=True)


def _cores() -> int:
    """How many this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
