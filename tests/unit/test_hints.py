"""``isa`` answers as xDSL's does."""

from __future__ import annotations

from typing import Any

import pytest
from xdsl.dialects.builtin import (
    I32,
    IndexType,
    IntegerAttr,
    IntegerType,
    MemRefType,
    NoneAttr,
    TensorType,
    VectorType,
    f32,
    i8,
    i32,
)
from xdsl.utils.hints import isa as isa_of_xdsl

from ivit_dialect.hints import isa

HINTS: list[Any] = [
    IntegerType,
    VectorType,
    VectorType[IntegerType],
    MemRefType[IntegerType],
    TensorType[I32],
    IntegerAttr,
    IntegerAttr[IndexType],
]
VALUES: list[Any] = [
    i8,
    i32,
    f32,
    NoneAttr(),
    VectorType(i8, [4]),
    VectorType(f32, [4]),
    MemRefType(i8, [2]),
    MemRefType(f32, [2]),
    TensorType(i32, [2]),
    TensorType(i8, [2]),
    IntegerAttr(1, i32),
    IntegerAttr(1, IndexType()),
    None,
    3,
]


@pytest.mark.parametrize("hint", HINTS, ids=str)
def test_as_xdsl_has_it(hint: Any) -> None:
    answers = [isa(value, hint) for value in VALUES]
    assert answers == [isa_of_xdsl(value, hint) for value in VALUES]
    assert True in answers
    assert False in answers
