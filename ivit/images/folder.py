"""A folder of pictures: one folder a class, or pictures alone."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ivit.images.picture_files import SUFFIXES, is_picture
from ivit_dialect.files import check_readable


@dataclass(frozen=True)
class Folder:
    """``paths`` in the order of torchvision's ImageFolder, ``labels`` int64 [N] of them, or None.

    ``classes`` are the names of classes by label, ``others`` the files that are no pictures by their names.
    """

    path: Path
    paths: tuple[Path, ...]
    classes: tuple[str, ...] = ()
    labels: NDArray[np.int64] | None = None
    others: tuple[Path, ...] = ()


def scan(path: Path, names: Sequence[str] = ()) -> Folder:
    """What is in the folder ``path``; names with a dot in front are passed over.

    Where it holds folders, each is a class: its label is its place in ``names``, or without these in the
    sorted order of the folders, and pictures at any depth below it belong to it. Otherwise it holds pictures
    without labels. ValueError (one line) for no pictures, an empty class, a class that is not in ``names``,
    or both pictures and classes.
    """
    entries = sorted(entry for entry in path.iterdir() if not entry.name.startswith("."))
    folders = [entry for entry in entries if entry.is_dir()]
    files = [entry for entry in entries if not entry.is_dir()]
    pictures = [file for file in files if is_picture(file)]
    if folders and pictures:
        raise ValueError(
            f"{path}: holds pictures ({pictures[0].name}) and folders ({folders[0].name}):"
            " either folders are the classes, or there are none"
        )
    if not folders:
        if not pictures:
            raise ValueError(f"{path}: holds no pictures ({', '.join(SUFFIXES)})")
        if names:
            raise ValueError(f"{path}: holds pictures, not the folders of classes")
        return Folder(path, tuple(pictures), others=_others(files))
    return _classes(path, folders, tuple(names) or tuple(f.name for f in folders), _others(files))


def _classes(path: Path, folders: list[Path], names: tuple[str, ...], others: tuple[Path, ...]) -> Folder:
    places = {name: place for place, name in enumerate(names)}
    paths: list[Path] = []
    labels: list[int] = []
    for folder in folders:
        if folder.name not in places:
            raise ValueError(f"{folder}: not the name of one of the {len(names)} classes")
        files = _walk(folder)
        pictures = [file for file in files if is_picture(file)]
        if not pictures:
            raise ValueError(f"{folder}: holds no pictures ({', '.join(SUFFIXES)}): a class without any")
        paths += pictures
        labels += [places[folder.name]] * len(pictures)
        others += _others(files)
    return Folder(path, tuple(paths), names, np.array(labels, np.int64), others)


def _others(files: list[Path]) -> tuple[Path, ...]:
    return tuple(file for file in files if not is_picture(file))


def _walk(folder: Path) -> list[Path]:
    """Every file below ``folder``: each folder's own, sorted, folders sorted by their paths."""
    found = sorted((root, sorted(names)) for root, _, names in os.walk(folder, followlinks=True))
    return [Path(root) / name for root, names in found for name in names if not name.startswith(".")]


def read_names(path: Path) -> tuple[str, ...]:
    """The names of classes in the text file ``path``, one a line, in the order of a model's outputs.

    FileNotFoundError, or ValueError (one line) for no names, or one that comes twice.
    """
    check_readable(path)
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except UnicodeDecodeError as error:
        raise ValueError(f"{path}: not a text file") from error
    names = tuple(line.strip() for line in lines if line.strip())
    if not names:
        raise ValueError(f"{path}: names no classes")
    for name in names:
        if names.count(name) > 1:
            raise ValueError(f"{path}: names the class {name!r} more than once")
    return names
