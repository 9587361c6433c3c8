"""Which GPU runs which code: NVIDIA's rules for cubins, PTX and architecture-specific targets."""

from __future__ import annotations

import re

from runtime.cuda_program import CudaProgram

_ARCHITECTURE = re.compile(r"sm_(\d+)(\d)(a?)")


def why_not(program: CudaProgram, capability: tuple[int, int], name: str) -> str | None:
    """Why a GPU of that compute capability and name cannot run ``program``, in one line; None where it can.

    ValueError where the program's architecture is none.
    """
    needed, specific = _needs(program.architecture)
    has, needs = _text(capability), _text(needed)
    if specific and capability != needed:
        return (
            f"the code is for compute capability {needs} alone ({program.target}), the GPU {name} has {has}"
        )
    if capability < needed:
        return f"the code needs compute capability {needs} ({program.target}), the GPU {name} has {has}"
    return None


def takes_cubin(program: CudaProgram, capability: tuple[int, int]) -> bool:
    """Whether the cubin runs as it is: on its own major version, from its minor version on."""
    (major, minor), _ = _needs(program.architecture)
    return program.cubin is not None and capability[0] == major and capability[1] >= minor


def _needs(architecture: str) -> tuple[tuple[int, int], bool]:
    """The compute capability, and whether no other will do (``sm_90a``)."""
    match = _ARCHITECTURE.fullmatch(architecture)
    if match is None:
        raise ValueError(f"{architecture!r} is no GPU architecture such as sm_80 or sm_90a")
    return (int(match[1]), int(match[2])), bool(match[3])


def _text(capability: tuple[int, int]) -> str:
    return ".".join(map(str, capability))
