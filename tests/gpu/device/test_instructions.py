"""A GPU and the PTX interpreter compute the same: every instruction that the interpreter's tests have."""

from __future__ import annotations

import pytest
from against_gpu import differing, programs

from runtime.cuda.driver import Driver


def test_the_interpreter_is_right(device: Driver) -> None:
    if device.capability < (9, 0):
        pytest.skip(f"needs a GPU of compute capability 9.0 or more; {device.name} has {device.capability}")
    assert differing(device, programs()) == []
