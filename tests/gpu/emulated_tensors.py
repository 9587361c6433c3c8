"""PyTorch tensors of the CPU that say that they lie on a GPU, as the emulated driver's memory does."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from emulated_driver import EmulatedDriver
from numpy.typing import NDArray

from runtime.boundary import Boundary
from runtime.cuda import devices, tensors


class DeviceTensor(torch.Tensor):
    """A tensor on the emulated GPU."""

    def __dlpack_device__(self) -> tuple[Any, int]:
        return tensors.CUDA_DLPACK_DEVICE, 0

    def cpu(self, memory_format: object = None) -> torch.Tensor:
        return self.as_subclass(torch.Tensor)


def on_device(array: NDArray[Any]) -> torch.Tensor:
    """A copy of ``array`` there."""
    return torch.tensor(array).as_subclass(DeviceTensor)


def emulate_tensors(driver: EmulatedDriver, monkeypatch: pytest.MonkeyPatch) -> int:
    """Let the runtime take such tensors, and the driver know those that calls are given and make.

    Gives PyTorch's current stream.
    """
    with driver.current():
        stream = driver.open_stream()
    made = tensors.empty_results

    def adopted(boundary: Boundary, tensor: torch.Tensor) -> torch.Tensor:
        results = made(boundary, tensor)
        driver.adopt(tensor.numpy(), written=True)
        driver.adopt(results.numpy(), written=False)
        return results

    def current(tensor: torch.Tensor) -> int:
        return stream

    def first(tensor: torch.Tensor) -> int:
        return devices.FIRST

    floats = tensors.to_floats

    def waited(boundary: Boundary, integers: torch.Tensor) -> torch.Tensor:
        driver.wait(stream)  # it is not PyTorch's own stream, which would do this in its turn
        return floats(boundary, integers)

    monkeypatch.setattr(tensors, "to_floats", waited)
    monkeypatch.setattr(tensors, "stream_of", current)
    monkeypatch.setattr(tensors, "ordinal_of", first)
    monkeypatch.setattr(tensors, "empty_results", adopted)
    return stream
