"""Teams of threads that run one native function together, each with its own number.

A team belongs to one call at a time, so all of its threads are free when a call starts: the barriers inside
the native code need every thread to arrive.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from queue import SimpleQueue

from runtime.cores import CoreBudget, physical_cores

Work = Callable[[int], None]


class Team:
    """The calling thread and ``size - 1`` waiting daemon threads."""

    def __init__(self, size: int) -> None:
        self.size = size
        self._done = threading.Semaphore(0)
        self._errors: list[BaseException] = []
        self._inboxes: list[SimpleQueue[Work]] = [SimpleQueue() for _ in range(size - 1)]
        for number, inbox in enumerate(self._inboxes, start=1):
            name = f"ivit-{number}"
            threading.Thread(target=self._serve, args=(number, inbox), name=name, daemon=True).start()

    def run(self, work: Work) -> None:
        """Call ``work(number)`` on every thread at once, number 0 on this one; returns when all are done."""
        for inbox in self._inboxes:
            inbox.put(work)
        try:
            work(0)
        finally:
            for _ in self._inboxes:
                self._done.acquire()
        if self._errors:
            errors, self._errors = self._errors, []
            raise errors[0]

    def _serve(self, number: int, inbox: SimpleQueue[Work]) -> None:
        while True:
            work = inbox.get()
            try:
                work(number)
            except BaseException as error:  # handed to the caller
                self._errors.append(error)
            del work
            self._done.release()


class TeamPool:
    """Idle teams by size, and the cores they share. One for the process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._idle: dict[int, list[Team]] = {}
        self._budget = CoreBudget(physical_cores())

    @contextmanager
    def team(self, size: int) -> Generator[Team]:
        """A team of ``size`` threads for this call alone; waits while the cores are taken."""
        with self._budget.threads(size):
            with self._lock:
                idle = self._idle.setdefault(size, [])
                team = idle.pop() if idle else None
            team = team or Team(size)
            try:
                yield team
            finally:
                with self._lock:
                    self._idle.setdefault(size, []).append(team)


_pool = TeamPool()


def pool() -> TeamPool:
    """The process's teams."""
    return _pool


def _forget_teams() -> None:
    """Threads do not survive a fork: the child starts with none."""
    global _pool
    _pool = TeamPool()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_teams)
