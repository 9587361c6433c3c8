"""The ``.ivit`` file: one safetensors file with a model's code, packed weights and integer IR.

Only safetensors and JSON are read, never pickle. A digest over everything is checked on load; it finds
damage, not malice: the file holds machine code, so load files of people you trust, or recompile.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
from collections.abc import Generator, Mapping
from dataclasses import dataclass, field
from itertools import accumulate, pairwise
from pathlib import Path
from typing import Any, cast

import numpy as np
import safetensors
from numpy.typing import NDArray

from runtime import nibbles
from runtime.boundary import Boundary
from runtime.memory import aligned_bytes
from runtime.program_file import Program, integer, program_facts, program_tensors, read_program

FORMAT = "ivit"
VERSION = 2
STORE_PREFIX = "store/"
NIBBLES_PREFIX, NIBBLES = "nibbles/", "nibbles"
"""Tensors of 4-bit integers, two a byte, and the metadata entry that has their shapes by key."""

MODULE = "module/text"
HEADER_ALIGNMENT = 8
INTEGER_DTYPES = {
    "U8": np.uint8,
    "I8": np.int8,
    "I16": np.int16,
    "I32": np.int32,
    "I64": np.int64,
}


@dataclass(frozen=True)
class Artifact:
    """Everything of a compiled model: its code, the integer module's text, and its tensors by key."""

    boundary: Boundary
    program: Program
    module_text: str
    store: Mapping[str, NDArray[Any]] = field(default_factory=dict[str, NDArray[Any]])


def save(artifact: Artifact, path: Path) -> None:
    """Write ``artifact`` to ``path``, whole or not at all; equal artifacts give equal bytes.

    OSError, one line, where that fails.
    """
    if path.is_dir():
        raise IsADirectoryError(f"{path}: is a folder: name a file in it")
    if not path.parent.is_dir():
        raise FileNotFoundError(f"{path}: there is no folder {path.parent}: make it first")
    tensors: dict[str, NDArray[Any]] = {
        **program_tensors(artifact.program),
        MODULE: np.frombuffer(artifact.module_text.encode(), np.uint8),
    }
    narrow = {key: value for key, value in artifact.store.items() if nibbles.fits(value)}
    tensors |= {NIBBLES_PREFIX + key: nibbles.pack(value) for key, value in narrow.items()}
    tensors |= {
        STORE_PREFIX + key: np.ascontiguousarray(value)
        for key, value in artifact.store.items()
        if key not in narrow
    }
    metadata = {
        NIBBLES: json.dumps({key: value.shape for key, value in narrow.items()}),
        "format": FORMAT,
        "version": str(VERSION),
        "boundary": json.dumps(artifact.boundary.to_json()),
        "program": json.dumps(program_facts(artifact.program)),
    }
    metadata["sha256"] = _digest(metadata, tensors)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        with temporary.open("wb") as file:
            file.writelines(_serialized(tensors, metadata))
        os.replace(temporary, path)
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from error
    finally:
        temporary.unlink(missing_ok=True)


def load(path: Path) -> Artifact:
    """Read the ``.ivit`` file at ``path``.

    FileNotFoundError, or ValueError in one line for a file that is no artifact, is of another version, is
    truncated, or was changed since it was written.
    """
    if path.is_dir():
        raise IsADirectoryError(f"{path}: is a folder: name a file in it")
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such file")
    try:
        _check_header(path)
        with path.open("rb") as file:
            return _parse(file)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error


def _check_header(path: Path) -> None:
    """ValueError unless safetensors finds the header sound, and the file as long as it says."""
    try:
        with safetensors.safe_open(path, "np"):
            return
    except safetensors.SafetensorError as error:
        raise ValueError("not an .ivit file, or not a whole one: make one with ivit compile") from error


def _parse(file: io.BufferedIOBase) -> Artifact:
    header = _header(file)
    metadata = cast("dict[str, str]", header.pop("__metadata__", {}))
    if metadata.get("format") != FORMAT:
        raise ValueError("a safetensors file, but not an .ivit file: make one with ivit compile")
    if metadata.get("version") != str(VERSION):
        raise ValueError(
            f"file version {metadata.get('version')!r}, but this ivit reads version {VERSION}:"
            " compile the model again"
        )
    start = file.tell()
    tensors = {name: _read(file, start, name, entry) for name, entry in header.items()}
    if _digest(metadata, tensors) != metadata.get("sha256"):
        raise ValueError("the file is damaged: its SHA-256 does not match; compile the model again")
    program = _json_object(metadata, "program")
    try:
        return Artifact(
            Boundary.from_json(_json_object(metadata, "boundary")),
            read_program(program, tensors),
            _decoded(tensors[MODULE]),
            _store(metadata, tensors),
        )
    except KeyError as error:
        raise ValueError(f"the file lacks its entry {error}") from error


def _store(metadata: Mapping[str, str], tensors: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """The integer module's tensors; KeyError or ValueError where those of 4 bits are not as they must be."""
    store = {
        name.removeprefix(STORE_PREFIX): array
        for name, array in tensors.items()
        if name.startswith(STORE_PREFIX)
    }
    for key, shape in _json_object(metadata, NIBBLES).items():
        if not isinstance(shape, list):
            raise ValueError(f"tensor {key!r} of 4-bit integers has no shape")
        extents = tuple(integer(extent) for extent in cast("list[object]", shape))
        try:
            store[key] = nibbles.unpack(tensors[NIBBLES_PREFIX + key].view(np.uint8).reshape(-1), extents)
        except ValueError as error:
            raise ValueError(f"tensor {key!r}: {error}") from error
    return store


def _serialized(
    tensors: Mapping[str, NDArray[Any]], metadata: Mapping[str, str]
) -> Generator[bytes | memoryview]:
    """The file in parts, as safetensors writes it but for the metadata, which it has in a random order.

    The widest integers come first, so that all are aligned; safetensors' own function would copy everything.
    """
    ranks = {np.dtype(dtype): rank for rank, dtype in enumerate(INTEGER_DTYPES.values())}
    order = sorted(tensors, key=lambda name: (-ranks[tensors[name].dtype], name))
    ends = list(accumulate((tensors[name].nbytes for name in order), initial=0))
    names = list(INTEGER_DTYPES)
    header: dict[str, object] = {"__metadata__": dict(sorted(metadata.items()))}
    for name, offsets in zip(order, pairwise(ends), strict=True):
        array = tensors[name]
        header[name] = {"dtype": names[ranks[array.dtype]], "shape": array.shape, "data_offsets": offsets}
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % HEADER_ALIGNMENT)
    yield len(text).to_bytes(8, "little") + text
    for name in order:
        yield tensors[name].reshape(-1).view(np.uint8).data


def _header(file: io.BufferedIOBase) -> dict[str, dict[str, Any]]:
    """The header, which safetensors has checked; ``file`` is then at the tensors."""
    return json.loads(file.read(int.from_bytes(file.read(8), "little")))


def _json_object(metadata: Mapping[str, str], key: str) -> dict[str, Any]:
    try:
        value = json.loads(metadata[key])
    except (KeyError, ValueError, RecursionError) as error:
        raise ValueError(f"the metadata entry {key!r} is missing or not JSON") from error
    if not isinstance(value, dict):
        raise ValueError(f"the metadata entry {key!r} is not an object")
    return cast("dict[str, Any]", value)


def _read(file: io.BufferedIOBase, start: int, name: str, entry: Mapping[str, Any]) -> NDArray[Any]:
    """One tensor, in aligned memory of its own, so that native code can take the weights as they are."""
    dtype = INTEGER_DTYPES.get(entry["dtype"])
    if dtype is None:
        raise ValueError(f"tensor {name!r} is {entry['dtype']}: an .ivit file holds integers only")
    begin, end = entry["data_offsets"]
    data = aligned_bytes(end - begin)
    file.seek(start + begin)
    if file.readinto(data.data) != data.size:
        raise ValueError(f"ends within tensor {name!r}")
    return data.view(dtype).reshape(entry["shape"])


def _digest(metadata: Mapping[str, str], tensors: Mapping[str, NDArray[Any]]) -> str:
    """SHA-256 of the metadata (without the digest) and of every tensor's name, type, shape and bytes."""
    digest = hashlib.sha256()
    described = {key: value for key, value in metadata.items() if key != "sha256"}
    shapes = {name: [array.dtype.name, *array.shape] for name, array in tensors.items()}
    digest.update(json.dumps([described, shapes], sort_keys=True).encode())
    for name in sorted(tensors):
        digest.update(np.ascontiguousarray(tensors[name]).data)
    return digest.hexdigest()


def _decoded(text: NDArray[Any]) -> str:
    try:
        return text.tobytes().decode()
    except UnicodeDecodeError as error:
        raise ValueError("the integer module is not UTF-8 text") from error
