"""What the tests on a GPU are about."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from benchmarks.gpu.carried import Carried
from runtime.cuda.executable import CudaExecutable


@dataclass(frozen=True)
class Subject:
    """A model on the GPU, and the integers that it must return for the first images."""

    carried: Carried
    executable: CudaExecutable
    expected: NDArray[Any]
