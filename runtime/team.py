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


class _Run:
    """One function on every thread of a team: who is still at it, and what went wrong."""

    def __init__(self, work: Work, others: int) -> None:
        self._work = work
        self._left = others
        self._lock = threading.Lock()
        self._done = threading.Event()
        self.errors: list[BaseException] = []
        if not others:
            self._done.set()

    def take_part(self, number: int) -> None:
        """On one of the other threads."""
        try:
            self._work(number)
        except BaseException as error:  # handed to the caller
            self.errors.append(error)
        with self._lock:
            self._left -= 1
            if not self._left:
                self._done.set()

    def wait(self) -> None:
        """Until no other thread is at it, even where signals come: its memory may be reused then."""
        interrupt: BaseException | None = None
        while not self._done.is_set():
            try:
                self._done.wait()
            except BaseException as error:  # a signal's handler raised it
                interrupt = error
        if interrupt is not None:
            raise interrupt


class Team:
    """The calling thread and ``size - 1`` waiting daemon threads."""

    def __init__(self, size: int) -> None:
        self.size = size
        self._inboxes: list[SimpleQueue[_Run]] = [SimpleQueue() for _ in range(size - 1)]
        for number, inbox in enumerate(self._inboxes, start=1):
            name = f"ivit-{number}"
            threading.Thread(target=_serve, args=(number, inbox), name=name, daemon=True).start()

    def run(self, work: Work) -> None:
        """Call ``work(number)`` on every thread at once, number 0 on this one; returns when all are done.

        Raises what this thread's part raises, else the first error of another's; KeyboardInterrupt, too,
        comes only when all are done.
        """
        run = _Run(work, len(self._inboxes))
        for inbox in self._inboxes:
            inbox.put(run)
        try:
            work(0)
        finally:
            run.wait()
        if run.errors:
            raise run.errors[0]


def _serve(number: int, inbox: SimpleQueue[_Run]) -> None:
    """A thread's life."""
    while True:
        run = inbox.get()
        run.take_part(number)
        del run


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
