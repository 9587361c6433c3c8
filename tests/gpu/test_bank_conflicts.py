"""No bank conflicts in shared memory where the speed of fused attention depends on it."""

from __future__ import annotations

import pytest
import test_cuda_attention as attention


@pytest.mark.parametrize("target", ["cuda:sm_75", "cuda:sm_80"])
def test_fragments_of_attention(target: str) -> None:
    """Those of the queries, keys and values; entries of the table of exponentials are where they are."""
    ran = attention.run(attention.Case(70, 2, 64), target, banks=True)
    passes, extra = ran.statistics.bank_conflicts["ldmatrix"]
    assert passes > 0
    assert extra == 0
