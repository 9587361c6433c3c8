"""A tiny model on disk, compiled once: what the tests of the public face start from."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file
from tiny_files import COUNT, TEXT, Command, float_images, pixels, random_weights

from ivit import cli


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
