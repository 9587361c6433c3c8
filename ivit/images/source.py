"""Images from wherever a command names them: an array file, pictures, or a folder, in batches."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ivit.images.arrays import ImageSet, read_arrays
from ivit.images.folder import Folder, scan
from ivit.images.picture_files import is_picture
from ivit.images.preparation import Preparation
from ivit.images.prepared import read_prepared
from ivit_dialect.files import check_readable
from runtime.cores import physical_cores

Shape: TypeAlias = tuple[int, int, int]
OnBad: TypeAlias = Callable[[str], None]
"""Gets one line for each picture that cannot be read and is left out."""


@dataclass(frozen=True)
class Batch:
    """``images``: uint8 [N, H, W, C] or float32 [N, C, H, W]; ``labels`` int64 [N] or None.

    ``end`` is the place behind the last image of the batch; ``places`` int64 [N] are the images' own.
    """

    images: NDArray[Any]
    labels: NDArray[np.int64] | None
    places: NDArray[np.int64]
    end: int


class Images(Protocol):
    """A number of images, perhaps with ``labels`` int64 [N], read in batches.

    ``name`` is what the caller named; ``classes`` are the names of folders that the labels count, or ().
    """

    @property
    def name(self) -> str: ...
    @property
    def labels(self) -> NDArray[np.int64] | None: ...
    @property
    def classes(self) -> tuple[str, ...]: ...
    def __len__(self) -> int: ...
    def title(self, place: int) -> str:
        """What to call an image: its file, below the folder if there is one, or its number."""
        ...

    def batches(self, size: int, start: int = 0, on_bad: OnBad | None = None) -> Iterator[Batch]:
        """Images from ``start`` on, ``size`` places at a time.

        ValueError, one line with the file's name, for a picture that cannot be read; with ``on_bad`` it is
        told and left out instead.
        """
        ...

    def fingerprint(self) -> str:
        """The same text for the same images, prepared the same way."""
        ...


@dataclass(frozen=True)
class ArrayImages:
    """Images of an .npz or .npy file."""

    path: Path
    content: ImageSet
    classes: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        return str(self.path)

    @property
    def labels(self) -> NDArray[np.int64] | None:
        return self.content.labels

    def __len__(self) -> int:
        return len(self.content)

    def title(self, place: int) -> str:
        return str(place)

    def batches(self, size: int, start: int = 0, on_bad: OnBad | None = None) -> Iterator[Batch]:
        for first in range(start, len(self), size):
            end = min(first + size, len(self))
            labels = None if self.labels is None else self.labels[first:end]
            yield Batch(self.content.images[first:end], labels, np.arange(first, end), end)

    def fingerprint(self) -> str:
        with self.path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()


@dataclass(frozen=True)
class PictureImages:
    """Pictures, read and prepared by as many threads as there are cores, one batch ahead."""

    name: str
    folder: Folder
    shape: Shape
    preparation: Preparation

    @property
    def labels(self) -> NDArray[np.int64] | None:
        return self.folder.labels

    @property
    def classes(self) -> tuple[str, ...]:
        return self.folder.classes

    def __len__(self) -> int:
        return len(self.folder.paths)

    def title(self, place: int) -> str:
        path, root = self.folder.paths[place], self.folder.path
        return str(path.relative_to(root) if path.is_relative_to(root) else path)

    def batches(self, size: int, start: int = 0, on_bad: OnBad | None = None) -> Iterator[Batch]:
        with ThreadPoolExecutor(physical_cores(), "pictures") as pool:
            ahead: list[Future[NDArray[np.uint8]]] = []
            try:
                for first in range(start, len(self), size):
                    now = ahead or self._submit(pool, first, size)
                    ahead = self._submit(pool, first + size, size)
                    yield self._batch(first, now, on_bad)
            finally:
                for future in ahead:
                    future.cancel()

    def _submit(self, pool: ThreadPoolExecutor, first: int, size: int) -> list[Future[NDArray[np.uint8]]]:
        paths = self.folder.paths[first : first + size]
        return [pool.submit(read_prepared, path, self.shape, self.preparation) for path in paths]

    def _batch(self, first: int, futures: list[Future[NDArray[np.uint8]]], on_bad: OnBad | None) -> Batch:
        images = np.empty((len(futures), *self.shape), np.uint8)
        places: list[int] = []
        for place, future in enumerate(futures, start=first):
            try:
                images[len(places)] = future.result()
            except (ValueError, OSError) as error:
                if on_bad is None:
                    raise
                on_bad(str(error))
            else:
                places.append(place)
        kept = np.array(places, np.int64)
        labels = None if self.labels is None else self.labels[kept]
        return Batch(images[: len(places)], labels, kept, first + len(futures))

    def fingerprint(self) -> str:
        """Of the files' places, sizes and order, and of the preparation; their bytes are not read."""
        files = [(os.path.relpath(path, self.folder.path), path.stat().st_size) for path in self.folder.paths]
        text = json.dumps([files, list(self.classes), list(self.shape), self.preparation.to_json()])
        return hashlib.sha256(text.encode()).hexdigest()


def open_images(
    paths: Sequence[Path],
    shape: Shape,
    preparation: Preparation | None = None,
    on_other: OnBad | None = None,
    names: Sequence[str] = (),
) -> ArrayImages | PictureImages:
    """One .npz or .npy file, one folder, or any number of pictures, for a model of ``shape`` (H, W, C).

    ``on_other`` gets one line where a folder holds files that are no pictures by their names; ``names`` are
    the classes, by label, that a folder's folders belong to (none: its folders are all the classes).
    FileNotFoundError or ValueError, one line with the file's name, for anything that cannot be read.
    """
    if not paths:
        raise ValueError("no images given")
    preparation = preparation or Preparation()
    first = paths[0]
    if len(paths) == 1 and first.is_dir():
        folder = scan(first, names)
        if folder.others and on_other is not None:
            on_other(f"{first}: {_left_out(folder)}")
        return PictureImages(str(first), folder, shape, preparation)
    if names:
        raise ValueError(f"{first}: names of classes go with a folder of folders")
    if all(map(is_picture, paths)):
        for path in paths:
            check_readable(path)
        return PictureImages(str(first), Folder(Path(), tuple(paths)), shape, preparation)
    if len(paths) > 1:
        raise ValueError("give one .npz or .npy file, one folder, or any number of pictures")
    return ArrayImages(first, _with_channel(read_arrays(first), shape))


def _left_out(folder: Folder) -> str:
    name = os.path.relpath(folder.others[0], folder.path)
    if len(folder.others) == 1:
        return f"{name} is no picture by its name: left out"
    return f"{len(folder.others)} files are no pictures by their names ({name} is the first): left out"


def read_all(images: Images, places: NDArray[np.int64] | None = None) -> NDArray[Any]:
    """Every image, or those at ``places``, as one array."""
    if isinstance(images, ArrayImages):
        array = images.content.images
        return array if places is None else array[places]
    assert isinstance(images, PictureImages)
    chosen = images if places is None else _only(images, places)
    return next(chosen.batches(max(1, len(chosen)))).images


def _only(images: PictureImages, places: NDArray[np.int64]) -> PictureImages:
    paths = tuple(images.folder.paths[int(place)] for place in places)
    return PictureImages(images.name, Folder(images.folder.path, paths), images.shape, images.preparation)


def _with_channel(content: ImageSet, shape: Shape) -> ImageSet:
    """``content`` with the channel that grey uint8 pixels [N, H, W] lack."""
    array = content.images
    if array.dtype == np.uint8 and array.ndim == 3 and shape[2] == 1:
        return ImageSet(array[..., None], content.labels)
    return content
