"""Kernels of the GPU's own that take rows by warps, on full-range data, against the reference."""

from __future__ import annotations

import kernel_harness
import numpy as np
import pytest
import test_kernels_every_input as every_input
import test_kernels_rows as rows
from kernels import Stand
from test_families import drawn

TARGETS = ("cuda:sm_61", "cuda:sm_80")


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("channels", [1, 33, 64, 3072])
def test_shiftgelu(target: str, channels: int, monkeypatch: pytest.MonkeyPatch) -> None:
    stand = Stand(target)
    monkeypatch.setattr(kernel_harness, "run_op", stand.run_op)
    test, arguments = drawn(rows.test_shiftgelu, channels=channels, x0=40, n=20)
    test(target=target, **arguments)
    assert stand.launched == {"cuda_shiftgelu"}


def test_shiftgelu_below_every_maximum(monkeypatch: pytest.MonkeyPatch) -> None:
    stand = Stand()
    monkeypatch.setattr(kernel_harness, "run_op", stand.run_op)
    every_input.test_shiftgelu_below_every_maximum(target=stand.target)
    assert stand.launched == {"cuda_shiftgelu"}


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("channels", [1, 33, 100, 2048])
@pytest.mark.parametrize("name", ["layernorm", "i_layernorm"])
def test_layernorms(name: str, target: str, channels: int, monkeypatch: pytest.MonkeyPatch) -> None:
    stand = Stand(target)
    monkeypatch.setattr(kernel_harness, "run_op", stand.run_op)
    if name == "layernorm":
        test, arguments = drawn(rows.test_layernorm, channels=channels, shift=46, epsilon=2**40)
    else:
        test, arguments = drawn(rows.test_i_layernorm, channels=channels, shift=50, y_type=np.int16)
    test(target=target, **arguments)
    assert stand.launched == {f"cuda_{name}"}
