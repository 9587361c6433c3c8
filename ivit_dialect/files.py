"""Files that are there to read, and files that are written whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path


def check_readable(path: Path) -> None:
    """IsADirectoryError or FileNotFoundError, in one line, where ``path`` is no file."""
    if path.is_dir():
        raise IsADirectoryError(f"{path}: is a folder: name a file in it")
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such file")


def check_writable(path: Path) -> None:
    """IsADirectoryError or FileNotFoundError, in one line, where ``path`` cannot name a new file."""
    if path.is_dir():
        raise IsADirectoryError(f"{path}: is a folder: name a file in it")
    if not path.parent.is_dir():
        raise FileNotFoundError(f"{path}: there is no folder {path.parent}: make it first")


@contextmanager
def about(path: object) -> Generator[None]:
    """Complaints about values get the name of the file that they came from: a ValueError in their place."""
    try:
        yield
    except (ValueError, TypeError) as error:
        raise ValueError(f"{path}: {error}") from error


@contextmanager
def whole_file(path: Path) -> Generator[Path]:
    """A new file beside ``path`` to write to: it becomes ``path`` at the end, and vanishes after an error.

    OSError that names ``path`` where it cannot be written.
    """
    check_writable(path)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        yield temporary
        os.replace(temporary, path)
    except OSError as error:
        if error.errno is not None and error.filename in (None, str(temporary)):
            raise OSError(error.errno, error.strerror, str(path)) from error
        raise
    finally:
        temporary.unlink(missing_ok=True)
