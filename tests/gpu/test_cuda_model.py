"""A whole ViT through the GPU runtime on the PTX interpreter: the bits of the CPU, from NumPy and PyTorch."""

from __future__ import annotations

import gc
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
import tiny_files
import torch
from emulated_driver import EmulatedDriver
from emulated_tensors import emulate_tensors, on_device
from safetensors.numpy import save_file

import ivit
from ivit.model import Model
from runtime.cuda import devices
from runtime.cuda.driver import CudaError, Driver

TARGET = "cuda:sm_80"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """With model.mlir, and what is compiled of it: gpu.ivit and cpu.ivit."""
    folder = tmp_path_factory.mktemp("tiny")
    (folder / "model.mlir").write_bytes(tiny_files.TEXT.read_bytes())
    save_file(tiny_files.random_weights(), folder / "model.safetensors")
    for name, target in (("gpu", TARGET), ("cpu", "cpu")):
        model = ivit.compile(folder / "model.mlir", tiny_files.pixels(), target=target)
        model.save(folder / f"{name}.ivit")
    return folder


@pytest.fixture
def driver(monkeypatch: pytest.MonkeyPatch) -> Iterator[EmulatedDriver]:
    """The only GPU of this machine, which takes PTX alone; of memory, only what a test adopts may be left."""
    emulated = EmulatedDriver(capability=(9, 0))

    def opened(ordinal: int = 0) -> Driver:
        return emulated

    monkeypatch.setattr(devices, "open_device", opened)
    yield emulated
    gc.collect()
    assert not any((emulated.pinned, emulated.graphs, emulated.modules))


@pytest.fixture
def cpu(folder: Path) -> Model:
    return ivit.load(folder / "cpu.ivit", threads=1)


def test_batches_of_pixels_and_floats(folder: Path, cpu: Model, driver: EmulatedDriver) -> None:
    model = ivit.load(folder / "gpu.ivit")
    assert model.target == TARGET
    assert repr(model).endswith(f"on {TARGET}>")
    for count in (1, 2, 3):
        given = tiny_files.pixels(count)
        np.testing.assert_array_equal(model.integers(given)[0], cpu.integers(given)[0])
    images = tiny_files.float_images(2)
    result = model(images)
    assert isinstance(result, np.ndarray)
    assert result.dtype == np.float32
    np.testing.assert_array_equal(result, cpu(images))
    assert model(images[:0]).shape == (0, 5)
    assert len(driver.loaded) == 1
    assert sorted(graph.replays for graph in driver.graphs) == [1, 1, 2]


def test_threads_of_python(folder: Path, cpu: Model, driver: EmulatedDriver) -> None:
    model, start = ivit.load(folder / "gpu.ivit"), threading.Barrier(3)
    given = tiny_files.pixels(3)
    expected = cpu.integers(given)[0]

    def work(first: int) -> bool:
        start.wait(10)
        return np.array_equal(model.integers(given[first : first + 1])[0], expected[first : first + 1])

    with ThreadPoolExecutor(3) as pool:
        assert all(pool.map(work, range(3)))


@pytest.fixture
def stream(driver: EmulatedDriver, monkeypatch: pytest.MonkeyPatch) -> int:
    """PyTorch's current stream."""
    return emulate_tensors(driver, monkeypatch)


def test_pixels_on_the_gpu_are_read_where_they_lie(
    folder: Path, cpu: Model, driver: EmulatedDriver, stream: int
) -> None:
    model = ivit.load(folder / "gpu.ivit")
    for number in range(2):
        pixels = tiny_files.pixels(6)[2 * number :][:2]
        tensor = on_device(pixels)
        results: Any = model.integers(tensor)[0]
        assert driver.streams[stream], "it waited for the GPU"
        driver.wait(stream)
        np.testing.assert_array_equal(results.numpy(), cpu.integers(pixels)[0])
        (graph,) = driver.graphs
        assert tensor.data_ptr() in graph.calls[0].arguments
        assert results.data_ptr() in graph.calls[-1].arguments
        assert graph.changes == 2 * number  # the first launch and the last
    assert not driver.pinned
    with pytest.raises(ValueError, match=r"images must have shape \(N, 12, 12, 3\), got \(2, 12, 12\)"):
        model.integers(on_device(tiny_files.pixels(2)[..., 0]))
    assert model.integers(on_device(tiny_files.pixels(1)[:0]))[0].shape == (0, 5)


def test_what_lies_askew_or_in_parts_is_copied(
    folder: Path, cpu: Model, driver: EmulatedDriver, stream: int
) -> None:
    model, pixels = ivit.load(folder / "gpu.ivit"), tiny_files.pixels(4)
    for chosen in (slice(1, 3), slice(None, None, 2)):  # at a multiple of 48 bytes; not in one piece
        results: Any = model.integers(on_device(pixels)[chosen])[0]
        driver.wait(stream)
        np.testing.assert_array_equal(results.numpy(), cpu.integers(pixels[chosen])[0])


def test_floats_on_the_gpu_become_the_integers_of_the_host(
    folder: Path, cpu: Model, driver: EmulatedDriver, stream: int
) -> None:
    model, images = ivit.load(folder / "gpu.ivit"), tiny_files.float_images(2)
    result: Any = model(on_device(images).requires_grad_())
    assert isinstance(result, torch.Tensor)
    assert result.dtype == torch.float32
    np.testing.assert_array_equal(result.numpy(), cpu(images))
    with pytest.raises(TypeError, match="got float64: convert them first"):
        model(on_device(images.astype(np.float64)))


def test_arrays_of_other_libraries_on_the_gpu(folder: Path, driver: EmulatedDriver) -> None:
    class Other:
        __cuda_array_interface__: ClassVar[dict[str, object]] = {}

    with pytest.raises(TypeError, match=r"must be a PyTorch tensor, got Other: torch\.as_tensor"):
        ivit.load(folder / "gpu.ivit")(Other())


def test_no_threads(folder: Path, driver: EmulatedDriver) -> None:
    with pytest.raises(
        ValueError, match=r"^threads=2: the model is compiled for cuda:sm_80, which has its own"
    ):
        ivit.load(folder / "gpu.ivit", threads=2)
    with pytest.raises(ValueError, match=r"^threads: the model is compiled for cuda:sm_80"):
        _ = ivit.load(folder / "gpu.ivit").threads


def test_without_a_gpu(
    folder: Path, cpu: Model, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def absent(ordinal: int = 0) -> Driver:
        raise CudaError("no NVIDIA driver is installed")

    monkeypatch.setattr(devices, "open_device", absent)
    model, pixels = ivit.load(folder / "gpu.ivit", threads=1), tiny_files.pixels(2)
    why = "the code is for a GPU, cuda:sm_80: no NVIDIA driver is installed"
    assert f"gpu.ivit: {why}; compiling its integers for this machine" in capsys.readouterr().err
    assert model.target == cpu.target
    np.testing.assert_array_equal(model.integers(pixels)[0], cpu.integers(pixels)[0])
    asked = ivit.load(folder / "gpu.ivit", target=TARGET)
    assert asked.target == TARGET
    with pytest.raises(ValueError, match=f"^the GPU code does not run here: {why}$"):
        asked(pixels)
    with pytest.raises(ValueError, match=f"^threads: the model is compiled for {TARGET}"):
        _ = asked.threads
