"""Calibration's batches, several at once: the order, the errors, and the ranges of one after the other."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from unittest.mock import Mock, call

import numpy as np
import pytest
from graphs import traced
from threadpoolctl import threadpool_info
from torch_exports import plain_text

from ivit_dialect.load import module_text
from passes.calibrate import calibrate
from passes.calibration import parallel
from passes.calibration.parallel import in_parallel


def blas_threads() -> set[int]:
    return {int(pool["num_threads"]) for pool in threadpool_info() if pool["user_api"] == "blas"}


@pytest.fixture
def cores(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    return lambda count: monkeypatch.setattr(parallel, "_cores", lambda: count)


def square(i: int) -> int:
    return i * i


@pytest.mark.parametrize("count", [1, 2, 3, 8])
def test_results_are_in_order(cores: Callable[[int], None], count: int) -> None:
    cores(count)
    assert list(in_parallel(square, range(5))) == [0, 1, 4, 9, 16]
    assert list(in_parallel(square, [])) == []


def test_calls_are_at_once_and_have_one_core_each(cores: Callable[[int], None]) -> None:
    cores(3)
    before, meeting = blas_threads(), threading.Barrier(3, timeout=10)

    def meet(_: int) -> set[int]:
        meeting.wait()
        return blas_threads()

    assert list(in_parallel(meet, range(3))) == [{1} if before else set()] * 3
    assert blas_threads() == before


def test_overlapping_runs_leave_blas_as_it_was(cores: Callable[[int], None]) -> None:
    cores(2)
    before = blas_threads()
    first, second = in_parallel(square, range(4)), in_parallel(square, range(4))
    assert (next(first), next(second)) == (0, 0)
    assert list(first) == [1, 4, 9]
    assert max(blas_threads(), default=1) == 1
    assert list(second) == [1, 4, 9]
    assert blas_threads() == before


def test_the_first_error_is_raised(cores: Callable[[int], None]) -> None:
    cores(2)
    before = blas_threads()

    def fail(i: int) -> int:
        if i % 2:
            raise ValueError(f"item {i}")
        return i

    results = in_parallel(fail, range(6))
    assert next(results) == 0
    with pytest.raises(ValueError, match="item 1"):
        next(results)
    assert blas_threads() == before


def test_ranges_do_not_depend_on_the_cores(cores: Callable[[int], None]) -> None:
    model = traced(plain_text("deit_distilled", "high-level"))
    images = np.random.default_rng(5).standard_normal((27, 3, 32, 32)).astype(np.float32)
    recorded: set[tuple[str, ...]] = set()
    for count in (1, 2, 4):
        cores(count)
        progress = Mock()
        calibrate(model.module, model.ctx.store, images, progress=progress)
        assert progress.mock_calls == [call(8, 27), call(16, 27), call(24, 27), call(27, 27)]
        text = re.sub(r'"calibration[^"]*"', "key", module_text(model.module))
        channels = [a.tobytes().hex() for key, a in model.ctx.store.items() if key.startswith("calibration")]
        recorded.add((text, *sorted(channels)))
    assert len(recorded) == 1
