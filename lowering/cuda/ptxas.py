"""``ptxas``: PTX to a cubin, where CUDA's assembler is installed; the driver takes PTX where it is not."""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory

from lowering.cuda.targets import CudaTarget

_ENTRY = re.compile(r"Compiling entry function '(?P<name>[^']+)'")
_FRAME = re.compile(r"(?P<stack>\d+) bytes stack frame, (?P<stores>\d+) bytes spill stores")
_USED = re.compile(r"Used (?P<registers>\d+) registers")
_SHARED = re.compile(r"(?P<shared>\d+) bytes smem")


@dataclass(frozen=True)
class Usage:
    """What a kernel takes: registers of a thread, bytes of stack and of spills, static shared bytes."""

    registers: int
    stack_bytes: int
    spill_bytes: int
    shared_bytes: int


@dataclass(frozen=True)
class Assembled:
    """A cubin, and what each kernel of it takes."""

    cubin: bytes
    usage: dict[str, Usage]


@cache
def find_ptxas() -> str | None:
    """The assembler on PATH, or that of the package ``nvidia-cuda-nvcc``."""
    found = shutil.which("ptxas")
    spec = None if found else find_spec("nvidia")
    for place in (spec.submodule_search_locations or []) if spec else []:
        for path in sorted(Path(place).glob("*/bin/ptxas")):
            return str(path)
    return found


def assemble(ptx: str, target: CudaTarget) -> Assembled | None:
    """The cubin of ``ptx`` for ``target``; None where there is no assembler, or it does not know the target.

    ValueError, one line, where it refuses the text.
    """
    ptxas = find_ptxas()
    if ptxas is None:
        return None
    with TemporaryDirectory() as folder:
        source, result = Path(folder, "kernels.ptx"), Path(folder, "kernels.cubin")
        source.write_text(ptx, encoding="utf-8")
        command = [ptxas, f"-arch={target.cpu}", "-v", str(source), "-o", str(result)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        report = done.stdout + done.stderr
        if done.returncode == 0:
            return Assembled(result.read_bytes(), _usage(report))
    if "is not defined for option 'gpu-name'" in report:
        return None
    line = next((line for line in report.splitlines() if "error" in line or "fatal" in line), report.strip())
    raise ValueError(f"ptxas refuses the code for {target.name}: {line}")


def _usage(report: str) -> dict[str, Usage]:
    """The report, kernel by kernel."""
    found: dict[str, Usage] = {}
    for part in report.split("Compiling entry function")[1:]:
        name = _ENTRY.search(f"Compiling entry function{part}")
        frame, used, shared = _FRAME.search(part), _USED.search(part), _SHARED.search(part)
        if name is not None and frame is not None and used is not None:
            found[name["name"]] = Usage(
                int(used["registers"]),
                int(frame["stack"]),
                int(frame["stores"]),
                int(shared["shared"]) if shared else 0,
            )
    return found
