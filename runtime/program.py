"""Native code as data: what a compiled model needs to run, with no reference to the compiler."""

from __future__ import annotations

import platform
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from runtime.cuda import devices
from runtime.cuda_program import CudaProgram

MAX_ARENA_BYTES = 1 << 36
ARCHITECTURE_ALIASES = {"amd64": "x86_64", "arm64": "aarch64"}


@dataclass(frozen=True)
class NativeProgram:
    """Object code with one entry point, and the memory that it works on.

    The entry has the C signature ``void entry(int64 images, const void *input, void *output, void *arena,
    const void *weights, void *barrier, int64 thread, int64 threads)`` and is called by ``threads`` threads
    at once, each with its own number. ``features`` is LLVM's list (``+avx2,-avx512f``) that the code was
    made for; ``weights`` is the packed blob, uint8.
    """

    object_code: bytes
    entry: str
    arena_bytes: int
    weights: NDArray[np.uint8]
    target: str
    triple: str
    cpu: str
    features: str

    def __post_init__(self) -> None:
        if not self.object_code:
            raise ValueError("the program holds no object code")
        if not self.entry.isidentifier():
            raise ValueError(f"{self.entry!r} is no entry point's name")
        if not 0 <= self.arena_bytes <= MAX_ARENA_BYTES:
            raise ValueError(f"the arena's size {self.arena_bytes} is out of range")


def why_not_here(program: NativeProgram | CudaProgram) -> str | None:
    """What this machine lacks to run ``program``, in one line; None where it lacks nothing."""
    from llvmlite.binding import get_host_cpu_features

    if isinstance(program, CudaProgram):
        return devices.why_not_here(program)
    made_for, host = architecture(program.triple), architecture(platform.machine())
    if made_for != host:
        return f"the code is for {made_for}, this machine is {host}"
    present = get_host_cpu_features()
    wanted = [name[1:] for name in program.features.split(",") if name.startswith("+")]
    missing = [name for name in wanted if not present.get(name, False)]
    return f"this machine's CPU lacks {', '.join(missing)}" if missing else None


def architecture(triple: str) -> str:
    """The first part of an LLVM triple or a ``uname`` machine, spelt one way."""
    name = triple.partition("-")[0].lower()
    return ARCHITECTURE_ALIASES.get(name, name)
