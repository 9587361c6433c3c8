"""Where our time on a GPU goes: each launch by itself, against what the GPU could do at most."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks.gpu.carried import Carried, Cost
from benchmarks.gpu.peaks import Peak
from benchmarks.gpu.peers import Case
from benchmarks.gpu.timing import Clock, burst, one_line
from runtime.cuda import tensors
from runtime.cuda.driver import Call, Driver
from runtime.cuda_program import Launch

BLOCK = re.compile(r"block\d+_")
MILLISECONDS = 3.0
REPEATED = 50
"""Launches of a graph that times one of them."""
LEAST_ROWS = 17
"""``torch._int_mm`` takes no fewer."""


@dataclass(frozen=True)
class KernelRow:
    """Launches of one kernel for one kind of op; microseconds, multiply-accumulates and bytes of them all.

    ``floor_us`` is what the GPU needs at least, the sum over the launches; None where its peak is unknown.
    """

    name: str
    kernel: str
    launches: int
    microseconds: float
    macs: int
    size: int
    floor_us: float | None

    @property
    def fraction(self) -> float | None:
        """Of the peak: of the products or of the memory's bandwidth, whichever bounds."""
        return None if self.floor_us is None else self.floor_us / self.microseconds


@dataclass(frozen=True)
class LinearRow:
    """A linear layer of ours, and ``torch._int_mm``, which makes int32 of int8 and does no more than that."""

    name: str
    rows: int
    columns: int
    depth: int
    microseconds: float
    int_mm_us: float | None
    error: str | None = None


def bytes_of(launch: Launch, images: int) -> int:
    """What a launch reads and writes at least: each of its operands once."""
    places = {(span.memory, span.root, span.offset): span for span in launch.spans}
    return sum(span.size * (images if span.stride else 1) for span in places.values())


def launch_times(case: Case, clock: Clock) -> list[float]:
    """Microseconds of each launch, repeated by itself in a graph: what it reads may lie in a cache."""
    pixels = case.pixels
    results = tensors.empty_results(case.carried.boundary, pixels)
    loaded = case.executable.on(tensors.ordinal_of(pixels))
    stream, driver = tensors.stream_of(pixels), loaded.driver
    loaded.start(pixels.data_ptr(), results.data_ptr(), len(pixels), stream)  # all memory is then written
    with driver.current():
        calls = loaded.batch(len(pixels)).calls(pixels.data_ptr(), results.data_ptr())
        return [_repeated(driver, call, stream, clock) for call in calls]


def _repeated(driver: Driver, call: Call, stream: int, clock: Clock) -> float:
    """Microseconds of one of many launches in a row, which the GPU starts by itself: the host is slower."""
    graph = driver.graph([call] * REPEATED, list(range(REPEATED)))
    try:
        return 1e3 * burst(lambda: graph.replay(stream), clock, MILLISECONDS) / REPEATED
    finally:
        driver.wait(stream)
        graph.close()


def kernel_rows(carried: Carried, images: int, times: Sequence[float], peak: Peak | None) -> list[KernelRow]:
    """Launches by kind of op and kernel, in the order of the model."""
    groups: dict[tuple[str, str], list[tuple[float, Cost, int]]] = {}
    for launch, cost, time in zip(carried.program.launches, carried.costs, times, strict=True):
        key = BLOCK.sub("", launch.name), launch.kernel
        groups.setdefault(key, []).append((time, cost, bytes_of(launch, images)))
    rows: list[KernelRow] = []
    for (name, kernel), parts in groups.items():
        macs = [cost.macs * images for _, cost, _ in parts]
        sizes = [size for _, _, size in parts]
        floor = None if peak is None else sum(map(peak.floor_us, macs, sizes))
        total = sum(time for time, _, _ in parts)
        rows.append(KernelRow(name, kernel, len(parts), total, sum(macs), sum(sizes), floor))
    return rows


def linear_rows(case: Case, times: Sequence[float], clock: Clock) -> list[LinearRow]:
    """Each shape of a linear layer once, with the mean time of ours."""
    images = len(case.pixels)
    shapes: dict[tuple[int, int, int], list[tuple[str, float]]] = {}
    for launch, cost, time in zip(case.carried.program.launches, case.carried.costs, times, strict=True):
        if cost.linear is not None:
            rows, columns, depth = cost.linear
            found = shapes.setdefault((rows * images, columns, depth), [])
            found.append((BLOCK.sub("", launch.name), time))
    return [_linear_row(case.torch, shape, launches, clock) for shape, launches in shapes.items()]


def _linear_row(
    torch: Any, shape: tuple[int, int, int], launches: list[tuple[str, float]], clock: Clock
) -> LinearRow:
    names = ", ".join(dict.fromkeys(name for name, _ in launches))
    ours = sum(time for _, time in launches) / len(launches)
    if shape[0] < LEAST_ROWS:
        return LinearRow(names, *shape, ours, None, f"torch._int_mm takes {LEAST_ROWS} rows at least")
    try:
        return LinearRow(names, *shape, ours, 1e3 * _int_mm(torch, shape, clock))
    except RuntimeError as error:
        return LinearRow(names, *shape, ours, None, one_line(error))


def _int_mm(torch: Any, shape: tuple[int, int, int], clock: Clock) -> float:
    """Milliseconds of one of many products in a graph; weights lie as weights do, output channels first."""
    rows, columns, depth = shape
    options = {"dtype": torch.int8, "device": "cuda"}
    left = torch.randint(-128, 128, (rows, depth), **options)
    right = torch.randint(-128, 128, (columns, depth), **options).t()
    torch._int_mm(left, right)  # its library may not be loaded while a graph is recorded
    torch.cuda.synchronize()
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        for _ in range(REPEATED):
            torch._int_mm(left, right)
    return burst(graph.replay, clock, MILLISECONDS) / REPEATED
