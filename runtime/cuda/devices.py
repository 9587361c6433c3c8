"""The GPUs of this machine, and why there may be none."""

from __future__ import annotations

from functools import cache

from runtime.cuda.compatibility import why_not
from runtime.cuda.driver import CudaError, Driver
from runtime.cuda_program import CudaProgram

FIRST = 0
"""The number of the GPU that NumPy arrays go to: the first that CUDA_VISIBLE_DEVICES leaves."""

EXTRA = "pip install 'ivit[cuda]'"


@cache
def open_device(ordinal: int = FIRST) -> Driver:
    """GPU number ``ordinal``. CudaError, one line, where it, its driver or NVIDIA's package is missing."""
    try:
        from runtime.cuda.nvidia import NvidiaDriver
    except ImportError as error:
        raise CudaError(f"NVIDIA's package cuda-bindings is not installed ({error}): {EXTRA}") from error
    return NvidiaDriver(ordinal)


def why_not_here(program: CudaProgram, ordinal: int = FIRST) -> str | None:
    """What this machine lacks to run ``program``, in one line; None where it lacks nothing."""
    try:
        device = open_device(ordinal)
    except CudaError as error:
        return f"the code is for a GPU, {program.target}: {error}"
    return why_not(program, device.capability, device.name)
