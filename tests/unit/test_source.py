"""What ``ivit.compile`` takes as a model: the levels torch and ivit, and no other."""

from __future__ import annotations

from pathlib import Path

import pytest

from ivit.source import open_source

LEVELS = {
    "torch": "func.func @main(%x: !torch.vtensor<[1,3,8,8],f32>) -> !torch.vtensor<[1,3,8,8],f32> {\n"
    "  %0 = torch.aten.relu %x : !torch.vtensor<[1,3,8,8],f32> -> !torch.vtensor<[1,3,8,8],f32>\n"
    "  func.return %0 : !torch.vtensor<[1,3,8,8],f32>\n}\n",
    "ivit": "func.func @main(%x: tensor<?x2x2xi8>) -> tensor<?x1x2xi8> {\n"
    "  %0 = ivit.slice_tokens %x[0, 1] : tensor<?x2x2xi8> -> tensor<?x1x2xi8>\n"
    "  func.return %0 : tensor<?x1x2xi8>\n}\n",
}
LOWER = {
    "plan": "plan.program @main(%i: memref<4xi8>, %o: memref<4xi8>)"
    ' target "generic" arena 0 live 0 weights 0 {\n}\n',
    "scf": "func.func @f(%n: index) {\n  scf.for %i = %n to %n step %n {\n  }\n  func.return\n}\n",
}


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "model.mlir"
    path.write_text(text)
    return path


@pytest.mark.parametrize("level", LEVELS)
def test_levels_that_are_taken(level: str, tmp_path: Path) -> None:
    assert open_source(written(tmp_path, LEVELS[level])).level == level


@pytest.mark.parametrize("dialect", LOWER)
def test_lower_levels_are_refused_by_name(dialect: str, tmp_path: Path) -> None:
    source = open_source(written(tmp_path, LOWER[dialect]))
    with pytest.raises(ValueError, match=rf"model\.mlir: expected torch or ivit ops, found {dialect}"):
        _ = source.level


def test_a_plan_is_sent_to_ivit_opt(tmp_path: Path) -> None:
    source = open_source(written(tmp_path, LOWER["plan"]))
    with pytest.raises(ValueError, match=r"; ivit-opt goes on from other levels$"):
        _ = source.level


def test_a_module_without_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"expected torch or ivit ops, found no ops$"):
        _ = open_source(written(tmp_path, "func.func private @f()\n")).level
