"""Which NVVM intrinsics a target has: LLVM ends the process at one that it cannot select.

``emit_ptx`` asks here for every intrinsic of a module, so that a kernel for another architecture stops with
one line instead.
"""

from __future__ import annotations

from collections.abc import Mapping

from lowering.cuda.targets import CudaTarget

NVVM = "llvm.nvvm."

NEEDS: Mapping[str, tuple[int, int]] = {
    "llvm.nvvm.read.ptx.sreg.": (61, 60),
    "llvm.nvvm.barrier.cta.sync.aligned.": (61, 60),
    "llvm.nvvm.bar.warp.sync": (61, 60),
    "llvm.nvvm.shfl.sync.": (61, 60),
    "llvm.nvvm.vote.": (61, 60),
    "llvm.nvvm.idp4a.": (61, 50),
    "llvm.nvvm.prmt": (61, 60),
    "llvm.nvvm.mulhi.": (61, 60),
    "llvm.nvvm.ldmatrix.sync.aligned.m8n8.": (75, 65),
    "llvm.nvvm.mma.m8n8k16.row.col.s8": (75, 65),
    "llvm.nvvm.mma.m8n8k16.row.col.u8": (75, 65),
    "llvm.nvvm.mma.m16n8k16.row.col.s8": (80, 70),
    "llvm.nvvm.mma.m16n8k16.row.col.u8": (80, 70),
    "llvm.nvvm.mma.m16n8k32.row.col.s8": (80, 70),
    "llvm.nvvm.mma.m16n8k32.row.col.u8": (80, 70),
    "llvm.nvvm.cp.async.": (80, 70),
    "llvm.nvvm.redux.sync.": (80, 70),
    "llvm.nvvm.stmatrix.sync.aligned.m8n8.": (90, 78),
    "llvm.nvvm.elect.sync": (90, 80),
    "llvm.nvvm.griddepcontrol.": (90, 78),
}
"""Least compute capability and PTX version, times ten, by the beginning of the name."""


def why_not(intrinsic: str, target: CudaTarget) -> str | None:
    """Why ``target`` cannot have an intrinsic, in one line; None where it can, or LLVM has it everywhere."""
    if not intrinsic.startswith(NVVM):
        return None
    found = [need for name, need in NEEDS.items() if intrinsic.startswith(name)]
    if not found:
        return f"{intrinsic} is not known: list it in lowering/cuda/capabilities.py with what it needs"
    version, ptx = max(found)
    if target.version < version or target.ptx < ptx:
        needs = f"sm_{version} and PTX {ptx / 10}"
        return f"{intrinsic} needs {needs}, {target.name} is PTX {target.ptx / 10}: choose kernels by target"
    return None
