"""The driver ``ivit-opt``: its flags, its output formats, and lowering for a target that was named."""

from __future__ import annotations

from importlib.metadata import entry_points
from pathlib import Path

import numpy as np
import pytest
from xdsl.utils.exceptions import PassFailedException

from ivit_dialect.store import WeightStore
from passes.ivit_opt import IvitOptMain, own_passes

FUSED = """\
builtin.module attributes {ivit.store = "fused.safetensors"} {
  func.func @main(%x: tensor<?x2x8xi8>) -> tensor<?x2x4xi32> {
    %w = ivit.constant "w" : tensor<4x8xi8>
    %b = ivit.constant "b" : tensor<4xi32>
    %y = ivit.linear %x, %w, %b : (tensor<?x2x8xi8>, tensor<4x8xi8>, tensor<4xi32>) -> tensor<?x2x4xi32>
    func.return %y : tensor<?x2x4xi32>
  }
}
"""


@pytest.fixture
def fused(tmp_path: Path) -> str:
    WeightStore({"w": np.ones((4, 8), np.int8), "b": np.zeros(4, np.int32)}).save(
        tmp_path / "fused.safetensors"
    )
    path = tmp_path / "fused.mlir"
    path.write_text(FUSED)
    return str(path)


def test_every_pass_of_every_room_is_a_flag_that_says_what_it_does() -> None:
    rooms = [e for e in entry_points(group="xdsl.universe") if e.name.startswith("ivit_")]
    passes = {name for room in rooms for name in room.load().all_passes}
    assert {"quantize", "plan-memory"} < passes
    assert own_passes().keys() == passes
    assert [name for name, text in own_passes().items() if text == name] == []


def test_flags_run_in_order_whatever_room_they_are_of(fused: str, capsys: pytest.CaptureFixture[str]) -> None:
    IvitOptMain([fused, "--plan-memory", "--lower-to-loops", "--elide-weights"]).run()
    assert "func.func @ivit_main" in capsys.readouterr().out


def test_weights_follow_mlir_only(fused: str, capsys: pytest.CaptureFixture[str]) -> None:
    IvitOptMain([fused, "--lower-to-plan"]).run()
    assert "dialect_resources" in capsys.readouterr().out
    stages = ["--lower-to-plan", "--lower-to-loops", "--lower-to-llvm"]
    IvitOptMain([fused, *stages, "-t", "llvm-ir"]).run()
    text = capsys.readouterr().out
    assert "define" in text
    assert "dialect_resources" not in text


def test_plan_takes_a_target_and_loops_follow_it(fused: str, capsys: pytest.CaptureFixture[str]) -> None:
    IvitOptMain([fused, "--lower-to-plan=target=generic", "--elide-weights"]).run()
    assert 'target "generic"' in capsys.readouterr().out


def test_loops_for_a_target_that_packs_otherwise_are_refused(fused: str) -> None:
    flags = ["--lower-to-plan=target=generic", "--lower-to-loops=target=x86-64-avx2"]
    with pytest.raises(PassFailedException, match="for generic, which does not suit x86-64-avx2: plan"):
        IvitOptMain([fused, *flags]).run()


def test_weight_files_have_the_rights_of_other_files(fused: str) -> None:
    text = Path(fused)
    assert text.with_suffix(".safetensors").stat().st_mode == text.stat().st_mode


def test_options_of_a_pass_need_no_quotes() -> None:
    main = IvitOptMain(["--calibrate=images=some/images.npz mean=0.5,0.25 std=1,1", "--quantize=gelu=ivit"])
    assert main.args.passes == (
        'calibrate{images="some/images.npz" mean=0.5,0.25 std=1,1},quantize{gelu="ivit"}'
    )


def test_a_malformed_pipeline_is_told_in_one_line() -> None:
    with pytest.raises(
        ValueError, match=r"^Malformed pass arguments.*\(in the passes quantize\{softmax=ivit\)$"
    ):
        IvitOptMain(["-p", "quantize{softmax=ivit"])


def test_an_output_without_folder_is_refused_by_its_own_name(fused: str, tmp_path: Path) -> None:
    output = tmp_path / "missing" / "out.mlir"
    with pytest.raises(ValueError, match=f"^{output}: there is no folder {output.parent}: make it first$"):
        IvitOptMain([fused, "-o", str(output)]).run()


def test_planning_a_float_module_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "float.mlir"
    path.write_text(
        "func.func @main(%x: !torch.vtensor<[1,3,8,8],f32>) -> !torch.vtensor<[1,3,8,8],f32> {\n"
        "  func.return %x : !torch.vtensor<[1,3,8,8],f32>\n}\n"
    )
    with pytest.raises(PassFailedException, match=r"must take a tensor of integers, got !torch\.vtensor"):
        IvitOptMain([str(path), "--plan-memory"]).run()
