"""The runtime on a hand-made native program: threads, memory, refusals."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
from native import BOUNDARY, tiny_program

from runtime.cores import CoreBudget, physical_cores
from runtime.executable import Executable, check_threads
from runtime.memory import ALIGNMENT, aligned, aligned_bytes
from runtime.program import why_not_here
from runtime.team import Team


def images_of(count: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (count, 2, 3, 1), dtype=np.uint8)


@pytest.mark.parametrize("threads", [1, 2, 3])
@pytest.mark.parametrize("batch", [0, 1, 5])
def test_runs_any_batch_with_any_thread_count(threads: int, batch: int) -> None:
    images = images_of(batch)
    result = Executable(tiny_program(), BOUNDARY, threads).run(images)
    assert result.dtype == np.int32
    np.testing.assert_array_equal(result, images.reshape(batch, 6).astype(np.int32) + 7)


def test_reads_images_that_are_not_contiguous() -> None:
    images = images_of(8)[::2]
    result = Executable(tiny_program(), BOUNDARY, 1).run(images)
    np.testing.assert_array_equal(result, images.reshape(4, 6).astype(np.int32) + 7)


def test_many_python_threads_call_many_models() -> None:
    executables = [Executable(tiny_program(bias), BOUNDARY, 1 + bias % 3) for bias in range(4)]

    def call(i: int) -> bool:
        images = images_of(3, seed=i)
        result = executables[i % 4].run(images)
        return bool((result == images.reshape(3, 6).astype(np.int32) + i % 4).all())

    with ThreadPoolExecutor(8) as callers:
        assert all(callers.map(call, range(200)))


def test_a_forked_child_runs_on_threads_of_its_own() -> None:
    executable = Executable(tiny_program(), BOUNDARY, 2)
    executable.run(images_of(1))
    child = os.fork()
    if child == 0:
        ok = bool((executable.run(images_of(1)) == images_of(1).reshape(1, 6).astype(np.int32) + 7).all())
        os._exit(0 if ok else 1)
    assert os.waitpid(child, 0)[1] == 0


def test_wrong_images_are_refused() -> None:
    executable = Executable(tiny_program(), BOUNDARY, 1)
    with pytest.raises(ValueError, match=r"expected uint8 images \[N, 2, 3, 1\], got uint8 \[1, 3, 2, 1\]"):
        executable.run(np.zeros((1, 3, 2, 1), np.uint8))
    with pytest.raises(ValueError, match="got int8"):
        executable.run(np.zeros((1, 2, 3, 1), np.int8))


@pytest.mark.parametrize("threads", [0, -1, 4096])
def test_senseless_thread_counts_are_refused(threads: int) -> None:
    with pytest.raises(ValueError, match=r"threads must lie in \[1, 1024\]"):
        check_threads(threads)


def test_default_is_one_thread_per_physical_core() -> None:
    assert check_threads(None) == physical_cores() >= 1


def test_code_for_another_machine_is_reported() -> None:
    program = tiny_program()
    assert why_not_here(program) is None
    foreign = replace(program, features="+no-such-feature,-avx2")
    assert why_not_here(foreign) == "this machine's CPU lacks no-such-feature"
    other = replace(program, triple="riscv64-unknown-linux-gnu")
    assert str(why_not_here(other)).startswith("the code is for riscv64, this machine is ")
    with pytest.raises(ValueError, match="does not run here: this machine's CPU lacks no-such-feature"):
        Executable(foreign, BOUNDARY)


def test_code_without_its_entry_is_refused() -> None:
    with pytest.raises(ValueError, match="cannot link"):
        Executable(replace(tiny_program(), entry="absent"), BOUNDARY)


def test_memory_is_aligned() -> None:
    for size in (1, 63, 64, 1000):
        block = aligned_bytes(size)
        assert block.size == size
        assert block.ctypes.data % ALIGNMENT == 0
        assert aligned(block) is block
    for odd in (block[1:], block[::2]):
        again = aligned(odd)
        assert again.ctypes.data % ALIGNMENT == 0
        np.testing.assert_array_equal(again, odd)


def test_a_team_runs_all_its_threads_at_once_and_reports_errors() -> None:
    team = Team(3)
    meeting = threading.Barrier(3, timeout=10)

    def meet(_: int) -> None:
        meeting.wait()

    team.run(meet)

    def fail(thread: int) -> None:
        if thread == 2:
            raise ValueError("two")

    with pytest.raises(ValueError, match="two"):
        team.run(fail)
    team.run(meet)


@pytest.fixture
def interruptible() -> Iterator[None]:
    """SIGINT raises KeyboardInterrupt, in the background of a shell too, where it is ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("interruptible")
def test_an_interrupt_comes_when_all_threads_are_done() -> None:
    """Else the next call would share the memory of a thread that is still at the last one."""
    team, done = Team(2), threading.Event()

    def work(thread: int) -> None:
        if thread == 1:
            for _ in range(3):
                time.sleep(0.02)
                os.kill(os.getpid(), signal.SIGINT)
            time.sleep(0.02)
            done.set()

    for _ in range(2):
        done.clear()
        with pytest.raises(KeyboardInterrupt):
            team.run(work)
        assert done.is_set()
    seen: list[int] = []
    team.run(seen.append)
    assert sorted(seen) == [0, 1]


def test_calls_wait_for_cores_in_turn() -> None:
    """One core of two is taken: who wants both waits, and who comes later with a wish for one, behind it."""
    budget, order, lock = CoreBudget(2), list[int](), threading.Lock()

    def call(count: int) -> None:
        with budget.threads(count), lock:
            order.append(count)

    callers = [threading.Thread(target=call, args=(count,)) for count in (2, 1)]
    with budget.threads(1):
        for caller in callers:
            caller.start()
            caller.join(0.1)
        assert order == []
    for caller in callers:
        caller.join(10)
    assert order == [2, 1]


def test_a_call_that_wants_more_cores_than_there_are_runs_alone() -> None:
    budget, done = CoreBudget(2), threading.Event()

    def call() -> None:
        with budget.threads(5):
            done.set()

    caller = threading.Thread(target=call)
    with budget.threads(1):
        caller.start()
        assert not done.wait(0.1)
    caller.join(10)
    assert done.is_set()


def test_calls_that_fit_run_at_once() -> None:
    budget, meeting = CoreBudget(2), threading.Barrier(2, timeout=10)

    def call(_: int) -> None:
        with budget.threads(1):
            meeting.wait()

    with ThreadPoolExecutor(2) as callers:
        list(callers.map(call, range(2)))
