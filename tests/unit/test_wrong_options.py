"""Options of quantization whose values are of another type, from Python."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

from passes.quantization.options import QuantizeOptions, options_of


@pytest.mark.parametrize(
    ("name", "value", "takes"),
    [
        ("weight_bits", "4", "a whole number"),
        ("weight_bits", 4.0, "a whole number"),
        ("weight_bits", True, "a whole number"),
        ("smoothing", "0.5", "a number"),
        ("smoothing", True, "a number"),
        ("balance", 1, "True or False"),
        ("balance", "false", "True or False"),
        ("softmax", 1, "a word"),
        ("softmax", ["exact"], "a word"),
    ],
)
def test_a_value_of_another_type_is_told(name: str, value: Any, takes: str) -> None:
    message = f"{name}={value!r} is of another type: it takes {takes}"
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        QuantizeOptions(**{name: value})


def test_numbers_of_numpy_are_pythons() -> None:
    found = options_of("compile", {"weight_bits": np.int64(4), "smoothing": np.float32(0.5)})
    assert found == QuantizeOptions(weight_bits=4, smoothing=0.5)
    assert type(found.weight_bits) is int


def test_numbers_of_numpy_that_are_python_floats_are_taken() -> None:
    assert QuantizeOptions(smoothing=np.float64(0.5)).smoothing == 0.5
    assert QuantizeOptions(smoothing=0, weight_bits=4, balance=False).given() == {
        "smoothing": 0,
        "weight_bits": 4,
        "balance": False,
    }
