"""Importing this checks that the packages of the extra [train] are there.

``ivit.qat`` imports it before the modules that need them: their names come after this one's.
"""

from __future__ import annotations

import importlib.util

PACKAGES = ("torch", "torch_mlir")


def check_torch() -> None:
    """ImportError, in one line with the command that helps, where a package is missing."""
    missing = [name for name in PACKAGES if importlib.util.find_spec(name) is None]
    if missing:
        raise ImportError(f"ivit.qat needs {' and '.join(missing)}: pip install 'ivit[train]'")


check_torch()
