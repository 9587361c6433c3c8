"""A folder of pictures: one folder a class, or pictures alone."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ivit.images.picture_files import SUFFIXES, is_picture


@dataclass(frozen=True)
class Folder:
    """``paths`` in the order of torchvision's ImageFolder, ``classes`` sorted, ``labels`` int64 [N] or None.

    ``others`` are the files that are no pictures by their names.
    """

    path: Path
    paths: tuple[Path, ...]
    classes: tuple[str, ...] = ()
    labels: NDArray[np.int64] | None = None
    others: tuple[Path, ...] = ()


def scan(path: Path) -> Folder:
    """What is in the folder ``path``; names with a dot in front are passed over.

    Where it holds folders, each is a class: its label is its place in the sorted order of their names, and
    pictures at any depth below it belong to it. Otherwise it holds pictures without labels. ValueError (one
    line) for no pictures, an empty class, or both pictures and classes.
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
        return Folder(path, tuple(pictures), others=_others(files))
    return _classes(path, folders, _others(files))


def _classes(path: Path, folders: list[Path], others: tuple[Path, ...]) -> Folder:
    paths: list[Path] = []
    labels: list[int] = []
    for label, folder in enumerate(folders):
        files = _walk(folder)
        pictures = [file for file in files if is_picture(file)]
        if not pictures:
            raise ValueError(f"{folder}: holds no pictures ({', '.join(SUFFIXES)}): a class without any")
        paths += pictures
        labels += [label] * len(pictures)
        others += _others(files)
    names = tuple(folder.name for folder in folders)
    return Folder(path, tuple(paths), names, np.array(labels, np.int64), others)


def _others(files: list[Path]) -> tuple[Path, ...]:
    return tuple(file for file in files if not is_picture(file))


def _walk(folder: Path) -> list[Path]:
    """Every file below ``folder``: each folder's own, sorted, folders sorted by their paths."""
    found = sorted((root, sorted(names)) for root, _, names in os.walk(folder, followlinks=True))
    return [Path(root) / name for root, names in found for name in names if not name.startswith(".")]
