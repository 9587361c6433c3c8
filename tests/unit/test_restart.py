"""Every level of the IR goes on from its text: each stage as dumped gives the next one, byte for byte."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from safetensors.numpy import load_file
from torch_exports import plain_text

from ivit.cli import run
from passes.ivit_opt import IvitOptMain

STAGES = {
    "00-torch.mlir": ["--lower-to-int"],
    "01-ivit.mlir": ["--fuse"],
    "02-fused.mlir": ["--lower-to-plan=target=generic"],
    "03-plan.mlir": ["--lower-to-loops"],
    "04-loops.mlir": ["--lower-to-llvm"],
    "05-llvm.mlir": ["-t", 'assembly{cpu="generic"}'],
}
"""Each stage, and what makes the next one of it."""


@pytest.fixture(scope="module")
def stages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The stages of a whole model, from torch-mlir's text to assembly."""
    folder = tmp_path_factory.mktemp("restart")
    (folder / "model.mlir").write_text(plain_text("avg_pool", "high-level"))
    output, dump = folder / "model.ivit", folder / "stages"
    command = [
        "compile",
        str(folder / "model.mlir"),
        "--target",
        "generic",
        "-o",
        str(output),
        "--dump-stages",
        str(dump),
    ]
    assert run(command) == 0
    return dump


def _text(path: Path) -> str:
    """A stage without the name of the file that its weights are in."""
    return re.sub(r'ivit\.store = "[^"]*"', "", path.read_text().strip())


def test_every_stage_has_a_successor(stages: Path) -> None:
    texts = sorted(p.name for p in stages.iterdir() if p.suffix != ".safetensors")
    assert texts == [*STAGES, "06-asm.s"]


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_gives_the_next_one(stages: Path, tmp_path: Path, stage: str) -> None:
    names = [*STAGES, "06-asm.s"]
    following = stages / names[names.index(stage) + 1]
    again = tmp_path / following.name
    IvitOptMain([str(stages / stage), *STAGES[stage], "-o", str(again)]).run()
    assert _text(again) == _text(following)
    if following.with_suffix(".safetensors").exists():
        kept, made = (load_file(path.with_suffix(".safetensors")) for path in (following, again))
        assert made.keys() == kept.keys()
        assert all((made[key] == kept[key]).all() for key in kept)
