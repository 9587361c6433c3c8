"""Compiled models under several Python threads: each call has the bits it has alone, also the first one."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from tiny_files import COUNT, float_images, pixels

import ivit
from runtime.cores import physical_cores

CALLERS = 6
ROUNDS = 10


@pytest.fixture(scope="module")
def files(made: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Two models of other integers and kernels."""
    other = tmp_path_factory.mktemp("models") / "paper.ivit"
    ivit.compile(made / "tiny.mlir", pixels(), recipe="paper").save(other)
    return [made / "tiny.ivit", other]


@pytest.fixture(scope="module")
def expected(files: list[Path]) -> list[NDArray[np.integer]]:
    return [ivit.load(path, threads=1).integers(pixels())[0] for path in files]


@pytest.mark.parametrize("threads", [(1, 1), (2, 2), (1, 3)])
def test_several_models_at_once(
    files: list[Path], expected: list[NDArray[np.integer]], threads: tuple[int, int]
) -> None:
    models = [ivit.load(path, threads=count) for path, count in zip(files, threads, strict=True)]
    start = threading.Barrier(CALLERS, timeout=30)

    def call(caller: int) -> list[bool]:
        start.wait()  # the first calls, which link the code, are at once too
        same: list[bool] = []
        for i in range(ROUNDS):
            which, images = (caller + i) % 2, slice(i % COUNT, COUNT)
            answer = models[which].integers(pixels()[images])[0]
            same.append(np.array_equal(answer, expected[which][images]))
        return same

    with ThreadPoolExecutor(CALLERS) as callers:
        assert list(callers.map(call, range(CALLERS))) == [[True] * ROUNDS] * CALLERS


def test_one_model_loaded_and_called_in_each_thread(
    files: list[Path], expected: list[NDArray[np.integer]]
) -> None:
    def load_and_call(i: int) -> bool:
        answer = ivit.load(files[i % 2], threads=1 + i % 2).integers(pixels())[0]
        return np.array_equal(answer, expected[i % 2])

    with ThreadPoolExecutor(CALLERS) as callers:
        assert all(callers.map(load_and_call, range(2 * CALLERS)))


def test_refused_calls_leave_the_others_alone(files: list[Path], expected: list[NDArray[np.integer]]) -> None:
    model = ivit.load(files[0], threads=2)

    def call(i: int) -> bool:
        if i % 3:
            return np.array_equal(model.integers(pixels())[0], expected[0])
        with pytest.raises(ValueError, match="NaN or infinity"):
            model(np.full_like(float_images(), np.nan))
        return True

    with ThreadPoolExecutor(CALLERS) as callers:
        assert all(callers.map(call, range(3 * CALLERS)))


def test_calls_compile_beside_each_other(made: Path, expected: list[NDArray[np.integer]]) -> None:
    """Compiling in one thread changes nothing for calls in another, nor for a second compilation."""
    model = ivit.load(made / "tiny.ivit", threads=physical_cores())

    def compile_it(_: int) -> NDArray[np.integer]:
        return ivit.compile(made / "tiny.mlir", pixels(), threads=1).integers(pixels())[0]

    with ThreadPoolExecutor(3) as callers:
        compiled = [callers.submit(compile_it, i) for i in range(2)]
        while not all(answer.done() for answer in compiled):
            np.testing.assert_array_equal(model.integers(pixels())[0], expected[0])
        for answer in compiled:
            np.testing.assert_array_equal(answer.result(), expected[0])
