"""No bank conflicts in shared memory where a kernel's speed depends on it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import test_cuda_attention as attention
from kernels import check
from test_gemm import Case, layer

LINEAR = Case(1, 50, 192, 192, np.int8, shift=44)


@pytest.mark.parametrize("target", ["cuda:sm_61", "cuda:sm_75", "cuda:sm_80", "cuda:sm_90a"])
@pytest.mark.parametrize("inner", [192, 200])
def test_linear(target: str, inner: int) -> None:
    """Tiles are copied, and their fragments loaded, in as few passes as the bytes need."""
    op, operands, expected = layer(replace(LINEAR, inner=inner))
    ran = check(op, operands, np.stack([expected] * 2), target=target, banks=True)
    assert ran.statistics.bank_conflicts["load"][0] > 0
    assert {kind: extra for kind, (_, extra) in ran.statistics.bank_conflicts.items() if extra} == {}


@pytest.mark.parametrize("target", ["cuda:sm_75", "cuda:sm_80"])
def test_fragments_of_attention(target: str) -> None:
    """Those of the queries, keys and values; entries of the table of exponentials are where they are."""
    ran = attention.run(attention.Case(70, 2, 64), target, banks=True)
    passes, extra = ran.statistics.bank_conflicts["ldmatrix"]
    assert passes > 0
    assert extra == 0
