"""Import of the optional packages, with a message that says how to get them."""

from __future__ import annotations

import importlib
from types import ModuleType

INSTALL_HINT = {
    "torch": "pip install 'ivit[import]'",
    "torch_mlir": "pip install 'ivit[import]'",
    "transformers": "pip install 'ivit[import]'",
    "timm": "pip install timm torchvision (timm cannot be imported without torchvision)",
}


def require(name: str) -> ModuleType:
    """The module ``name`` (dotted names allowed).

    Raises ImportError, in one line with the command that helps, when it is missing or does not import.
    """
    try:
        return importlib.import_module(name)
    except ImportError as error:
        hint = INSTALL_HINT[name.partition(".")[0]]
        raise ImportError(f"importing a model needs {name} ({error}): {hint}") from error
