"""The GPU's kernel of products outside fused attention: tails, unaligned rows, every kind of operand."""

from __future__ import annotations

from typing import Any

import kernel_harness
import numpy as np
import pytest
import test_kernels_attention as attention
from kernels import Stand
from test_families import drawn

TARGETS = ("cuda:sm_61", "cuda:sm_75", "cuda:sm_80")
SHAPES = {
    "one": (1, 1, 1, 1),
    "odd": (2, 13, 33, 17),
    "tiles": (1, 65, 130, 70),
    "aligned": (3, 20, 64, 40),
}
SCALES: dict[str, tuple[int, int, int, Any] | None] = {
    "i32": None,
    "mulhi": (-(2**31) + 1, 38, 7, np.int8),
    "wide": (2**30 + 1, 20, -5, np.int16),
}


def run(target: str, monkeypatch: pytest.MonkeyPatch, **arguments: Any) -> None:
    stand = Stand(target)
    monkeypatch.setattr(kernel_harness, "run_op", stand.run_op)
    heads, rows, inner, columns = SHAPES[arguments.pop("shape")]
    test, given = drawn(
        attention.test_matmul, heads=heads, rows=rows, inner=inner, columns=columns, **arguments
    )
    test(target=target, **given)
    assert stand.launched == {"cuda_matmul"}


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize(
    ("left", "transposed"), [(np.int8, True), (np.uint8, False), (np.int16, False), (np.int16, True)]
)
def test_operands(target: str, left: Any, transposed: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    run(target, monkeypatch, shape="odd", left=left, transposed=transposed, scale=None)


@pytest.mark.parametrize(
    ("shape", "scale"), [*((shape, "mulhi") for shape in SHAPES), ("odd", "i32"), ("odd", "wide")]
)
def test_shapes_and_scales(shape: str, scale: str, monkeypatch: pytest.MonkeyPatch) -> None:
    transposed = shape in ("one", "aligned")
    run("cuda:sm_80", monkeypatch, shape=shape, left=np.int16, transposed=transposed, scale=SCALES[scale])
