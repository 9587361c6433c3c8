"""What the tests on a GPU share: the reason why there is none, and compiled models.

IVIT_GPU_FOLDER names a folder that ``python -m benchmarks.gpu --prepare FOLDER`` has written, perhaps on
another machine; without it, models are compiled here.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import pytest
from on_device import Subject

from benchmarks.gpu.carried import DEMOS, IMAGES, MODELS, load_best, load_reference
from runtime.cuda.devices import open_device
from runtime.cuda.driver import CudaError, Driver
from runtime.cuda.executable import CudaExecutable

FOLDER = "IVIT_GPU_FOLDER"
NO_COMPILER = f"needs models: the compiler is not installed, and {FOLDER} names no folder that has them"


@pytest.fixture(scope="session")
def device() -> Driver:
    """The first GPU."""
    try:
        return open_device()
    except CudaError as error:
        pytest.skip(f"needs an NVIDIA GPU: {error}")


@pytest.fixture(scope="session")
def folder(device: Driver, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with models and references."""
    given = os.environ.get(FOLDER)
    if given:
        return Path(given)
    if find_spec("xdsl") is None or find_spec("torch_mlir") is None:
        pytest.skip(NO_COMPILER)
    from benchmarks.gpu.prepare import prepare, target_for

    made = tmp_path_factory.mktemp("models")
    prepare(made, (*MODELS, *DEMOS), [target_for(device.capability)], IMAGES, print)
    return made


@pytest.fixture(scope="session")
def subject(folder: Path, device: Driver) -> Callable[[str], Subject]:
    """The model of that name, loaded once."""

    @cache
    def loaded(name: str) -> Subject:
        carried = load_best(folder, name, device.capability, device.name)
        executable = CudaExecutable(carried.program, carried.boundary)
        return Subject(carried, executable, load_reference(folder, name))

    return loaded
