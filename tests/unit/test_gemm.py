"""Linear layers as native code: every epilogue, odd shapes and full ranges, bit for bit on every target."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kernel_harness import TARGETS, Array, Operands, batched, run_op, tensor_type
from xdsl.dialects.builtin import DYNAMIC_INDEX

from ivit_dialect.ops.linear import LinearOp, PatchifyOp
from ivit_dialect.reference.linear import linear, linear_epilogue, patchify
from ivit_dialect.types import i64_attr

TYPES = (np.int8, np.uint8, np.int16, np.int32)
INT32_MAX = 2**31 - 1


@dataclass(frozen=True)
class Case:
    """A linear layer; ``rows`` of 0 is one row without a token dimension."""

    seed: int
    rows: int
    columns: int
    inner: int
    out: Any
    shift: int | None = None
    per_channel: bool = True
    zero_point: int = 0
    table: bool = False
    residual: Any = None
    residual_constant: bool = False
    residual_shift: int = 31


def integers(rng: np.random.Generator, kind: Any, shape: tuple[int, ...]) -> Array:
    """Full range, extremes included more often than chance has it."""
    low, high = int(np.iinfo(kind).min), int(np.iinfo(kind).max)
    values = rng.integers(low, high, shape, np.int64, endpoint=True)
    extremes = rng.choice([low, high, 0, 1], shape)
    return np.where(rng.random(shape) < 0.1, extremes, values).astype(kind)


def multipliers(rng: np.random.Generator, count: int) -> Array:
    """Dyadic numerators of either sign."""
    return np.maximum(integers(rng, np.int32, (count,)), -INT32_MAX)


def layer(case: Case) -> tuple[LinearOp, Operands, Array]:
    """The op, its operands for one image, and what the reference makes of them."""
    rng = np.random.default_rng(case.seed)
    operands = Operands()
    lead = (case.rows,) if case.rows else ()
    x = integers(rng, np.int8, (*lead, case.inner))
    weight = integers(rng, np.int8, (case.columns, case.inner))
    bias = rng.integers(-(2**24), 2**24, case.columns, dtype=np.int32)
    given_: dict[str, Any] = {}
    expected = linear(x, weight, bias)
    if case.shift is not None:
        numerators = multipliers(rng, case.columns if case.per_channel else 1)
        given_ = {"multipliers": operands.constant(numerators), "shift": i64_attr(case.shift)}
        parts: dict[str, Any] = {}
        if case.zero_point:
            # The zero point lies in what it is added to: the table's index or the output.
            limits = np.iinfo(np.int8 if case.table else case.out)
            zero_point = min(max(case.zero_point, int(limits.min)), int(limits.max))
            given_["zero_point"], parts["zero_point"] = i64_attr(zero_point), zero_point
        if case.table:
            parts["table"] = integers(rng, case.out, (256,))
            given_["table"] = operands.constant(parts["table"])
        if case.residual is not None:
            residual, factor = integers(rng, case.residual, expected.shape), int(multipliers(rng, 1)[0])
            given_ |= {
                "residual": operands.constant(residual[np.newaxis])
                if case.residual_constant
                else operands.activation(residual),
                "residual_multiplier": i64_attr(factor),
                "residual_shift": i64_attr(case.residual_shift),
            }
            parts |= {
                "residual": residual,
                "residual_multiplier": factor,
                "residual_shift": case.residual_shift,
            }
        expected = linear_epilogue(expected, numerators, case.shift, case.out, **parts)
    op = LinearOp(
        operands.activation(x),
        operands.constant(weight),
        operands.constant(bias),
        tensor_type([DYNAMIC_INDEX, *expected.shape], case.out),
        **given_,
    )
    return op, operands, expected


def run_and_expect(case: Case, target: str, threads: int) -> tuple[Array, Array]:
    """What native code and the reference make of one image."""
    op, operands, expected = layer(case)
    return run_op(op, operands, target, threads)[0], expected


SHAPES = {
    "rows": st.sampled_from([0, 1, 2, 5, 6, 7, 13, 50]),
    "columns": st.sampled_from([1, 10, 16, 64, 70, 130]),
    "inner": st.sampled_from([1, 3, 33, 64, 147]),
    "seed": st.integers(0, 2**32 - 1),
}
SHIFTS = st.sampled_from([1, 7, 31, 32, 33, 34, 40, 51, 62])

accumulators = st.builds(Case, **SHAPES, out=st.just(np.int32))
requantised = st.builds(
    Case,
    **SHAPES,
    out=st.sampled_from(TYPES),
    shift=SHIFTS,
    per_channel=st.booleans(),
    zero_point=st.sampled_from([0, 1, -91, 127, -(2**31), 2**31 - 1]),
)
lookups = st.builds(
    Case,
    **SHAPES,
    out=st.sampled_from(TYPES),
    shift=SHIFTS,
    per_channel=st.booleans(),
    zero_point=st.sampled_from([0, -91]),
    table=st.just(True),
)
residuals = st.builds(
    Case,
    **SHAPES,
    out=st.sampled_from(TYPES),
    shift=SHIFTS,
    per_channel=st.booleans(),
    zero_point=st.sampled_from([0, -91, 2**31 - 1]),
    residual=st.sampled_from(TYPES),
    residual_constant=st.booleans(),
    residual_shift=st.sampled_from([1, 15, 16, 17, 18, 30, 31, 32, 33, 47, 62]),
)


@pytest.mark.parametrize("target", TARGETS)
@settings(max_examples=8, deadline=None)
@given(case=st.one_of(accumulators, requantised, lookups, residuals), threads=st.sampled_from([1, 2, 3, 7]))
def test_linear_equals_reference(target: str, case: Case, threads: int) -> None:
    actual, expected = run_and_expect(case, target, threads)
    assert actual.dtype == expected.dtype
    np.testing.assert_array_equal(actual, expected)


@pytest.mark.parametrize("target", TARGETS)
def test_register_tiles_are_shared(target: str) -> None:
    """A row tile may be shared by threads, of which there may be too many; the last tile is a short one."""
    case = Case(1, 101, 70, 65, np.int16, shift=44, residual=np.int16, residual_shift=33)
    for threads in (1, 2, 5, 40, 150):
        actual, expected = run_and_expect(case, target, threads)
        np.testing.assert_array_equal(actual, expected)


@pytest.mark.parametrize("residual_shift", [16, 17, 47, 48, 62])
def test_every_form_of_a_short_residual(residual_shift: int) -> None:
    case = Case(1, 3, 10, 5, np.int16, shift=40, residual=np.int16, residual_shift=residual_shift)
    actual, expected = run_and_expect(case, TARGETS[0], 1)
    np.testing.assert_array_equal(actual, expected)


@pytest.mark.parametrize("target", TARGETS)
def test_extreme_products_do_not_saturate(target: str) -> None:
    """All operands at -128: the sums that saturating dot instructions would get wrong."""
    inner = 400
    x = np.full((7, inner), -128, np.int8)
    weight = np.full((20, inner), -128, np.int8)
    weight[1::2] = 127
    bias = np.full(20, 2**30, np.int32)
    operands = Operands()
    op = LinearOp(
        operands.activation(x),
        operands.constant(weight),
        operands.constant(bias),
        tensor_type([DYNAMIC_INDEX, 7, 20], np.int32),
    )
    np.testing.assert_array_equal(run_op(op, operands, target)[0], linear(x, weight, bias))


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("pixel", [np.int8, np.uint8])
@pytest.mark.parametrize(
    ("shape", "kernel"),
    [((8, 12, 3), (4, 6)), ((6, 40, 1), (3, 20)), ((2, 2, 1), (1, 1)), ((2, 254, 1), (1, 127))],
)
def test_patchify_equals_reference(
    target: str, pixel: Any, shape: tuple[int, int, int], kernel: tuple[int, int]
) -> None:
    image = integers(np.random.default_rng(7), pixel, shape)
    expected = patchify(image[np.newaxis], kernel)
    operands = Operands()
    result = batched(expected[0])
    op = PatchifyOp(operands.activation(image), kernel, result)
    for threads in (1, 3):
        np.testing.assert_array_equal(run_op(op, operands, target, threads)[0], expected[0])
