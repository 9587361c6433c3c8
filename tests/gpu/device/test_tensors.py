"""PyTorch tensors on the GPU: streams, replays of a graph, threads, and what is not copied."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from on_device import Subject

from benchmarks.gpu.carried import pixels
from runtime.cuda import tensors

MODEL = "deit-tiny"
BUSY_CYCLES = 50_000_000


@pytest.fixture(scope="module")
def torch(device: object) -> Any:
    """PyTorch, which sees the GPU."""
    torch = pytest.importorskip("torch")
    if not torch.cuda.is_available():
        pytest.skip("needs a PyTorch for CUDA")
    return torch


@pytest.fixture(scope="module")
def chosen(subject: Callable[[str], Subject]) -> Subject:
    return subject(MODEL)


def images(torch: Any, first: int, last: int) -> Any:
    return torch.from_numpy(pixels(last)[first:]).cuda()


def check(result: Any, expected: NDArray[Any]) -> None:
    np.testing.assert_array_equal(result.cpu().numpy(), expected)


def test_the_same_bits_where_they_lie(torch: Any, chosen: Subject) -> None:
    given = images(torch, 0, 8)
    result = chosen.executable.run_tensor(given)
    assert result.device == given.device
    check(result, chosen.expected[:8])
    check(chosen.executable.run_tensor(given[:0]), chosen.expected[:0])


def test_many_replays_with_other_images_and_places(torch: Any, chosen: Subject) -> None:
    given = images(torch, 0, 32)
    results = [chosen.executable.run_tensor(given[4 * n :][:4]) for n in range(8) for _ in range(12)]
    for number, result in enumerate(results):
        first = 4 * (number // 12)
        check(result, chosen.expected[first : first + 4])


def test_work_waits_for_what_its_stream_does_before(torch: Any, chosen: Subject) -> None:
    right = images(torch, 0, 8)
    given = torch.zeros_like(right)
    chosen.executable.run_tensor(right)  # its graph is made now, not later
    torch.cuda.synchronize()
    stream = torch.cuda.Stream()
    with torch.cuda.stream(stream):
        torch.cuda._sleep(BUSY_CYCLES)
        given.copy_(right)
        result = chosen.executable.run_tensor(given)
        assert not stream.query(), "the call waited for the GPU"
        again = result.clone()
    stream.synchronize()
    check(result, chosen.expected[:8])
    check(again, chosen.expected[:8])


def test_two_streams_at_once(torch: Any, chosen: Subject) -> None:
    given = [images(torch, first, first + 8) for first in (0, 8)]
    streams = [torch.cuda.Stream() for _ in given]
    torch.cuda.synchronize()
    results: list[Any] = []
    for _ in range(20):
        for part, stream in zip(given, streams, strict=True):
            with torch.cuda.stream(stream):
                results.append(chosen.executable.run_tensor(part))
    torch.cuda.synchronize()
    for number, result in enumerate(results):
        first = 8 * (number % 2)
        check(result, chosen.expected[first : first + 8])


def test_threads_of_python(torch: Any, chosen: Subject) -> None:
    everything = pixels(32)

    def work(first: int) -> None:
        for count in (1, 3, 8):
            part = slice(first, first + count)
            np.testing.assert_array_equal(chosen.executable.run(everything[part]), chosen.expected[part])
            check(
                chosen.executable.run_tensor(torch.from_numpy(everything[part]).cuda()), chosen.expected[part]
            )

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, (0, 8, 16, 24)))


def test_what_lies_askew_or_in_parts(torch: Any, chosen: Subject) -> None:
    given = images(torch, 0, 6)
    askew = torch.empty(given.numel() + 1, dtype=torch.uint8, device="cuda")[1:].view(given.shape)
    askew.copy_(given)
    check(chosen.executable.run_tensor(askew), chosen.expected[:6])
    check(chosen.executable.run_tensor(given[::2]), chosen.expected[:6:2])


def test_floats(torch: Any, chosen: Subject) -> None:
    boundary = chosen.carried.boundary
    floats = np.random.default_rng(0).standard_normal((4, 3, *boundary.input_shape[:2])).astype(np.float32)
    expected = chosen.executable.run(boundary.to_integers(floats))
    result = chosen.executable.run_tensor(torch.from_numpy(floats).cuda())
    check(result, expected)
    check(tensors.to_floats(boundary, result), boundary.to_floats(expected))
