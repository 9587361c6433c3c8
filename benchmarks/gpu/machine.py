"""Facts of the GPU and of the packages that a run took place with."""

from __future__ import annotations

import platform
from datetime import UTC, datetime
from importlib import metadata
from typing import Any

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
        "system": f"{platform.system()} {platform.machine()}, Python {platform.python_version()}",
        "versions": {name: _version(name) for name in PACKAGES},
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def in_words(machine: dict[str, Any]) -> str:
    """The facts in one line."""
    versions = ", ".join(f"{name} {version}" for name, version in machine["versions"].items() if version)
    return (
        f"{machine['device']} (compute capability {machine['capability']}, {machine['multiprocessors']}"
        f" multiprocessors, {machine['memory'] / 2**30:.0f} GiB), CUDA {machine['cuda']},"
        f" {machine['system']}, {machine['date'][:10]}; {versions}"
    )


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None
