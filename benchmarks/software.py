"""Facts of system and packages that a run took place with, whatever processor it measures."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib import metadata
from typing import Any


def software_facts(packages: Sequence[str]) -> dict[str, Any]:
    """System, versions of ``packages`` (None: not installed) and the date."""
    return {
        "system": f"{platform.system()} {platform.machine()}, Python {platform.python_version()}",
        "versions": {name: _version(name) for name in packages},
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def software_words(machine: dict[str, Any]) -> str:
    """These of ``machine`` in words."""
    versions = ", ".join(f"{name} {version}" for name, version in machine["versions"].items() if version)
    return f"{machine['system']}, {machine['date'][:10]}; {versions}"


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None
