"""The .ivit file: what is written comes back, and nothing else is believed."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from native import BOUNDARY, tiny_program
from numpy.typing import NDArray
from safetensors import safe_open
from safetensors.numpy import load as read_safetensors
from safetensors.numpy import save as to_bytes
from safetensors.numpy import save_file

from runtime import artifact as artifacts
from runtime.artifact import Artifact, load, save
from runtime.cuda_program import (
    ONE,
    CudaProgram,
    Extent,
    Launch,
    Span,
    launch_from_json,
    launch_to_json,
)
from runtime.program_file import OBJECT, program_tensors

TEXT = "builtin.module {\n}\n"
STORE: dict[str, NDArray[Any]] = {
    "a.weight": np.arange(-3, 3, dtype=np.int8).reshape(2, 3),
    "a.bias": np.array([1 << 20, -5], np.int32),
    "table": np.arange(256, dtype=np.uint8),
    "wide": np.array([-(1 << 60)], np.int64),
    "one": np.array(-300, np.int16),
    "none": np.zeros((0, 3), np.int32),
}


def make() -> Artifact:
    return Artifact(BOUNDARY, tiny_program(), TEXT, STORE)


def gpu_program(cubin: bytes | None = None) -> CudaProgram:
    """Code and a table of launches that no GPU would take; what matters is what becomes of them."""
    spans = (
        Span("arena", 64, 0, 8, 8),
        Span("weights", 0, 0, 0, 16),
        Span("output", 0, 4, 12, 8),
    )
    grid = (Extent(197, 64, batched=True), ONE, ONE)
    launches = (Launch("scale", "norm.0", 0, grid, 128, 1024, spans, (-(1 << 40), 3)),)
    weights = np.arange(16, dtype=np.uint8)
    return CudaProgram(".version 7.0\n", launches, 128, 0, 12, weights, "cuda:sm_80", "sm_80", cubin)


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    path = tmp_path / "model.ivit"
    save(make(), path)
    return path


Edit = Callable[[dict[str, str], dict[str, NDArray[Any]]], None]


def rewrite(path: Path, edit: Edit) -> None:
    """Change metadata and tensors of a saved file, and seal it with a right digest."""
    data = path.read_bytes()
    header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
    metadata: dict[str, str] = header["__metadata__"]
    loaded = load(path)
    tensors: dict[str, NDArray[Any]] = {
        **program_tensors(loaded.program),
        artifacts.MODULE: np.frombuffer(loaded.module_text.encode(), np.uint8),
        **{artifacts.STORE_PREFIX + key: value for key, value in loaded.store.items()},
    }
    metadata[artifacts.NIBBLES] = "{}"
    edit(metadata, tensors)
    metadata["sha256"] = artifacts._digest(metadata, tensors)  # pyright: ignore[reportPrivateUsage]  # a sealed forgery
    save_file(tensors, path, metadata)


def edit_json(entry: str, key: str, value: object) -> Edit:
    def edit(metadata: dict[str, str], _: dict[str, NDArray[Any]]) -> None:
        values = json.loads(metadata[entry])
        values[key] = value
        metadata[entry] = json.dumps(values)

    return edit


def test_round_trip(saved: Path) -> None:
    before, after = make(), load(saved)
    assert after.boundary == before.boundary
    assert after.module_text == TEXT
    tensors = program_tensors(before.program)
    for name, array in program_tensors(after.program).items():
        np.testing.assert_array_equal(array, tensors.pop(name))
    assert not tensors
    assert set(after.store) == set(STORE)
    for key, value in STORE.items():
        assert after.store[key].dtype == value.dtype
        np.testing.assert_array_equal(after.store[key], value)


def test_saving_leaves_one_file_and_replaces_it_whole(saved: Path) -> None:
    save(make(), saved)
    assert [path.name for path in saved.parent.iterdir()] == ["model.ivit"]


def test_equal_models_are_equal_bytes(saved: Path) -> None:
    """Whatever order safetensors' hash map has this time."""
    first = saved.read_bytes()
    for _ in range(8):
        save(make(), saved)
        assert saved.read_bytes() == first
    header = json.loads(first[8 : 8 + int.from_bytes(first[:8], "little")])
    assert list(header["__metadata__"]) == ["boundary", "format", "nibbles", "program", "sha256", "version"]
    assert int.from_bytes(first[:8], "little") % 8 == 0


def test_the_file_is_as_safetensors_writes_it(saved: Path) -> None:
    data = saved.read_bytes()
    tensors = read_safetensors(data)
    with safe_open(saved, "np") as file:
        again = to_bytes(tensors, file.metadata())
    start = 8 + int.from_bytes(data[:8], "little")
    assert json.loads(data[8:start]) == json.loads(again[8:start])
    assert data[start:] == again[start:]
    assert {"store/one", "store/none"} < set(tensors)


def test_a_failed_save_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="absent"):
        save(make(), tmp_path / "absent" / "model.ivit")
    assert list(tmp_path.iterdir()) == []


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"model\.ivit: no such file"):
        load(tmp_path / "model.ivit")


def test_other_formats_are_named(tmp_path: Path) -> None:
    path = tmp_path / "model.ivit"
    path.write_bytes(b"not safetensors at all, but long enough to be read as such")
    with pytest.raises(
        ValueError, match=r"not an \.ivit file, or not a whole one: make one with ivit compile$"
    ):
        load(path)
    save_file({"x": np.zeros(3, np.float32)}, path)
    with pytest.raises(ValueError, match=r"not an \.ivit file"):
        load(path)


def set_version(metadata: dict[str, str], _: dict[str, NDArray[Any]]) -> None:
    metadata["version"] = "99"


def drop_object(_: dict[str, str], tensors: dict[str, NDArray[Any]]) -> None:
    del tensors[OBJECT]


def wrong_nibbles(metadata: dict[str, str], tensors: dict[str, NDArray[Any]]) -> None:
    metadata[artifacts.NIBBLES] = '{"w": [9]}'
    tensors["nibbles/w"] = np.zeros(3, np.uint8)


def empty_object(_: dict[str, str], tensors: dict[str, NDArray[Any]]) -> None:
    tensors[OBJECT] = np.zeros(0, np.uint8)


def float_tensor(_: dict[str, str], tensors: dict[str, NDArray[Any]]) -> None:
    tensors["store/x"] = np.zeros(1, np.float32)


def garbage_text(_: dict[str, str], tensors: dict[str, NDArray[Any]]) -> None:
    tensors[artifacts.MODULE] = np.full(4, 255, np.uint8)


def program_is_a_list(metadata: dict[str, str], _: dict[str, NDArray[Any]]) -> None:
    metadata["program"] = "[1]"


def program_is_a_bomb(metadata: dict[str, str], _: dict[str, NDArray[Any]]) -> None:
    metadata["program"] = "[" * 100_000


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (set_version, "file version '99', but this ivit reads version 2"),
        (drop_object, "lacks its entry 'native/object'"),
        (empty_object, "holds no object code"),
        (float_tensor, "tensor 'store/x' is F32: an .ivit file holds integers only"),
        (garbage_text, "the integer module is not UTF-8 text"),
        (program_is_a_list, "'program' is not an object"),
        (program_is_a_bomb, "'program' is missing or not JSON"),
        (edit_json("nibbles", "w", [2]), "lacks its entry 'nibbles/w'"),
        (edit_json("nibbles", "w", 2), "tensor 'w' of 4-bit integers has no shape"),
        (edit_json("nibbles", "w", ["2"]), "expected an integer, got '2'"),
        (wrong_nibbles, r"tensor 'w': 3 bytes do not hold \[9\] integers of 4 bits"),
        (edit_json("program", "arena_bytes", -1), "arena's size -1 is out of range"),
        (edit_json("program", "arena_bytes", 1 << 60), "out of range"),
        (edit_json("program", "arena_bytes", "12"), "expected an integer, got '12'"),
        (edit_json("program", "entry", "a b"), "no entry point's name"),
        (edit_json("program", "features", None), "expected a string, got None"),
        (edit_json("boundary", "input_shape", [2, 3, 1 << 40]), "out of range"),
        (edit_json("boundary", "input_shape", [2, 3]), r"must be \(H, W, C\)"),
        (edit_json("boundary", "input_shape", 7), "description is incomplete"),
        (edit_json("boundary", "output_shape", [1.5]), "expected integers"),
        (edit_json("boundary", "output_dtype", "object"), "unknown output type"),
        (edit_json("boundary", "output_scale", float("nan")), "output scale nan is not positive"),
        (edit_json("boundary", "kind", ["pixels"]), "unknown input kind"),
        (edit_json("boundary", "mean", ["x"]), "expected a number, got 'x'"),
        (edit_json("boundary", "std", [0.0]), "is not positive"),
    ],
)
def test_hostile_files_with_a_right_digest(saved: Path, edit: Edit, message: str) -> None:
    rewrite(saved, edit)
    with pytest.raises(ValueError, match=message) as caught:
        load(saved)
    assert str(caught.value).startswith(f"{saved}: ")
    assert "\n" not in str(caught.value)


def test_every_truncation_is_noticed(saved: Path) -> None:
    data = saved.read_bytes()
    for length in {*range(64), *range(64, len(data), 97), len(data) - 1}:
        saved.write_bytes(data[:length])
        with pytest.raises(ValueError, match=str(saved)):
            load(saved)


@settings(max_examples=300, deadline=None)
@given(where=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7))
def test_every_flipped_bit_is_noticed(
    tmp_path_factory: pytest.TempPathFactory, where: float, bit: int
) -> None:
    path = tmp_path_factory.getbasetemp() / "flipped.ivit"
    save(make(), path)
    data = bytearray(path.read_bytes())
    data[int(where * len(data))] ^= 1 << bit
    path.write_bytes(bytes(data))
    with pytest.raises(ValueError, match=str(path)):
        load(path)


@pytest.mark.parametrize("cubin", [None, b"\x7fELF"])
def test_gpu_code_comes_back(tmp_path: Path, cubin: bytes | None) -> None:
    path, program = tmp_path / "gpu.ivit", gpu_program(cubin)
    save(Artifact(BOUNDARY, program, TEXT, STORE), path)
    after = load(path).program
    assert isinstance(after, CudaProgram)
    np.testing.assert_array_equal(after.weights, program.weights)
    assert replace(after, weights=program.weights) == program


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"size": 9}, r"scale: Span\(memory='arena', root=64, .*\) leaves its memory"),
        ({"root": 128}, "leaves its memory"),
        ({"root": -64}, "a span has no negative numbers"),
        ({"memory": "host"}, "a launch works on one of input, output, arena, weights, got 'host'"),
    ],
)
def test_a_launch_stays_in_its_memory(change: dict[str, Any], complaint: str) -> None:
    program = gpu_program()
    (launch,) = program.launches
    with pytest.raises(ValueError, match=complaint):
        replace(
            program,
            launches=(replace(launch, spans=(replace(launch.spans[0], **change), *launch.spans[1:])),),
        )


def test_the_table_of_launches_is_checked() -> None:
    (launch,) = gpu_program().launches
    entry = launch_to_json(launch)
    assert launch_from_json(json.loads(json.dumps(entry))) == launch
    for key, value in (("grid", 3), ("spans", [["arena", 1]]), ("block", 1025), ("grid", [[0, 1, True]] * 3)):
        with pytest.raises(ValueError, match=r"not as it must be|1 to 1024 threads|counts from 1 on"):
            launch_from_json({**entry, key: value})
    with pytest.raises(ValueError, match="not as it must be"):
        launch_from_json({})


def test_a_grid_follows_the_images() -> None:
    (launch,) = gpu_program().launches
    assert [launch.grid_at(images) for images in (1, 2, 64)] == [(4, 1, 1), (7, 1, 1), (197, 1, 1)]
    tall = replace(launch, grid=(ONE, Extent(40000, 1, batched=True), ONE))
    assert tall.grid_at(1) == (1, 40000, 1)
    with pytest.raises(ValueError, match="a grid of 1 x 80000 x 1 blocks is too large: fewer images"):
        tall.grid_at(2)
