"""Linear layers on tensor cores: epilogues, tails in every dimension and full ranges, bit for bit."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from kernels import check
from test_gemm import Case, layer

WHOLE = Case(1, 64, 128, 128, np.int8, shift=44)
CASES = {
    "whole tiles": WHOLE,
    "sums": replace(WHOLE, rows=3, out=np.int32, shift=None),
    "one row": replace(WHOLE, rows=0, columns=10, inner=192),
    "rows": replace(WHOLE, rows=50, zero_point=-91),
    "columns": replace(WHOLE, rows=9, columns=70, out=np.uint8),
    "columns that no run divides": replace(WHOLE, rows=9, columns=131),
    "inputs": replace(WHOLE, rows=9, inner=208),
    "inputs by 8 bytes": replace(WHOLE, rows=9, inner=200),
    "inputs by 1 byte": replace(WHOLE, rows=9, inner=101),
    "one input": replace(WHOLE, rows=9, columns=3, inner=1),
    "wide": replace(WHOLE, rows=9, shift=20, out=np.int16, zero_point=7),
    "one multiplier": replace(WHOLE, rows=9, per_channel=False),
    "table": replace(WHOLE, rows=9, table=True, zero_point=-91),
    "residual": replace(WHOLE, rows=9, residual=np.int16, residual_shift=33, out=np.int16),
    "residual of few columns": replace(WHOLE, rows=9, columns=21, residual=np.uint8, out=np.int32),
    "constant residual": replace(WHOLE, rows=9, residual=np.int8, residual_constant=True),
}


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("target", ["cuda:sm_75", "cuda:sm_80"])
def test_linear_equals_reference(target: str, name: str) -> None:
    op, operands, expected = layer(CASES[name])
    ran = check(op, operands, np.stack([expected] * 2), target=target)
    assert ran.launch.kernel.startswith("cuda_linear")
    assert "mma.sync" in ran.ptx
