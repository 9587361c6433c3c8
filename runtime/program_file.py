"""A program as tensors and JSON, and back: what an ``.ivit`` file has of native and of GPU code."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias, cast

import numpy as np
from numpy.typing import NDArray

from runtime.cuda_program import CudaProgram, launch_from_json, launch_to_json
from runtime.program import NativeProgram

Program: TypeAlias = NativeProgram | CudaProgram
Tensors: TypeAlias = Mapping[str, NDArray[Any]]

WEIGHTS = "native/weights"
OBJECT = "native/object"
PTX, CUBIN = "cuda/ptx", "cuda/cubin"


def program_tensors(program: Program) -> dict[str, NDArray[Any]]:
    """Code and weights, as bytes."""
    if isinstance(program, NativeProgram):
        code = {OBJECT: program.object_code}
    else:
        code = {PTX: program.ptx.encode()}
        if program.cubin is not None:
            code[CUBIN] = program.cubin
    return {**{name: np.frombuffer(data, np.uint8) for name, data in code.items()}, WEIGHTS: program.weights}


def program_facts(program: Program) -> dict[str, Any]:
    """All else, for JSON."""
    facts: dict[str, Any] = {"arena_bytes": program.arena_bytes, "target": program.target}
    if isinstance(program, NativeProgram):
        return facts | {
            "entry": program.entry,
            "triple": program.triple,
            "cpu": program.cpu,
            "features": program.features,
        }
    return facts | {
        "architecture": program.architecture,
        "input_bytes": program.input_bytes,
        "output_bytes": program.output_bytes,
        "launches": [launch_to_json(launch) for launch in program.launches],
    }


def read_program(facts: Mapping[str, Any], tensors: Tensors) -> Program:
    """The program; KeyError names what is missing, ValueError says what is not as it must be."""
    weights = tensors[WEIGHTS].view(np.uint8).reshape(-1)
    if PTX not in tensors:
        return NativeProgram(
            object_code=tensors[OBJECT].tobytes(),
            weights=weights,
            entry=_text(facts["entry"]),
            arena_bytes=integer(facts["arena_bytes"]),
            target=_text(facts["target"]),
            triple=_text(facts["triple"]),
            cpu=_text(facts["cpu"]),
            features=_text(facts["features"]),
        )
    return CudaProgram(
        ptx=_decoded(tensors[PTX]),
        cubin=tensors[CUBIN].tobytes() if CUBIN in tensors else None,
        launches=tuple(map(launch_from_json, _objects(facts["launches"]))),
        arena_bytes=integer(facts["arena_bytes"]),
        input_bytes=integer(facts["input_bytes"]),
        output_bytes=integer(facts["output_bytes"]),
        weights=weights,
        target=_text(facts["target"]),
        architecture=_text(facts["architecture"]),
    )


def _objects(value: object) -> list[dict[str, Any]]:
    entries = cast("list[object]", value) if isinstance(value, list) else [value]
    if not all(isinstance(entry, dict) for entry in entries):
        raise ValueError("the table of launches is no list of objects")
    return cast("list[dict[str, Any]]", entries)


def _decoded(text: NDArray[Any]) -> str:
    try:
        return text.tobytes().decode()
    except UnicodeDecodeError as error:
        raise ValueError("the PTX is not UTF-8 text") from error


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError(f"expected a string, got {value!r}")
    return value


def integer(value: object) -> int:
    """``value``, which JSON must have as an integer; else ValueError."""
    if type(value) is not int:
        raise ValueError(f"expected an integer, got {value!r}")
    return value
