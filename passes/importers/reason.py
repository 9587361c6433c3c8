"""Why somebody else's code failed, in one line."""

from __future__ import annotations

import sysconfig
import traceback
from pathlib import Path

_PATHS = sysconfig.get_paths()
_NOT_THE_USERS = (
    *(Path(_PATHS[name]) for name in ("stdlib", "purelib", "platlib")),
    Path(__file__).parents[1],
)


def reason(error: Exception) -> str:
    """The kind of ``error``, the first line of its message, and the line of the user's code it comes from."""
    first = next((line.strip() for line in str(error).splitlines() if line.strip()), "no message")
    return f"{type(error).__name__}: {first}{_place(error)}"


def _place(error: Exception) -> str:
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        path = Path(frame.filename)
        if path.is_file() and not any(path.is_relative_to(folder) for folder in _NOT_THE_USERS):
            return f" ({path}:{frame.lineno})"
    return ""
