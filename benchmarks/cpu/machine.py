"""Facts of the machine and of the packages that a run took place with."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import llvmlite.binding as llvm

from benchmarks.software import software_facts, software_words
from runtime.cores import physical_cores

PACKAGES = ("ivit", "torch", "onnx", "onnxruntime", "openvino", "nncf", "llvmlite", "numpy")
FEATURES = (
    "avx2",
    "avxvnni",
    "avx512f",
    "avx512vnni",
    "avx512vbmi",
    "avx512bf16",
    "amx-int8",
    "dotprod",
    "i8mm",
)
"""Those that runtimes choose kernels by."""


def machine_facts() -> dict[str, Any]:
    """Processor, cores, features, system, versions of packages (None: not installed) and the date.

    ``load`` is how many threads ran on average in the last minute, before the benchmark.
    """
    present = llvm.get_host_cpu_features()
    return {
        "cpu": _cpu_name(),
        "llvm_cpu": llvm.get_host_cpu_name(),
        "features": [name for name in FEATURES if present.get(name, False)],
        "cores": physical_cores(),
        "load": os.getloadavg()[0],
        **software_facts(PACKAGES),
    }


def in_words(machine: dict[str, Any]) -> str:
    """The facts in one line."""
    return (
        f"{machine['cpu']} ({machine['llvm_cpu']}: {', '.join(machine['features'])}),"
        f" {machine['cores']} cores, {software_words(machine)}"
    )


def _cpu_name() -> str:
    """As the system calls it, else LLVM's name."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else llvm.get_host_cpu_name()
