"""The check that the packages beside ``ivit`` are ivit's own: names such as ``runtime`` are common."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

ROOMS = ("ivit_dialect", "passes", "lowering", "runtime")


def check_rooms(home: Path | None = None) -> None:
    """ImportError, naming the path, where Python finds another package under the name of one of ivit's.

    ``home`` is the folder that holds them all: by default, the one that holds this package.
    """
    home = home or Path(__file__).resolve().parent.parent
    for room in ROOMS:
        found = _location(room)
        if found is None:
            raise ImportError(f"ivit is not whole: its package {room!r} is not installed; install ivit again")
        if found.resolve() != home / room:
            raise ImportError(
                f"{found} hides ivit's own package {room!r} ({home / room}): rename it, take its folder off"
                " sys.path, or start Python from another directory"
            )


def _location(room: str) -> Path | None:
    """The folder of the package ``room``, or the file of a module of that name; None where there is none."""
    loaded = sys.modules.get(room)
    if loaded is not None and loaded.__spec__ is None:
        return Path(str(loaded.__file__))
    spec = importlib.util.find_spec(room)
    if spec is None:
        return None
    if spec.submodule_search_locations:
        return Path(next(iter(spec.submodule_search_locations)))
    return Path(str(spec.origin))
