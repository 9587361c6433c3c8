"""Weights in two parts: neither saturates 16 bits, together they are the weights; orders that need few."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kernel_harness import TARGETS, Operands, run_op, tensor_type
from xdsl.dialects.builtin import DYNAMIC_INDEX, IntegerAttr, i64

from ivit_dialect.ops.linear import LinearOp
from ivit_dialect.reference.linear import linear
from lowering.kernels.gemm import EXTRA_STEPS
from lowering.packing import PACKINGS
from lowering.pair_weights import count_steps
from lowering.pairs.order import pair_order
from lowering.pairs.split import PAIR_LIMIT, excess, split_panels
from lowering.targets import TARGETS as ALL_TARGETS
from lowering.targets import target_by_name

INT16 = np.iinfo(np.int16)
BY_PAIRS = [name for name in TARGETS if ALL_TARGETS[name].narrow_dot is not None]


def every_pair() -> np.ndarray[Any, np.dtype[np.int8]]:
    """All 65,536 pairs of weights."""
    values = np.arange(-128, 128, dtype=np.int8)
    return np.stack(np.meshgrid(values, values, indexing="ij"), axis=-1).reshape(-1, 2)


def saturates(pairs: np.ndarray[Any, np.dtype[np.int8]]) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """Whether for some unsigned bytes the sum of both products leaves int16: extremes are at 0 and 255."""
    wide = pairs.astype(np.int64) * 255
    return (np.maximum(wide, 0).sum(axis=-1) > INT16.max) | (np.minimum(wide, 0).sum(axis=-1) < INT16.min)


def test_no_part_of_any_pair_saturates_and_parts_add_up() -> None:
    pairs = every_pair()
    given_ = excess(pairs)
    rest = pairs.astype(np.int64) - given_
    np.testing.assert_array_equal(rest.astype(np.int8) + given_.astype(np.int64), pairs)
    assert rest.min() >= -128
    assert rest.max() <= 127
    assert not saturates(rest.astype(np.int8)).any()
    assert not saturates(given_).any()


def test_pairs_that_cannot_saturate_are_left_alone_and_no_others() -> None:
    pairs = every_pair()
    np.testing.assert_array_equal(excess(pairs).any(axis=-1), saturates(pairs))


def test_the_limit_is_the_largest_that_holds() -> None:
    assert 255 * PAIR_LIMIT <= INT16.max < 255 * (PAIR_LIMIT + 1)
    assert -255 * PAIR_LIMIT >= INT16.min > -255 * (PAIR_LIMIT + 1)


def test_split_panels_add_up_to_the_panels() -> None:
    rng = np.random.default_rng(0)
    panels = rng.integers(-128, 128, (3, 5, 64)).astype(np.int8)
    parts = split_panels(panels, 32)
    total = parts.panels.astype(np.int64)
    assert parts.starts[0] == 0
    assert parts.starts[-1] == len(parts.extras) == len(parts.groups)
    for register, (first, last) in enumerate(zip(parts.starts, parts.starts[1:], strict=False)):
        panel, half = divmod(register, 2)
        for extra in range(first, last):
            total[panel, parts.groups[extra], 32 * half : 32 * half + 32] += parts.extras[extra]
    np.testing.assert_array_equal(total, panels)
    assert parts.extras.any(axis=1).all()


def test_a_plan_with_too_little_room_is_refused() -> None:
    weights = np.full((16, 8), 127, np.int8)
    (needed,) = {len(split_panels(PACKINGS["panels"].pack([weights], (16, 4)), 32).extras)}
    packing = PACKINGS["split_extras"]
    assert packing.pack([weights], (16, 4, 8, needed + 3)).shape == (needed + 3, 32)
    with pytest.raises(
        ValueError, match=f"need {needed} extra steps, where the plan has room for {needed - 1}"
    ):
        packing.pack([weights], (16, 4, 8, needed - 1))


@settings(max_examples=20)
@given(
    outs=st.integers(1, 40),
    pairs=st.integers(1, 20),
    blocks=st.sampled_from([1, 2, 3]),
    lanes=st.sampled_from([8, 16]),
)
def test_an_order_keeps_channels_in_their_blocks(outs: int, pairs: int, blocks: int, lanes: int) -> None:
    weights = np.random.default_rng(outs).integers(-128, 128, (outs, 2 * pairs * blocks)).astype(np.int8)
    order = pair_order(weights, lanes, blocks).reshape(blocks, -1)
    for block, channels in enumerate(order):
        first = block * 2 * pairs
        assert sorted(channels) == list(range(first, first + 2 * pairs))
    np.testing.assert_array_equal(order.reshape(-1), pair_order(weights, lanes, blocks))


def test_an_order_needs_fewer_steps() -> None:
    weights = np.clip(np.random.default_rng(0).normal(0, 36, (64, 256)), -127, 127).astype(np.int8)
    target = target_by_name("x86-64-avx2")
    natural, steps = count_steps(weights, target)
    ordered, _ = count_steps(weights[:, pair_order(weights, 8)], target)
    assert natural > 0.1 * steps
    assert ordered < 0.5 * natural


@pytest.mark.parametrize("target", BY_PAIRS)
@pytest.mark.parametrize("spare", [0, 5])
@pytest.mark.parametrize(
    ("rows", "outs", "ins"), [(1, 1, 1), (7, 20, 33), (13, 70, 64), (6, 64, 400), (50, 130, 147)]
)
@pytest.mark.parametrize("weights", ["extreme", "random", "small"])
def test_linear_by_pairs_equals_reference(
    target: str, spare: int, rows: int, outs: int, ins: int, weights: str
) -> None:
    """``extreme`` weights are -128 or 127, row by row; ``small`` ones need no extra step."""
    rng = np.random.default_rng(rows)
    x = rng.choice(np.array([-128, 127, -1, 0], np.int8), (rows, ins))
    x[:, : ins // 2] = rng.integers(-128, 128, (rows, ins // 2))
    x[0] = 127
    most = 64 if weights == "small" else 127
    w = rng.integers(-most, most + 1, (outs, ins)).astype(np.int8)
    if weights == "extreme":
        w[:], w[1::2] = -128, 127
    bias = rng.integers(-(2**24), 2**24, outs, dtype=np.int32)
    operands = Operands()
    op = LinearOp(
        operands.activation(x),
        operands.constant(w),
        operands.constant(bias),
        tensor_type([DYNAMIC_INDEX, rows, outs], np.int32),
    )
    extra, _ = count_steps(w, target_by_name(target))
    assert (extra == 0) == (weights == "small" or ins == 1)
    op.attributes[EXTRA_STEPS] = IntegerAttr(extra + spare if extra else 0, i64)
    for threads in (1, 3):
        np.testing.assert_array_equal(run_op(op, operands, target, threads)[0], linear(x, w, bias))
