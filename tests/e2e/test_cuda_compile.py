"""Compiling for a GPU on a machine that need have none: the command, the API, the files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from programs import run_program
from ptx import floating_point_instructions
from tiny_files import Command, pixels

import ivit as package
from ivit.pipeline import target_of
from lowering.cuda import ptxas
from lowering.cuda.targets import CUDA_TARGETS, cuda_target_for
from lowering.targets import TARGETS
from runtime import artifact as artifacts
from runtime.cuda import devices
from runtime.cuda.driver import CudaError
from runtime.cuda_program import CudaProgram

TARGET = "cuda:sm_90a"
LEVELS = ["00-torch", "01-ivit", "02-fused", "03-plan", "04-gpu", "05-llvm"]


@pytest.fixture
def no_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(ordinal: int = 0) -> None:
        raise CudaError("there is no driver")

    monkeypatch.setattr(devices, "open_device", refuse)


def test_ptx_and_every_level(ivit: Command, folder: Path) -> None:
    arguments = ("--calibration", "pixels.npz", "--target", TARGET, "--dump-stages", "levels")
    code, out, _ = ivit("compile", "tiny.mlir", *arguments, "--emit", "ptx")
    assert (code, out.splitlines()[0].startswith("wrote tiny.ptx: ")) == (0, True)
    text = Path("tiny.ptx").read_text(encoding="utf-8")
    assert ".target sm_90a\n" in text
    assert not floating_point_instructions(text)
    names = sorted(path.name for path in Path("levels").iterdir() if path.suffix != ".safetensors")
    assert names == [*(f"{level}.mlir" for level in LEVELS), "06-ptx.ptx"]
    assert Path("levels/06-ptx.ptx").read_text(encoding="utf-8") == text


def test_a_compiled_model_gives_the_bits_of_the_cpu(ivit: Command, folder: Path) -> None:
    model = package.load("tiny.ivit")
    target = "cuda:sm_80"
    assert package.load("tiny.ivit", target=target).artifact.program.target == target
    package.load("tiny.ivit", target=target).save("gpu.ivit")
    program = artifacts.load(Path("gpu.ivit")).program
    assert isinstance(program, CudaProgram)
    expected, _ = model.integers(pixels(3))
    inputs = model.boundary.to_integers(pixels(3), None)
    np.testing.assert_array_equal(run_program(program, inputs), expected.reshape(-1).view(np.uint8))
    code, out, _ = ivit("inspect", "gpu.ivit")
    assert code == 0
    assert target in out
    assert "an image" in out


def test_a_cubin_is_kept_where_there_is_an_assembler(
    ivit: Command, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments = ("--calibration", "pixels.npz", "--target", TARGET)
    if ptxas.find_ptxas() is not None:
        assert ivit("compile", "tiny.mlir", *arguments, "--emit", "cubin")[0] == 0
        assert Path("tiny.cubin").read_bytes()[1:4] == b"ELF"
    monkeypatch.setattr(ptxas, "find_ptxas", lambda: None)
    code, _, err = ivit("compile", "tiny.mlir", *arguments, "--emit", "cubin", "-o", "none.cubin")
    assert code == 1
    assert err == "ivit: error: --emit cubin: no ptxas: install CUDA's, or emit ptx, which drivers take too\n"
    assert not Path("none.cubin").exists()
    assert ivit("compile", "tiny.mlir", *arguments)[0] == 0
    program = artifacts.load(Path("tiny.ivit")).program
    assert isinstance(program, CudaProgram)
    assert program.cubin is None


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ("--emit ptx", "--emit ptx: GPU targets only: choose --target cuda:sm_61 or "),
        ("--target cuda:sm_20", "unknown GPU target 'cuda:sm_20', expected one of cuda:sm_61, "),
        ("--target cuda", "target 'cuda' is the GPU of this machine: there is no driver; for another"),
        (f"--target {TARGET} --emit ptx -o a.ivit", "a.ivit: the ptx file's name ends in .ptx"),
        (f"--target {TARGET} -o a.ptx", "a.ptx: a compiled model's name ends in .ivit"),
    ],
)
@pytest.mark.usefixtures("no_gpu")
def test_bad_requests_are_one_line(ivit: Command, folder: Path, arguments: str, complaint: str) -> None:
    code, _, err = ivit("compile", "tiny.mlir", *arguments.split())
    assert code == 1
    assert complaint in err
    assert err.count("\n") == 1


@pytest.mark.usefixtures("no_gpu")
def test_a_model_for_a_gpu_is_compiled_again_where_there_is_none(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    package.load("tiny.ivit", target=TARGET).save("gpu.ivit")
    capsys.readouterr()
    model = package.load("gpu.ivit")
    told = capsys.readouterr().err
    assert f"the code is for a GPU, {TARGET}: there is no driver" in told
    assert "compiling its integers for this machine" in told
    assert model.artifact.program.target in TARGETS


@pytest.mark.usefixtures("no_gpu")
def test_nothing_is_compiled_for_a_gpu_that_is_not_there(ivit: Command, folder: Path) -> None:
    for command in (("run", "tiny.ivit", "pixels.npz"), ("eval", "tiny.ivit", "--data", "pixels.npz")):
        code, _, err = ivit(*command, "--target", TARGET)
        assert code == 1
        assert err.startswith(f"ivit: error: --target {TARGET}: ")
        assert "there is no driver" in err
        assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("capability", "name"),
    [
        ((6, 1), "sm_61"),
        ((7, 2), "sm_70"),
        ((8, 0), "sm_80"),
        ((8, 7), "sm_86"),
        ((9, 0), "sm_90a"),
        ((10, 0), "sm_100a"),
        ((12, 0), "sm_90"),
    ],
)
def test_the_gpu_at_hand_has_the_most_capable_target(
    capability: tuple[int, int], name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert cuda_target_for(*capability).cpu == name

    class Device:
        def __init__(self, _: int = 0) -> None:
            self.capability = capability

    monkeypatch.setattr(devices, "open_device", Device)
    assert target_of("cuda") == CUDA_TARGETS[f"cuda:{name}"]


def test_a_gpu_may_be_too_old() -> None:
    with pytest.raises(ValueError, match=r"the GPU is of compute capability 5\.2, 6\.1 is the least"):
        cuda_target_for(5, 2)
