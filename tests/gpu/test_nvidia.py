"""NVIDIA's package, called as the runtime calls it, with a driver of our own below it (``fake_cuda.c``)."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
PREAMBLE = """
import ctypes, gc, sys
ctypes.CDLL(sys.argv[1], mode=ctypes.RTLD_GLOBAL)
import numpy as np
from test_cuda_runtime import BOUNDARY, CudaError, CudaExecutable, devices, expected, images, program, replace
"""


@pytest.fixture(scope="module")
def driver(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The library, under the name that a driver has."""
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("needs a C compiler, cc")
    library = tmp_path_factory.mktemp("driver") / "libcuda.so.1"
    options = ["-shared", "-fPIC", "-Wall", f"-Wl,-soname,{library.name}"]
    subprocess.run([compiler, *options, "-o", library, HERE / "fake_cuda.c", "-ldl"], check=True, timeout=60)
    return library


def run(driver: Path, body: str, **environment: str) -> None:
    """``body`` in a process of its own, which has that driver."""
    path = os.pathsep.join(map(str, (HERE.parents[1], HERE, HERE.parent / "unit")))
    done = subprocess.run(
        [sys.executable, "-c", PREAMBLE + body, driver],
        env={**os.environ, "PYTHONPATH": path, **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_graphs_and_memory(driver: Path) -> None:
    run(
        driver,
        """
shared = replace(program(), launches=tuple(replace(x, shared_bytes=70000) for x in program().launches))
executable = CudaExecutable(shared, BOUNDARY)
for count in (1, 2, 3, 2, 7):
    assert np.array_equal(executable.run(images(count)), expected(images(count)))

loaded, driver = executable.on(0), devices.open_device()
assert (driver.name, driver.capability) == ("Fake GPU", (8, 6))
with driver.current():
    stream = driver.open_stream()
    places = [driver.allocate(64) for _ in range(4)]
for source, target in (places[:2], places[2:]):
    with driver.current():
        driver.upload(source, images(2).reshape(-1).view(np.uint8), stream)
    loaded.start(source, target, 2, stream)
    result = np.empty(24, np.uint8)
    with driver.current():
        driver.download(result, target, stream)
        driver.wait(stream)
    assert np.array_equal(result.view(np.int8).reshape(2, 12), expected(images(2)))

with driver.current():
    for call in loaded.batch(2).calls(*places[2:]):
        driver.launch(call, stream)
    driver.close_stream(stream)
    for place in places:
        driver.free(place)
del executable, loaded, call
gc.collect()
""",
    )


def test_refusals(driver: Path) -> None:
    run(
        driver,
        """
def refusal(kind, action, *arguments):
    try:
        action(*arguments)
    except kind as error:
        return str(error)
    raise AssertionError("not refused")

absent = replace(program(), launches=tuple(replace(x, kernel="absent") for x in program().launches))
message = refusal(CudaError, CudaExecutable(absent, BOUNDARY).run, images(1))
assert message == "cuModuleGetFunction failed (CUDA_ERROR_NOT_FOUND)", message
greedy = replace(program(), launches=tuple(replace(x, shared_bytes=101377) for x in program().launches))
message = refusal(CudaError, CudaExecutable(greedy, BOUNDARY).run, images(1))
assert message == (
    "the kernel add takes 101377 bytes of shared memory, of which the GPU Fake GPU gives 101376:"
    " compile the model for this GPU, with the target cuda"
), message
large = replace(program(), arena_bytes=1 << 20)
message = refusal(MemoryError, CudaExecutable(large, BOUNDARY).run, images(2))
assert message == "the GPU has not enough memory: use fewer images at once", message
message = refusal(CudaError, devices.open_device, 1)
assert message == "there is no GPU of that number (CUDA_ERROR_INVALID_DEVICE)", message
gc.collect()
""",
    )


def test_no_gpu(driver: Path) -> None:
    run(
        driver,
        """
reason = devices.why_not_here(program())
assert reason == (
    "the code is for a GPU, cuda:sm_80: there is no NVIDIA GPU, or CUDA_VISIBLE_DEVICES hides it"
    " (CUDA_ERROR_NO_DEVICE)"
), reason
""",
        FAKE_CUDA_NO_DEVICE="1",
    )


@pytest.mark.usefixtures("driver")
def test_no_driver(tmp_path: Path) -> None:
    (tmp_path / "libcuda.so.1").touch()  # no library, and found before one that may be installed
    run(
        Path("libc.so.6"),
        """
reason = devices.why_not_here(program())
assert reason == (
    "the code is for a GPU, cuda:sm_80: no NVIDIA driver is installed, or it does not work"
), reason
""",
        LD_LIBRARY_PATH=str(tmp_path),
    )
