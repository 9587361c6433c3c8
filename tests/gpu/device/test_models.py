"""Whole models on the GPU: every bit as on the CPU, for every image of every batch."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from on_device import Subject

from benchmarks.gpu.carried import DEMOS, MODELS, pixels


@pytest.mark.parametrize("batch", [1, 8, 32, 128])
@pytest.mark.parametrize("model", [*MODELS, *DEMOS])
def test_every_bit(subject: Callable[[str], Subject], model: str, batch: int) -> None:
    chosen = subject(model)
    result = chosen.executable.run(pixels(batch, chosen.carried.boundary.input_shape))
    np.testing.assert_array_equal(result, chosen.expected[:batch])


@pytest.mark.parametrize("model", [*MODELS, *DEMOS])
def test_parts_of_other_sizes(subject: Callable[[str], Subject], model: str) -> None:
    chosen = subject(model)
    images = pixels(13, chosen.carried.boundary.input_shape)
    for first, last in ((0, 3), (3, 13), (5, 12), (0, 13)):
        result = chosen.executable.run(images[first:last])
        np.testing.assert_array_equal(result, chosen.expected[first:last])
