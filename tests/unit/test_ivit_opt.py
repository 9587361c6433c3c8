"""The driver ``ivit-opt``: its flags, its output formats, and lowering for a target that was named."""

from __future__ import annotations

import io
from importlib.metadata import entry_points
from pathlib import Path

import numpy as np
import pytest
from xdsl.passes import ModulePass
from xdsl.utils.exceptions import PassFailedException

from ivit_dialect.store import WeightStore
from passes.calibrate import CalibratePass
from passes.ivit_opt import IvitOptMain, main, own_passes
from passes.lower_to_int import LowerToIntOptions
from passes.pipeline_text import build_passes
from passes.pipelines import FUSE, LOWER_TO_INT
from passes.quantize import QuantizePass
from passes.registry import get_passes

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


def passes_of(*arguments: str) -> tuple[ModulePass, ...]:
    return IvitOptMain(arguments).pipeline.passes


def names_of(*arguments: str) -> tuple[str, ...]:
    return tuple(step.name for step in passes_of(*arguments))


@pytest.mark.parametrize("text", ["1e-1,.5", "0.1,5e-1", "+0.1,0.5"])
@pytest.mark.parametrize("form", ["--calibrate=mean={0} std=1,1", "-pcalibrate{{mean={0} std=1,1}}"])
def test_numbers_are_written_in_any_way(form: str, text: str) -> None:
    assert passes_of(form.format(text)) == (CalibratePass(mean=(0.1, 0.5), std=(1, 1)),)


@pytest.mark.parametrize(
    "argument",
    [
        "--calibrate=images=a/b-c.npz",
        "--calibrate={images=a/b-c.npz}",
        "-pcalibrate{images=a/b-c.npz}",
        '-pcalibrate{images="a/b-c.npz"}',
    ],
)
def test_text_needs_no_quotes(argument: str) -> None:
    assert passes_of(argument) == (CalibratePass(images="a/b-c.npz"),)


def test_numbers_from_python_reach_the_passes_as_they_are() -> None:
    options = LowerToIntOptions(mean=(1e-5,), std=(1e30,)).pipeline_options()
    passes = build_passes(LOWER_TO_INT.specs(options), get_passes())
    assert CalibratePass(mean=(1e-5,), std=(1e30,)) in passes


def test_pipelines_are_known_by_name_inside_p() -> None:
    assert names_of("-p", "lower-to-int") == LOWER_TO_INT.passes
    passes = passes_of("-p", "lower-to-int{softmax=ivit mean=1e-5 std=.5},fuse,canonicalize")
    assert tuple(step.name for step in passes) == (*LOWER_TO_INT.passes, *FUSE.passes, "canonicalize")
    assert QuantizePass(softmax="ivit", mean=(1e-5,), std=(0.5,)) in passes


def test_p_keeps_its_place_among_the_flags() -> None:
    expected = ("slice-early", "canonicalize", "conv2d-to-linear", "dce")
    assert names_of("--slice-early", "-p", "canonicalize", "--conv2d-to-linear", "--passes=dce") == expected


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["--lower-to-int=mean=nan std=1"],
            "calibrate: mean takes numbers with commas between them, got nan",
        ),
        (["--lower-to-int=mean=[0.5] std=1"], "calibrate: mean takes numbers .*, got \\[0.5\\]"),
        (["--lower-to-int=mean=1,std=1"], "calibrate: mean takes .*, got 1,std=1; separate options"),
        (["-p", "calibrate{mean=x}"], "calibrate: mean takes numbers with commas between them, got x"),
        (["--lower-to-int=weight_bits=4.5"], "quantize: weight_bits takes one whole number, got 4.5"),
        (["--lower-to-int=weight_bits=4,8"], "quantize: weight_bits takes one whole number, got 4,8"),
        (["-p", "quantize{weight-bits=x}"], "quantize: weight-bits takes one whole number, got x"),
        (["--lower-to-int=weight_bits"], "quantize: weight_bits takes one whole number, got true"),
        (["--lower-to-int=smoothing=1,0.5"], "quantize: smoothing takes one number, got 1,0.5"),
        (["--lower-to-int=balance=1"], "quantize: balance takes true or false, got 1"),
        (["--lower-to-int=softmax=1"], "quantize: softmax takes text, got 1"),
        (["--lower-to-int=softmax=foo"], "softmax=foo is not known; choose one of exact, ivit"),
        (["--quantize=softmax=ivit,gelu=ivit"], "softmax=ivit,gelu=ivit is .*; separate options"),
        (["-p", "quantize{softmax=ivit,gelu=ivit}"], "softmax=ivit,gelu=ivit is .*; separate options"),
        (["-p", "fuse{width=8}"], r"--fuse has no option 'width' \(options: none\)"),
        (["--quantize=width=8"], 'quantize: Provided arguments \\["width"\\] not found'),
        (["-p", "no-such-pass"], "there is no pass named no-such-pass"),
    ],
)
def test_bad_options_are_told_before_anything_runs(arguments: list[str], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        IvitOptMain(arguments)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--lower-to-int", "softmax=ivit", "x.mlir"], "an equals sign: --lower-to-int='softmax=ivit'"),
        (["--calibrate=images='x.npz"], "--calibrate: a quote is not closed in images='x.npz"),
    ],
)
def test_a_wrong_command_line_is_told(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stop:
        IvitOptMain(arguments)
    assert stop.value.code == 2
    assert message in capsys.readouterr().err


LEVELS = {
    "torch": "func.func @main(%x: !torch.vtensor<[1,3],f32>) -> !torch.vtensor<[1,3],f32> {\n"
    "  func.return %x : !torch.vtensor<[1,3],f32>\n}\n",
    "ivit": FUSED,
    "plan": "plan.program @main(%image: memref<4xi8>, %output: memref<4xi8>)"
    ' target "generic" arena 0 live 0 weights 0 {\n}\n',
    "loops": "func.func @f(%x: i32) -> i32 {\n  %y = arith.addi %x, %x : i32\n  func.return %y : i32\n}\n",
    "llvm": "llvm.func @f(%x: i32) -> i32 {\n  llvm.return %x : i32\n}\n",
}


@pytest.mark.parametrize(
    ("level", "flag", "message"),
    [
        ("torch", "--fuse", "is at torch level: run --lower-to-int first"),
        ("torch", "--lower-to-loops", "is at torch level: run --lower-to-int and --lower-to-plan first"),
        ("ivit", "--lower-to-int", "holds integers already"),
        ("ivit", "--lower-to-loops", "holds integers: run --lower-to-plan first"),
        ("plan", "--decompose", "holds plan ops already"),
        ("plan", "--lower-to-llvm", "holds plan ops: run --lower-to-loops first"),
        ("loops", "--lower-to-loops", "holds loops already"),
        ("llvm", "--lower-to-llvm", "holds llvm ops already"),
    ],
)
def test_a_pipeline_says_what_level_it_takes(level: str, flag: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "level.mlir"
    path.write_text(LEVELS[level].replace(' attributes {ivit.store = "fused.safetensors"}', ""))
    with pytest.raises(PassFailedException, match=f"^{flag}: the module {message}$"):
        IvitOptMain([str(path), flag]).run()


def exit_of(arguments: list[str], monkeypatch: pytest.MonkeyPatch) -> object:
    monkeypatch.setattr("sys.argv", ["ivit-opt", *arguments])
    with pytest.raises(SystemExit) as stop:
        main()
    return stop.value.code


@pytest.mark.parametrize("debug", ["", "0", "1"])
def test_a_traceback_is_shown_on_demand_only(
    debug: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("IVIT_DEBUG", debug)
    assert exit_of(["no.mlir"], monkeypatch) == 1
    *others, last = capsys.readouterr().err.splitlines()
    assert last == "ivit-opt: error: no.mlir: no such file"
    assert bool(others) == (debug == "1")


def test_an_error_of_its_own_is_one_line(
    fused: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError("by nought")

    monkeypatch.setattr(CalibratePass, "apply", broken)
    assert exit_of([fused, "--calibrate"], monkeypatch) == 3
    expected = "ivit-opt: internal error: ZeroDivisionError: by nought (IVIT_DEBUG=1 shows where)\n"
    assert capsys.readouterr().err == expected


def test_the_weights_are_no_output(fused: str, tmp_path: Path) -> None:
    weights = Path(fused).with_suffix(".safetensors")
    before = weights.read_bytes()
    with pytest.raises(ValueError, match=r"the weights get that name: name the module FILE\.mlir"):
        IvitOptMain([fused, "--calibrate=images=missing.npz", "-o", str(weights)]).run()
    assert weights.read_bytes() == before
    assert {path.name for path in tmp_path.iterdir()} == {"fused.mlir", "fused.safetensors"}


def test_an_output_ends_with_one_newline(fused: str, tmp_path: Path) -> None:
    output = tmp_path / "out.mlir"
    IvitOptMain([fused, "-o", str(output)]).run()
    assert output.read_text() == Path(fused).read_text().replace("fused.saf", "out.saf")


def test_a_dash_is_standard_input(
    fused: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    text = io.TextIOWrapper(io.BytesIO(Path(fused).read_bytes()))
    monkeypatch.setattr("sys.stdin", text)
    IvitOptMain(["-", "-o", "-"]).run()
    assert "ivit.linear" in capsys.readouterr().out


def test_parts_of_a_split_input_share_its_weights(fused: str, tmp_path: Path) -> None:
    twice = FUSED.replace(' attributes {ivit.store = "fused.safetensors"}', "")
    Path(fused).write_text(f"{twice}// -----\n{twice}")
    output = tmp_path / "out.mlir"
    IvitOptMain([fused, "--split-input-file", "--fuse", "-o", str(output)]).run()
    assert output.read_text().count("ivit.linear") == 2
    assert WeightStore.open(output.with_suffix(".safetensors")).keys() == {"w", "b"}


def test_an_output_without_folder_is_refused_by_its_own_name(fused: str, tmp_path: Path) -> None:
    output = tmp_path / "missing" / "out.mlir"
    with pytest.raises(
        FileNotFoundError, match=f"^{output}: there is no folder {output.parent}: make it first$"
    ):
        IvitOptMain([fused, "-o", str(output)]).run()


def test_planning_a_float_module_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "float.mlir"
    path.write_text(
        "func.func @main(%x: !torch.vtensor<[1,3,8,8],f32>) -> !torch.vtensor<[1,3,8,8],f32> {\n"
        "  func.return %x : !torch.vtensor<[1,3,8,8],f32>\n}\n"
    )
    with pytest.raises(PassFailedException, match=r"must take a tensor of integers, got !torch\.vtensor"):
        IvitOptMain([str(path), "--plan-memory"]).run()
