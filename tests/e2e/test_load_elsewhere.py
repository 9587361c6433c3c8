"""``ivit.load`` of code that was made for another processor: compiled again, or refused in one line."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from tiny_files import Command, pixels

import ivit
from ivit.commands.target import check_runs_here
from ivit.pipeline import is_made_for, machine_of
from lowering.targets import host_targets
from runtime import artifact as artifacts
from runtime.cuda import devices
from runtime.program import NativeProgram

WITHOUT_COMPILER = """
import sys
sys.modules["xdsl"] = None  # as if it were not installed
import ivit
try:
    ivit.load(sys.argv[1])({images})
except ImportError as error:
    print(error)
"""


@pytest.fixture
def saved(made: Path) -> artifacts.Artifact:
    return artifacts.load(made / "tiny.ivit")


def write(artifact: artifacts.Artifact, folder: Path, **program: object) -> Path:
    """A file of the same integers, whose code says otherwise of itself."""
    path = folder / "elsewhere.ivit"
    artifacts.save(replace(artifact, program=replace(artifact.program, **program)), path)
    return path


@pytest.mark.parametrize(
    ("program", "reason"),
    [
        ({"features": "+avx2,+no-such-feature"}, "this machine's CPU lacks no-such-feature"),
        ({"triple": "riscv64-unknown-linux-gnu"}, "the code is for riscv64, this machine is "),
    ],
)
def test_code_of_another_machine_is_made_anew(
    saved: artifacts.Artifact,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    program: dict[str, str],
    reason: str,
) -> None:
    model = ivit.load(write(saved, tmp_path, **program, object_code=b"nothing that could run"))
    told = capsys.readouterr().err
    assert told.startswith(f"ivit: {tmp_path / 'elsewhere.ivit'}: {reason}")
    assert told.endswith("; compiling its integers for this machine\n")
    assert told.count("\n") == 1
    assert is_made_for(machine_of("cpu"), model.artifact.program)
    np.testing.assert_array_equal(model.integers(pixels())[0], model.interpret(pixels())[0])


def test_a_target_is_compiled_only_where_the_file_lacks_it(
    saved: artifacts.Artifact, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert isinstance(saved.program, NativeProgram)
    lesser = host_targets()[-1].name
    for path, target, code in (
        (write(saved, tmp_path), "cpu", saved.program.target),
        (tmp_path / "elsewhere.ivit", lesser, lesser),
    ):
        model = ivit.load(path, target=target)
        assert model.artifact.program.target == code
        assert isinstance(model.artifact.program, NativeProgram)
        assert (model.artifact.program.object_code == saved.program.object_code) == (target == "cpu")
        np.testing.assert_array_equal(model.integers(pixels())[0], model.interpret(pixels())[0])
    model.save(tmp_path / "lesser.ivit")
    assert ivit.load(tmp_path / "lesser.ivit").artifact.program.target == lesser
    assert ivit.load(tmp_path / "lesser.ivit", target="cpu").artifact.program.target == saved.program.target
    assert capsys.readouterr().err == ""


def test_code_that_is_no_code_is_never_run_where_it_is_made_anew(
    saved: artifacts.Artifact, tmp_path: Path
) -> None:
    path = write(saved, tmp_path, object_code=b"garbage")
    np.testing.assert_array_equal(
        ivit.load(path, recompile=True).integers(pixels())[0], ivit.load(path).interpret(pixels())[0]
    )
    with pytest.raises(ValueError, match="neither ELF nor Mach-O; compile the model again"):
        ivit.load(path)(pixels())


def test_an_unknown_target_is_refused(made: Path) -> None:
    with pytest.raises(ValueError, match="unknown target 'z80': choose cpu"):
        ivit.load(made / "tiny.ivit", target="z80")


def test_the_runtime_alone_runs_a_file_and_says_what_else_it_would_need(
    saved: artifacts.Artifact, made: Path, tmp_path: Path
) -> None:
    code = WITHOUT_COMPILER.format(images="__import__('numpy').zeros((1, 12, 12, 3), 'uint8')")
    foreign = write(saved, tmp_path, features="+no-such-feature")
    for path, said in (
        (made / "tiny.ivit", ""),
        (foreign, f"{foreign}: this machine's CPU lacks no-such-feature: that needs the compiler, "),
    ):
        done = subprocess.run(
            [sys.executable, "-c", code, str(path)], capture_output=True, text=True, timeout=60, check=False
        )
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout.startswith(said)
        assert done.stdout.count("\n") == (1 if said else 0)


def test_commands_take_a_target(ivit: Command, folder: Path) -> None:
    lesser = host_targets()[-1].name
    for command in (("run", "tiny.ivit", "pixels.npz"), ("eval", "tiny.ivit", "--data", "pixels.npz")):
        code, here, err = ivit(*command, *(["--json"] if command[0] == "eval" else []), "--target", lesser)
        assert (code, err) == (0, "")
        assert here
        code, _, err = ivit(*command, "--target", "z80")
        assert code == 1
        assert "unknown target 'z80': choose cpu" in err
        code, _, err = ivit(*command, "--target", "riscv64")
        assert (code, err.count("\n")) == (1, 1)
        assert err.startswith(
            "ivit: error: --target riscv64: this machine cannot run code for it: choose one of cpu, "
        )


@dataclass(frozen=True)
class Ampere:
    """What is asked of a GPU before code is made for it."""

    name: str = "Ampere"
    capability: tuple[int, int] = (8, 6)


def test_a_gpu_of_another_kind_is_told_before_code_is_made_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(devices, "open_device", Ampere)
    for target in ("cuda:sm_80", "cuda:sm_86"):
        check_runs_here(target)
    for target in ("cuda:sm_89", "cuda:sm_90a"):
        message = (
            f"--target {target}: the GPU Ampere has compute capability 8.6, which does not run code for it"
        )
        with pytest.raises(ValueError, match=message):
            check_runs_here(target)
