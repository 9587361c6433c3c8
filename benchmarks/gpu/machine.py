"""Facts of the GPU and of the packages that a run took place with."""

from __future__ import annotations

from typing import Any

from benchmarks.software import software_facts, software_words

PACKAGES = ("ivit", "torch", "triton", "cuda-bindings", "numpy")


def machine_facts(torch: Any) -> dict[str, Any]:
    """The GPU, its driver and CUDA, versions of packages (None: not installed), system and date."""
    device = torch.cuda.get_device_properties(0)
    return {
        "device": device.name,
        "capability": f"{device.major}.{device.minor}",
        "multiprocessors": device.multi_processor_count,
        "memory": device.total_memory,
        "cuda": torch.version.cuda,
        **software_facts(PACKAGES),
    }


def in_words(machine: dict[str, Any]) -> str:
    """The facts in one line."""
    return (
        f"{machine['device']} (compute capability {machine['capability']}, {machine['multiprocessors']}"
        f" multiprocessors, {machine['memory'] / 2**30:.0f} GiB), CUDA {machine['cuda']},"
        f" {software_words(machine)}"
    )
