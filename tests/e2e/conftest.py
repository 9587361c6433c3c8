"""A tiny model on disk, compiled once: what the tests of the public face start from."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import numpy as np
import pytest
from numpy.typing import NDArray
from safetensors.numpy import save_file

from ivit import cli

TEXT = Path(__file__).with_name("tiny_vit.mlir")
LITERAL = re.compile(r"dense_resource<([\w.]+)> : tensor<([\dx]+)xf32>")
COUNT = 6

Command: TypeAlias = Callable[..., tuple[int, str, str]]
"""Runs ``ivit`` with these arguments: exit code, stdout, stderr."""


def random_weights() -> dict[str, NDArray[np.float32]]:
    """Random values for every weight of the text; LayerNorm's scales lie around 1."""
    rng = np.random.default_rng(7)
    weights: dict[str, NDArray[np.float32]] = {}
    for key, sizes in LITERAL.findall(TEXT.read_text(encoding="utf-8")):
        shape = tuple(map(int, sizes.split("x")))
        spread = 0.3 if len(shape) > 1 else 0.05
        values = spread * rng.standard_normal(shape) + (1 if re.fullmatch(r"norm\d?\.weight", key) else 0)
        weights[key] = values.astype(np.float32)
    return weights


def float_images(count: int = COUNT) -> NDArray[np.float32]:
    """In the model's own convention, [N, 3, 12, 12]."""
    return np.random.default_rng(1).standard_normal((count, 3, 12, 12)).astype(np.float32)


def pixels(count: int = COUNT) -> NDArray[np.uint8]:
    """[N, 12, 12, 3]."""
    return np.random.default_rng(2).integers(0, 256, (count, 12, 12, 3)).astype(np.uint8)


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with tiny.mlir, tiny.safetensors, tiny.ivit, floats.npz and pixels.npz, to copy from."""
    folder = tmp_path_factory.mktemp("tiny")
    shutil.copy(TEXT, folder / "tiny.mlir")
    save_file(random_weights(), folder / "tiny.safetensors")
    labels = np.arange(COUNT) % 5
    np.savez(folder / "floats.npz", images=float_images(), labels=labels)
    np.savez(folder / "pixels.npz", images=pixels(), labels=labels)
    command = ["compile", folder / "tiny.mlir", "--calibration", folder / "pixels.npz"]
    assert cli.run(list(map(str, command))) == 0
    return folder


@pytest.fixture
def folder(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current directory: a copy of ``made`` for one test."""
    here = tmp_path / "here"
    shutil.copytree(made, here)
    monkeypatch.chdir(here)
    return here


@pytest.fixture
def ivit(capsys: pytest.CaptureFixture[str]) -> Command:
    """The command in this process."""

    def run(*arguments: object) -> tuple[int, str, str]:
        try:
            code = cli.run(list(map(str, arguments)))
        except SystemExit as exit:  # argparse
            code = exit.code if isinstance(exit.code, int) else 1 if exit.code else 0
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return run
