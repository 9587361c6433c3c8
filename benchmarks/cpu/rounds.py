"""Runs peers in turn, round after round, so that a machine that drifts drifts under all of them."""

from __future__ import annotations

import json
import select
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from benchmarks.cpu.processes import last_line

SLEEPY = 5.0
"""Seconds that idle threads may take to go to sleep."""
LIMIT = 900
"""Seconds that an answer may take; ``torch.compile`` takes the longest."""

T = TypeVar("T")


class Died(Exception):
    """A worker that ended early; says why in one line."""


@dataclass(frozen=True)
class Timing:
    """One peer of a case: milliseconds of each round, seconds to load and of the first run, bytes at most."""

    rounds_ms: list[float]
    load_s: float
    first_s: float
    peak_rss: int | None
    outputs: NDArray[np.float64]

    @property
    def median_ms(self) -> float:
        """Of a batch."""
        return statistics.median(self.rounds_ms)


class Worker:
    """A process that answers lines of JSON with lines of JSON."""

    def __init__(self, process: subprocess.Popen[str], log: IO[str]) -> None:
        self._process = process
        self._log = log

    @staticmethod
    @contextmanager
    def started(command: Sequence[str], environment: Mapping[str, str] | None) -> Generator[Worker]:
        """A process that runs ``command`` for the duration of the context."""
        with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as log:
            pipe = subprocess.PIPE
            process = subprocess.Popen(
                command, stdin=pipe, stdout=pipe, stderr=log, text=True, env=environment
            )
            try:
                yield Worker(process, log)
            finally:
                process.kill()
                process.communicate()

    def answer(self) -> dict[str, Any]:
        """The next answer. Died where there is none."""
        assert self._process.stdout is not None
        if not select.select([self._process.stdout], [], [], LIMIT)[0]:
            raise Died(f"no answer within {LIMIT} s")
        line = self._process.stdout.readline()
        if not line:
            raise Died(self._last_words())
        return json.loads(line)

    def ask(self, **question: object) -> dict[str, Any]:
        """The answer to ``question``. Died where there is none."""
        assert self._process.stdin is not None
        try:
            print(json.dumps(question), file=self._process.stdin, flush=True)
        except OSError:
            raise Died(self._last_words()) from None
        return self.answer()

    def fall_asleep(self) -> None:
        """Wait until none of its threads runs: pools of threads spin for a while after their work.

        Died where they never end, since they would slow the others.
        """
        deadline = time.monotonic() + SLEEPY
        while _running(self._process.pid):
            if time.monotonic() > deadline:
                raise Died(f"its threads are still busy {SLEEPY:.0f} s after their work")
            time.sleep(0.001)

    def kill(self) -> None:
        """End the process now."""
        self._process.kill()

    def _last_words(self) -> str:
        """Why it ended: the last line that it wrote to stderr, or its exit code."""
        code = self._process.wait()
        self._log.seek(0)
        words = last_line(self._log.read())
        return words if words and code > 0 else f"ended with code {code}"


def _running(process: int) -> bool:
    """Whether a thread of ``process`` is on a CPU or waits for one; False where the system does not say."""
    states: list[str] = []
    for task in Path(f"/proc/{process}/task").glob("*/stat"):
        try:
            states.append(task.read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()[0])
        except OSError:  # the thread has just ended
            continue
    return "R" in states


class _Runner:
    """A peer's worker, and what it has told so far."""

    def __init__(self, worker: Worker) -> None:
        self.worker = worker
        self._start: dict[str, Any] = {}
        self._rounds: list[float] = []

    def begin(self) -> None:
        """Wait until the peer is loaded and has run once."""
        self._start = self.worker.answer()
        self.worker.fall_asleep()

    def round(self, milliseconds: float) -> None:
        """Time some runs."""
        self._rounds.append(self.worker.ask(milliseconds=milliseconds)["ms"])
        self.worker.fall_asleep()

    def end(self) -> Timing:
        """Everything that it told."""
        last = self.worker.ask(end=True)
        return Timing(
            rounds_ms=self._rounds,
            load_s=self._start["load_s"],
            first_s=self._start["first_s"],
            peak_rss=last["peak_rss"],
            outputs=np.array(last["outputs"]),
        )


class Contest:
    """Peers that run in turn. One that dies is left out from then on."""

    def __init__(self) -> None:
        self.died: dict[str, str] = {}
        self._runners: dict[str, _Runner] = {}
        self._open = ExitStack()

    def __enter__(self) -> Contest:
        return self

    def __exit__(self, *_: object) -> None:
        """End all workers."""
        self._open.close()

    def add(self, key: str, command: Sequence[str], environment: Mapping[str, str] | None) -> None:
        """Start a worker, and wait until it is loaded."""
        self._runners[key] = _Runner(self._open.enter_context(Worker.started(command, environment)))
        self._each([key], _Runner.begin)

    def run(self, rounds: int, milliseconds: float) -> None:
        """Time every peer in every round, for about ``milliseconds`` each.

        The order is turned by one from round to round.
        """
        for number in range(rounds):
            keys = [*self._runners]
            start = number % max(1, len(keys))
            self._each(keys[start:] + keys[:start], lambda runner: runner.round(milliseconds))

    def end(self) -> dict[str, Timing]:
        """The times of those that lived."""
        return self._each([*self._runners], _Runner.end)

    def _each(self, keys: Sequence[str], step: Callable[[_Runner], T]) -> dict[str, T]:
        results: dict[str, T] = {}
        for key in keys:
            try:
                results[key] = step(self._runners[key])
            except Died as error:
                self.died[key] = str(error)
                self._runners.pop(key).worker.kill()
        return results


def measure(
    commands: Mapping[str, Sequence[str]],
    rounds: int,
    milliseconds: float,
    environment: Mapping[str, str] | None = None,
) -> tuple[dict[str, Timing], dict[str, str]]:
    """The times of the peers that ``commands`` start, and why others have none."""
    with Contest() as contest:
        for key, command in commands.items():
            contest.add(key, command, environment)
        contest.run(rounds, milliseconds)
        return contest.end(), contest.died
