"""One peer in a process of its own, which sleeps until it is told to run.

    python -m benchmarks.cpu.worker PEER MODEL BATCH THREADS FOLDER TARGET

Each line on stdin is a JSON object, and so is each answer on stdout. The first answer comes by itself, once
the peer is loaded. ``{"milliseconds": t}`` runs once untimed, then for about t milliseconds, and answers with
the median; ``{"end": true}`` answers with the outputs and the peak memory.
"""

from __future__ import annotations

import json
import os
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO

import numpy as np
from numpy.typing import NDArray

from benchmarks.cpu.peers import PEERS, Run
from benchmarks.cpu.subjects import Case, images

MOST_RUNS = 25


def main() -> None:
    peer, model, batch, threads, folder, target = sys.argv[1:]
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what libraries print is no answer
    case = Case(Path(folder), model, int(batch), int(threads), target)
    serve(lambda: PEERS[peer].load(case), images(case.batch), sys.stdin, answers)


def serve(load: Callable[[], Run], batch: NDArray[np.float32], questions: IO[str], answers: IO[str]) -> None:
    """Load a peer, run it once, then do what ``questions`` say."""

    def answer(**values: object) -> None:
        print(json.dumps(values), file=answers, flush=True)

    started = time.perf_counter()
    run = load()
    loaded = time.perf_counter()
    outputs = run(batch)
    answer(load_s=loaded - started, first_s=time.perf_counter() - loaded)
    for line in questions:
        question = json.loads(line)
        if "end" in question:
            answer(outputs=np.asarray(outputs, np.float64).tolist(), peak_rss=peak_rss())
            return
        answer(ms=timed(lambda: run(batch), question["milliseconds"]))


def timed(run: Callable[[], object], milliseconds: float) -> float:
    """The median of some runs after an untimed one, which wakes threads and fills caches."""
    once = _milliseconds(run)
    count = min(MOST_RUNS, max(1, round(milliseconds / once)))
    return statistics.median(_milliseconds(run) for _ in range(count))


def _milliseconds(run: Callable[[], object]) -> float:
    started = time.perf_counter()
    run()
    return 1e3 * (time.perf_counter() - started)


def peak_rss() -> int | None:
    """Bytes of memory that this process has had at most; None where the system does not say.

    Not ``ru_maxrss``, which counts what the parent had before this program replaced it.
    """
    try:
        lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    return next((1024 * int(line.split()[1]) for line in lines if line.startswith("VmHWM:")), None)


if __name__ == "__main__":
    main()
