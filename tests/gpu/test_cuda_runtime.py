"""The GPU runtime on an emulated driver, with a small program: memory, graphs, batches, threads, errors."""

from __future__ import annotations

import gc
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
from emulated_driver import EmulatedDriver
from numpy.typing import NDArray

from runtime.boundary import Boundary
from runtime.cuda import devices, loaded
from runtime.cuda.compatibility import takes_cubin, why_not
from runtime.cuda.driver import CudaError
from runtime.cuda.executable import CudaExecutable
from runtime.cuda_program import ONE, CudaProgram, Extent, Launch, Span

PIXELS = 12
BOUNDARY = Boundary("quantized", (2, 2, 3), (PIXELS,), "int8", 0.5)

PTX = """
.version 7.0
.target sm_80
.address_size 64

.visible .entry add(
    .param .u64 .ptr .global .align 1 add_param_0,
    .param .u64 add_param_1,
    .param .u64 .ptr .global .align 1 add_param_2,
    .param .u64 add_param_3,
    .param .u64 .ptr .global .align 1 add_param_4,
    .param .u64 add_param_5,
    .param .u64 add_param_6,
    .param .u64 add_param_7
)
{
    .reg .b32 %r<8>;
    .reg .b64 %rd<16>;
    ld.param.u64 %rd1, [add_param_0];
    ld.param.u64 %rd2, [add_param_1];
    ld.param.u64 %rd3, [add_param_2];
    ld.param.u64 %rd4, [add_param_4];
    ld.param.u64 %rd5, [add_param_5];
    ld.param.u64 %rd6, [add_param_6];
    mov.u32 %r1, %tid.x;
    mov.u32 %r2, %ctaid.y;
    cvt.u64.u32 %rd7, %r1;
    cvt.u64.u32 %rd8, %r2;
    mul.lo.s64 %rd9, %rd8, %rd2;
    add.s64 %rd10, %rd1, %rd9;
    add.s64 %rd11, %rd10, %rd7;
    mul.lo.s64 %rd12, %rd8, %rd5;
    add.s64 %rd13, %rd4, %rd12;
    add.s64 %rd14, %rd13, %rd7;
    ld.global.u8 %r3, [%rd11];
    ld.global.u8 %r4, [%rd3];
    cvt.u32.u64 %r5, %rd6;
    add.s32 %r6, %r3, %r4;
    add.s32 %r7, %r6, %r5;
    st.global.u8 [%rd14], %r7;
    ret;
}
"""
"""Adds a weight and a constant to each byte, an image a block."""


def program() -> CudaProgram:
    """``(image + 3) + 1``, then ``+ 5 - 2``: through the arena, whose half is not used."""
    grid = (ONE, Extent(1, 1, True), ONE)
    weights = np.array([3] * 64 + [5], np.uint8)
    middle = Span("arena", 64, 0, PIXELS, PIXELS)
    first = (Span("input", 0, 0, PIXELS, PIXELS), Span("weights", 0, 0, 0, 1), middle)
    second = (middle, Span("weights", 0, 64, 0, 1), Span("output", 0, 0, PIXELS, PIXELS))
    launches = (
        Launch("add", "first", 0, grid, PIXELS, 0, first, (1,)),
        Launch("add", "second", 1, grid, PIXELS, 0, second, (-2,)),
    )
    return CudaProgram(PTX, launches, 128, PIXELS, PIXELS, weights, "cuda:sm_80", "sm_80")


def images(count: int) -> NDArray[np.int8]:
    return np.random.default_rng(count).integers(-128, 128, (count, 2, 2, 3)).astype(np.int8)


def expected(given: NDArray[np.int8]) -> NDArray[np.int8]:
    return (given.reshape(len(given), PIXELS).view(np.uint8) + 7).astype(np.uint8).view(np.int8)


@pytest.fixture
def driver(monkeypatch: pytest.MonkeyPatch) -> Iterator[EmulatedDriver]:
    """The only GPU of this machine; nothing of it may be left in use."""
    emulated = EmulatedDriver()
    monkeypatch.setattr(devices, "open_device", lambda ordinal=0: emulated)
    yield emulated
    gc.collect()
    left = emulated.allocations, emulated.pinned, emulated.graphs, emulated.modules, emulated.streams
    assert not any(left)


def test_batches_of_any_size(driver: EmulatedDriver) -> None:
    executable = CudaExecutable(program(), BOUNDARY)
    for count in (0, 1, 2, 3, 2, 1, 7):
        given = images(count)
        result = executable.run(given)
        assert result.dtype == np.int8
        np.testing.assert_array_equal(result, expected(given))
    assert sorted(graph.replays for graph in driver.graphs) == [1, 1, 2, 2]
    assert len(driver.loaded) == 1
    assert not any(graph.changes for graph in driver.graphs)


def test_large_batches_are_computed_in_parts(driver: EmulatedDriver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loaded, "IMAGES_AT_ONCE", 4)
    given = images(11)
    executable = CudaExecutable(program(), BOUNDARY)
    np.testing.assert_array_equal(executable.run(given), expected(given))
    assert [graph.replays for graph in driver.graphs] == [2, 1]


def test_the_batch_not_used_for_longest_gives_its_memory_back(
    driver: EmulatedDriver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loaded, "MAX_BATCHES", 2)
    executable = CudaExecutable(program(), BOUNDARY)
    for count, graphs in ((1, 1), (2, 2), (1, 2), (3, 2), (1, 2)):
        np.testing.assert_array_equal(executable.run(images(count)), expected(images(count)))
        gc.collect()
        assert len(driver.graphs) == graphs
        assert len(driver.streams) == len(driver.pinned) // 2 == graphs
    assert [graph.replays for graph in driver.graphs] == [3, 1]


def test_many_threads(driver: EmulatedDriver) -> None:
    executable, start = CudaExecutable(program(), BOUNDARY), threading.Barrier(4)

    def work(seed: int) -> bool:
        start.wait(10)
        counts = [1 + (seed + number) % 3 for number in range(6)]
        return all(np.array_equal(executable.run(images(n)), expected(images(n))) for n in counts)

    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(work, range(4)))
    assert len(driver.loaded) == 1
    assert sorted(graph.replays for graph in driver.graphs) == [8, 8, 8]


def test_wrong_images_are_refused(driver: EmulatedDriver) -> None:
    executable = CudaExecutable(program(), BOUNDARY)
    for wrong in (images(1).astype(np.uint8), images(1)[..., :2]):
        with pytest.raises(ValueError, match=r"^expected int8 images \[N, 2, 2, 3\], got "):
            executable.run(wrong)
    assert not driver.loaded


def test_too_little_memory(driver: EmulatedDriver) -> None:
    executable = CudaExecutable(program(), BOUNDARY)
    driver.memory = 4000
    with pytest.raises(MemoryError, match="fewer images"):
        executable.run(images(30))
    np.testing.assert_array_equal(executable.run(images(1)), expected(images(1)))


def test_batches_give_way_to_one_that_needs_their_memory(driver: EmulatedDriver) -> None:
    executable = CudaExecutable(program(), BOUNDARY)
    driver.memory = 4000
    for count, graphs in ((1, 1), (2, 2), (3, 3), (15, 2)):
        np.testing.assert_array_equal(executable.run(images(count)), expected(images(count)))
        assert len(driver.graphs) == graphs


def test_what_the_gpu_refuses(driver: EmulatedDriver) -> None:
    absent = replace(program(), launches=tuple(replace(x, kernel="absent") for x in program().launches))
    with pytest.raises(CudaError, match="no kernel absent"):
        CudaExecutable(absent, BOUNDARY).run(images(1))
    wide = (ONE, Extent(70000, 1, True), ONE)
    wide_program = replace(program(), launches=tuple(replace(x, grid=wide) for x in program().launches))
    with pytest.raises(ValueError, match="fewer images"):
        CudaExecutable(wide_program, BOUNDARY).run(images(1))


def test_cubin_where_it_fits_else_ptx(driver: EmulatedDriver) -> None:
    both = replace(program(), cubin=PTX.replace("add.s32", "sub.s32").encode())
    given = images(2)
    assert not np.array_equal(CudaExecutable(both, BOUNDARY).run(given), expected(given))
    driver.capability = (9, 0)
    np.testing.assert_array_equal(CudaExecutable(both, BOUNDARY).run(given), expected(given))


@pytest.mark.parametrize(
    ("architecture", "capability", "runs", "cubin"),
    [
        ("sm_80", (8, 0), True, True),
        ("sm_80", (8, 6), True, True),
        ("sm_86", (8, 0), False, False),
        ("sm_80", (9, 0), True, False),
        ("sm_80", (7, 5), False, False),
        ("sm_90a", (9, 0), True, True),
        ("sm_90a", (10, 0), False, False),
        ("sm_100a", (10, 0), True, True),
        ("sm_100a", (10, 3), False, False),
        ("sm_61", (12, 0), True, False),
    ],
)
def test_which_gpu_runs_which_code(
    architecture: str, capability: tuple[int, int], runs: bool, cubin: bool
) -> None:
    made = replace(program(), architecture=architecture, target=f"cuda:{architecture}", cubin=b"cubin")
    obstacle = why_not(made, capability, "G")
    assert (obstacle is None) == runs
    if obstacle is not None:
        assert f"(cuda:{architecture}), the GPU G has {capability[0]}.{capability[1]}" in obstacle
    assert not runs or takes_cubin(made, capability) == cubin
    assert not takes_cubin(replace(made, cubin=None), capability)


def test_no_architecture() -> None:
    with pytest.raises(ValueError, match="'gfx90a' is no GPU architecture"):
        why_not(replace(program(), architecture="gfx90a"), (8, 0), "G")


def test_gpu_too_old(driver: EmulatedDriver) -> None:
    driver.capability = (7, 5)
    message = (
        r"does not run here: the code needs compute capability 8\.0 \(cuda:sm_80\), the GPU Emulated has 7\.5"
    )
    with pytest.raises(ValueError, match=message):
        CudaExecutable(program(), BOUNDARY)


def test_no_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "runtime.cuda.nvidia", raising=False)
    monkeypatch.setitem(sys.modules, "cuda.bindings", None)
    with pytest.raises(ValueError, match=r"cuda-bindings is not installed .*: pip install 'ivit\[cuda\]'$"):
        CudaExecutable(program(), BOUNDARY)
