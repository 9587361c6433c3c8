"""The command that runs models of full size on the interpreter: on a small one."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import interpret_model
import numpy as np
import pytest
from snippets import Array
from test_gpu_modules import compiled_vit, expected_of_vit, vit_images


@pytest.mark.parametrize("wrong", [0, 2])
def test_verdict(wrong: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    expected = np.array(expected_of_vit(vit_images(2)))
    expected.reshape(-1)[:wrong] += 1
    boundary = SimpleNamespace(input_shape=vit_images(1).shape[1:])
    carried = SimpleNamespace(model="vit", program=compiled_vit("cuda:sm_80"), boundary=boundary)

    def load(file: Path) -> SimpleNamespace:
        return carried

    def load_reference(folder: Path, model: str) -> Array:
        return expected

    def pixels(count: int, shape: tuple[int, ...]) -> Array:
        assert shape == boundary.input_shape
        return vit_images(count)

    monkeypatch.setattr(interpret_model, "load", load)
    monkeypatch.setattr(interpret_model, "load_reference", load_reference)
    monkeypatch.setattr(interpret_model, "pixels", pixels)
    monkeypatch.setattr("sys.argv", ["interpret_model", "vit.sm_80.npz"])
    assert interpret_model.main() == bool(wrong)
    assert ("2 results differ" if wrong else "equal bit for bit") in capsys.readouterr().out
