"""Compiled models as files for a machine that has neither the compiler nor safetensors: NumPy's and JSON.

``MODEL.ARCHITECTURE.npz`` holds a program, what its launches cost, and what the model takes and gives;
``MODEL.reference.npz`` the integers that the CPU target returns for ``pixels(count)``.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.deit import DEIT, SHAPE
from runtime.boundary import Boundary
from runtime.cuda.compatibility import why_not
from runtime.cuda_program import CudaProgram
from runtime.program_file import program_facts, program_tensors, read_program

MODELS = (*DEIT, "deit-tiny-paper")
CHOICES = ("paper", "best", "ibert", "fqvit", "l1", "wide", "log2", "sulq")
DEMOS = ("demo", *(f"demo-{choice}" for choice in CHOICES))
"""The demo's model with other choices of quantization, and so with other kernels: for tests alone."""
IMAGE = (*SHAPE[1:], SHAPE[0])
IMAGES = 128
"""As many as the largest batch has."""

FACTS = "facts"
REFERENCE = "reference"
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


@dataclass(frozen=True)
class Cost:
    """Multiply-accumulates of a launch for one image, and the rows, columns and depth of a linear layer."""

    macs: int = 0
    linear: tuple[int, int, int] | None = None


@dataclass(frozen=True)
class Carried:
    """A model for one architecture; a cost for each of its launches."""

    model: str
    boundary: Boundary
    program: CudaProgram
    costs: tuple[Cost, ...]

    def __post_init__(self) -> None:
        if len(self.costs) != len(self.program.launches):
            raise ValueError(f"{len(self.program.launches)} launches, but {len(self.costs)} costs")


def pixels(count: int, shape: tuple[int, int, int] = IMAGE) -> NDArray[np.uint8]:
    """The first ``count`` images, uint8 [count, H, W, C] of ``shape`` (H, W, C): noise."""
    random = np.random.Generator(np.random.PCG64(0))
    return np.stack([random.integers(0, 256, shape, np.uint8) for _ in range(count)])


def save(carried: Carried, folder: Path) -> Path:
    """Write a model; the file's name."""
    facts = {
        "model": carried.model,
        "boundary": carried.boundary.to_json(),
        "program": program_facts(carried.program),
        "costs": [[cost.macs, cost.linear] for cost in carried.costs],
    }
    path = folder / f"{carried.model}.{carried.program.architecture}.npz"
    tensors: dict[str, Any] = program_tensors(carried.program)
    np.savez(path, **{FACTS: np.frombuffer(json.dumps(facts).encode(), np.uint8)}, **tensors)
    return path


def load(path: Path) -> Carried:
    """The model that ``save`` wrote. ValueError, one line, for another file."""
    try:
        with np.load(path) as file:
            tensors = dict(file)
        facts: dict[str, Any] = json.loads(tensors.pop(FACTS).tobytes())
        program = read_program(facts["program"], tensors)
        costs = [Cost(macs, None if linear is None else _three(linear)) for macs, linear in facts["costs"]]
        if not isinstance(program, CudaProgram):
            raise ValueError("its code is not for a GPU")
        return Carried(facts["model"], Boundary.from_json(facts["boundary"]), program, tuple(costs))
    except (KeyError, ValueError, TypeError) as error:
        raise ValueError(f"{path}: not a model that --prepare has written ({error})") from error


def load_best(folder: Path, model: str, capability: tuple[int, int], name: str) -> Carried:
    """The newest code of ``model`` that such a GPU runs. ValueError, one line, where there is none."""
    carried = [load(path) for path in sorted(folder.glob(f"{model}.sm_*.npz"))]
    if not carried:
        raise ValueError(f"{folder}: has no {model}: write it there with python -m benchmarks.gpu --prepare")
    obstacles = [why_not(each.program, capability, name) for each in carried]
    fitting = [each for each, obstacle in zip(carried, obstacles, strict=True) if obstacle is None]
    if not fitting:
        raise ValueError(f"{folder}: {model}: {'; '.join(str(obstacle) for obstacle in obstacles)}")
    return max(fitting, key=lambda each: _rank(each.program.architecture))


def save_reference(
    folder: Path, model: str, integers: NDArray[Any], shape: tuple[int, int, int] = IMAGE
) -> None:
    """Keep what the CPU target returns for the first images, which are of ``shape`` (H, W, C)."""
    digest = np.frombuffer(_digest(len(integers), shape), np.uint8)
    np.savez(folder / f"{model}.{REFERENCE}.npz", integers=integers, shape=shape, digest=digest)


def load_reference(folder: Path, model: str) -> NDArray[Any]:
    """The integers [N, ...] of the first N images. ValueError where this NumPy draws other images."""
    path = folder / f"{model}.{REFERENCE}.npz"
    if not path.is_file():
        raise ValueError(f"{path}: no such file: write it with python -m benchmarks.gpu --prepare")
    with np.load(path) as file:
        integers, shape, digest = file["integers"], file["shape"].tolist(), file["digest"].tobytes()
    if _digest(len(integers), _three(shape)) != digest:
        raise ValueError(f"{path}: NumPy {np.__version__} draws other images than the one that wrote it")
    return integers


def _digest(count: int, shape: tuple[int, int, int]) -> bytes:
    return hashlib.sha256(pixels(count, shape).data).digest()


def _three(numbers: Sequence[int]) -> tuple[int, int, int]:
    rows, columns, depth = numbers
    return rows, columns, depth


def _rank(architecture: str) -> tuple[int, str]:
    """``sm_90a`` after ``sm_90`` after ``sm_80``."""
    number = architecture.removeprefix("sm_")
    return int(number.rstrip("a")), number
