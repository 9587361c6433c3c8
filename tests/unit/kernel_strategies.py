"""What the tests of kernels draw: targets, seeds, odd shapes, multipliers."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from kernel_harness import TARGETS, tensor_type
from xdsl.dialects.builtin import DYNAMIC_INDEX, IntegerType, Signedness

ON_EVERY_TARGET = pytest.mark.parametrize("target", TARGETS)

FEW = settings(max_examples=6, deadline=None, derandomize=True)
"""Each example compiles a kernel; its arrays hold many cases."""

SEEDS = st.integers(0, 2**32 - 1)
ROWS = st.integers(1, 5)
CHANNELS = st.sampled_from([1, 3, 8, 17, 33, 64, 100, 131])
SHIFTS = st.integers(1, 62)
MULTIPLIERS = st.one_of(
    st.sampled_from([-(2**31) + 1, -1, 0, 1, 2**31 - 1]), st.integers(-(2**31) + 1, 2**31 - 1)
)
THREADS = st.integers(1, 4)
SIGNED = st.integers(2, 16).map(IntegerType)
NARROW = st.integers(2, 8).map(IntegerType)
UNSIGNED = st.integers(2, 16).map(lambda bits: IntegerType(bits, Signedness.UNSIGNED))
ANY_WIDTH = st.one_of(SIGNED, UNSIGNED)


def result(shape: tuple[int, ...], dtype: Any) -> Any:
    """The type of a batch of results."""
    return tensor_type([DYNAMIC_INDEX, *shape], dtype)
