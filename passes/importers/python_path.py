"""``py:package.module:factory``: a model from a Python callable."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from torch import nn

from passes.importers.reason import reason
from passes.importers.source import Source, example_input

EXPECTED = "the factory must return an nn.Module or (nn.Module, example_input)"


def load(spec: str, input_shape: Sequence[int] | None) -> Source:
    """The model that ``package.module:factory`` makes; modules are also found from the current directory.

    The factory takes no argument and returns an nn.Module or (nn.Module, example_input). The module's
    attributes ``image_mean`` and ``image_std``, where it has them, are its normalisation.
    Raises ValueError for a malformed spec, a missing module or factory, or a result of another type.
    """
    origin = f"py:{spec}"
    module_name, separator, factory_name = spec.partition(":")
    if not separator or not module_name or not factory_name:
        raise ValueError(f"{origin}: expected py:package.module:factory")
    factory = _find(origin, module_name, factory_name)
    with _current_directory_importable():
        try:
            made: Any = factory()
        except Exception as error:  # the user's own code
            raise ValueError(f"{origin}: the factory failed: {reason(error)}") from error
    module, example = _with_example(origin, made)
    if not isinstance(module, nn.Module):
        raise ValueError(f"{origin}: {EXPECTED}, got {type(module).__name__}")
    if example is None or input_shape is not None:
        example = example_input(module, input_shape, origin)
    return Source(module, example, _floats(module, "image_mean"), _floats(module, "image_std"))


def _with_example(origin: str, made: Any) -> tuple[Any, Any]:
    if isinstance(made, nn.Module):
        return made, None
    try:
        module, example = made
    except (TypeError, ValueError) as error:
        raise ValueError(f"{origin}: {EXPECTED}, got {type(made).__name__}") from error
    return module, example


def _find(origin: str, module_name: str, factory_name: str) -> Any:
    with _current_directory_importable():
        try:
            found: Any = importlib.import_module(module_name)
        except ModuleNotFoundError as error:
            if error.name is not None and not module_name.startswith(error.name):
                raise
            raise ValueError(
                f"{origin}: no module {module_name} (looked in the current directory and sys.path)"
            ) from error
        except Exception as error:  # the user's own code
            raise ValueError(f"{origin}: importing {module_name} failed: {reason(error)}") from error
    for part in factory_name.split("."):
        if not hasattr(found, part):
            raise ValueError(f"{origin}: {module_name} has no {factory_name}")
        found = getattr(found, part)
    if not callable(found):
        raise ValueError(f"{origin}: {factory_name} is not callable")
    return found


@contextmanager
def _current_directory_importable() -> Generator[None]:
    here = str(Path.cwd())
    sys.path.insert(0, here)
    try:
        yield
    finally:
        sys.path.remove(here)


def _floats(module: Any, name: str) -> tuple[float, ...] | None:
    values: Any = getattr(module, name, None)
    if values is None:
        return None
    several: list[Any] = list(values) if hasattr(values, "__iter__") else [values]
    return tuple(float(value) for value in several)
