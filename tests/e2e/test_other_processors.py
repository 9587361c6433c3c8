"""A whole Vision Transformer, compiled for other processors: their bits are this machine's."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from emulated import EMULATED, emulated_call
from tiny_files import Command, pixels

import ivit as public
from lowering.targets import host_targets
from runtime import artifact as artifacts
from runtime.program import NativeProgram

ELSEWHERE = ["aarch64", "riscv64", "x86-64-avxvnni"]
RUNNABLE = [target.name for target in host_targets()]


@pytest.mark.parametrize("target", ELSEWHERE)
def test_a_model_has_the_same_bits_elsewhere(ivit: Command, folder: Path, target: str) -> None:
    """What the command writes is run by an emulator, and by this machine from its integers on."""
    if target not in EMULATED:
        pytest.skip(f"no emulator of {target} is built for this platform")
    arguments = ("--calibration", "pixels.npz", "--target", target, "-o", "elsewhere.ivit")
    assert ivit("compile", "tiny.mlir", *arguments)[0] == 0
    artifact = artifacts.load(folder / "elsewhere.ivit")
    program, boundary = artifact.program, artifact.boundary
    assert isinstance(program, NativeProgram)
    assert program.target == target
    here, scale = public.load("tiny.ivit").integers(pixels())
    assert len(np.unique(here)) > 20
    images = boundary.to_integers(pixels())
    there = np.zeros((len(images), *boundary.output_shape), boundary.output_dtype)
    emulated_call(program, images, there)
    np.testing.assert_array_equal(there, here)
    assert boundary.output_scale == scale
    code, out, err = ivit("run", "elsewhere.ivit", "pixels.npz")
    assert (code, out) == (0, ivit("run", "tiny.ivit", "pixels.npz")[1])
    assert err.startswith("ivit: elsewhere.ivit: ") == (target not in RUNNABLE)


def test_code_for_another_architecture_is_not_run_here(made: Path) -> None:
    model = public.load(made / "tiny.ivit", target="riscv64")
    with pytest.raises(ValueError, match="the native code does not run here: the code is for riscv64"):
        model(pixels())
