"""Weights in two parts: neither saturates 16 bits, together they are the weights; orders that need few."""

from __future__ import annotations

from itertools import pairwise
from typing import Any, TypeAlias

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kernel_harness import TARGETS, Operands, run_op, tensor_type
from numpy.typing import NDArray
from xdsl.dialects.builtin import DYNAMIC_INDEX, IntegerAttr, i64

from ivit_dialect.ops.linear import LinearOp
from ivit_dialect.reference.linear import linear
from lowering.kernels.gemm import EXTRA_STEPS
from lowering.packing import PACKINGS, split_layout
from lowering.pair_weights import count_steps
from lowering.pairs.arrange import arrange, arrangements
from lowering.pairs.fours import order_steps
from lowering.pairs.order import pair_order
from lowering.pairs.packed import SplitLayout
from lowering.pairs.split import PAIR_LIMIT, excess, further_steps
from lowering.targets import TARGETS as ALL_TARGETS
from lowering.targets import target_by_name

Array: TypeAlias = NDArray[Any]
INT16 = np.iinfo(np.int16)
BY_PAIRS = [name for name in TARGETS if ALL_TARGETS[name].narrow_dot is not None]


def every_pair() -> NDArray[np.int8]:
    """All 65,536 pairs of weights."""
    values = np.arange(-128, 128, dtype=np.int8)
    return np.stack(np.meshgrid(values, values, indexing="ij"), axis=-1).reshape(-1, 2)


def saturates(pairs: NDArray[np.int8]) -> NDArray[np.bool_]:
    """Whether for some unsigned bytes the sum of the products leaves int16: extremes are at 0 and 255."""
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


LAYOUT = SplitLayout(panels=3, steps=7, columns=16, depth=4, lanes=8, room=42)


def unpacked(layout: SplitLayout, packed: Array) -> Array:
    """The panels that ``packed`` stands for, as the kernel adds them up; no sum of it may saturate."""

    def part(at: int, count: int, kind: Any) -> Array:
        return packed[at : at + count * np.dtype(kind).itemsize].view(kind)

    register, columns = layout.lanes * layout.depth, layout.columns
    shape = (layout.panels, layout.steps, columns * layout.depth)
    panels = part(0, int(np.prod(shape)), np.int8).reshape(shape)
    order = part(layout.order_at, layout.panels * layout.steps, np.int32).reshape(shape[:2])
    bounds = part(layout.bounds_at, layout.panels * layout.bounds, np.int32).reshape(layout.panels, -1)
    extras = part(layout.extras_at, layout.room * register, np.int8).reshape(layout.room, -1, layout.depth)
    groups = part(layout.groups_at, layout.room, np.int32)
    total = np.zeros((layout.panels, columns, layout.steps * layout.depth), np.int64)
    for panel, (fours, *starts) in enumerate(bounds):
        together = panels[panel, : 2 * fours].reshape(fours, 2, 32, 2).swapaxes(1, 2)
        assert not saturates(together.reshape(fours, 32, 4)).any()
        assert not saturates(panels[panel].reshape(-1, 2)).any()
        read = [channel for group in order[panel] for channel in channels_of(layout, group)]
        assert sorted(read) == list(range(layout.steps * layout.depth))
        for group, step in zip(order[panel], panels[panel], strict=True):
            total[panel][:, channels_of(layout, group)] += step.reshape(columns, layout.depth)
        for j, (first, last) in enumerate(pairwise(starts)):
            for extra in range(first, last):
                assert not saturates(extras[extra].reshape(-1, 2)).any()
                lanes = slice(layout.lanes * j, layout.lanes * (j + 1))
                total[panel][lanes, channels_of(layout, groups[extra])] += extras[extra]
    return total.reshape(layout.panels, columns, layout.steps, -1).swapaxes(1, 2).reshape(shape)


def channels_of(layout: SplitLayout, group: int) -> list[int]:
    """What lies in a group of a row of activations."""
    arrangement, place = divmod(int(group), layout.pitch)
    block, half = divmod(place, 2)
    order = arrangements(layout.planes)[arrangement]
    return [8 * block + channel for channel in order[4 * half : 4 * half + 4]]


@pytest.mark.parametrize("planes", [0, 1, 2])
def test_arrangements_are_orders_of_eight_channels_and_the_first_is_none(planes: int) -> None:
    orders = arrangements(planes)
    assert orders[0] == tuple(range(8))
    assert all(sorted(order) == list(range(8)) for order in orders)
    pairs = {frozenset(order[at : at + 2]) for order in orders for at in range(0, 8, 2)}
    assert len(pairs) == {0: 4, 1: 12, 2: 20}[planes]


@pytest.mark.parametrize("planes", [1, 2])
@pytest.mark.parametrize("lanes", [8, 16])
def test_an_arrangement_is_the_one_with_the_fewest_dangers(planes: int, lanes: int) -> None:
    """Of one panel of one block, by trial of every choice."""
    rng = np.random.default_rng(lanes)
    for _ in range(200):
        panels = np.clip(rng.normal(0, 45, (1, 2, 16 * 4)), -128, 127).astype(np.int8)
        by_channel = panels.reshape(2, 16, 4).swapaxes(0, 1).reshape(16, 8)
        fewest = 99
        for one in range(3 * planes):
            for other in range(3):
                halves = arrangements(planes)[one][:4], arrangements(planes)[one // 3 * 3 + other][4:]
                found = by_channel[:, np.array(halves)].swapaxes(0, 1).reshape(1, 2, -1)
                fewest = min(fewest, int(further_steps(found, lanes * 4).sum()))
        arranged, _ = arrange(panels, lanes, planes)
        assert further_steps(arranged, lanes * 4).sum() == fewest


def test_a_panel_without_danger_stays_as_it_is() -> None:
    panels = np.random.default_rng(0).integers(-64, 65, (2, 6, 64)).astype(np.int8)
    arranged, numbers = arrange(panels, 8, 2)
    np.testing.assert_array_equal(arranged, panels)
    assert not numbers.any()


@pytest.mark.parametrize(("ins", "planes"), [(1, 2), (384, 2), (385, 1), (4096, 1), (5440, 1), (5441, 0)])
def test_long_rows_have_fewer_arrangements(ins: int, planes: int) -> None:
    layout = split_layout([(16, ins)], (16, 4, 8, 0))
    assert layout.planes == planes
    assert layout.groups * 4 % 64 == 0


@pytest.mark.parametrize("deviation", [10, 30, 60, 1000])
def test_packed_panels_are_the_panels_in_parts(deviation: int) -> None:
    drawn = np.random.default_rng(0).normal(0, deviation, (3, 7, 64))
    panels = np.clip(np.round(drawn), -128, 127).astype(np.int8)
    layout = LAYOUT
    np.testing.assert_array_equal(unpacked(layout, layout.pack(panels)), panels)


def test_steps_of_128_each_do_not_go_together() -> None:
    """Their sum is 256, of which a byte keeps 0."""
    panels = np.full((1, 4, 64), 64, np.int8)
    order, fours = order_steps(panels)
    assert (sorted(order[0]), fours[0]) == ([0, 1, 2, 3], 0)


def test_steps_go_together_up_to_the_limit() -> None:
    panels = np.full((1, 4, 64), 32, np.int8)
    assert order_steps(panels)[1][0] == 2
    panels[0, :, 5] = -128
    assert order_steps(panels)[1][0] == 0


def test_many_steps_go_together_where_weights_are_small() -> None:
    weights = np.clip(np.random.default_rng(0).normal(0, 25, (64, 256)), -127, 127).astype(np.int8)
    order, fours = order_steps(PACKINGS["panels"].pack([weights], (16, 4)))
    assert order.shape == (4, 64)
    assert 2 * fours.sum() > 0.8 * order.size


def test_a_plan_with_too_little_room_is_refused() -> None:
    weights = np.full((16, 8), 127, np.int8)
    packing = PACKINGS["split"]
    assert count_steps(weights, target_by_name("x86-64-avx2")) == (4, 4)
    assert packing.pack([weights], (16, 4, 8, 7)).shape == packing.shape([(16, 8)], (16, 4, 8, 7))
    with pytest.raises(ValueError, match="need 4 extra steps, where the plan has room for 3"):
        packing.pack([weights], (16, 4, 8, 3))


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
    weights = np.clip(np.random.default_rng(0).normal(0, 40, (64, 256)), -127, 127).astype(np.int8)
    target = target_by_name("x86-64-avx2")
    natural, steps = count_steps(weights, target)
    ordered, _ = count_steps(weights[:, pair_order(weights, 8)], target)
    assert natural > 0.05 * steps
    assert ordered < 0.5 * natural


def test_arrangements_need_fewer_steps() -> None:
    weights = np.clip(np.random.default_rng(0).normal(0, 40, (64, 256)), -127, 127).astype(np.int8)
    arranged, steps = count_steps(weights, target_by_name("x86-64-avx2"))
    panels = PACKINGS["panels"].pack([weights], (16, 4))
    assert further_steps(panels, 32).sum() > 0.25 * steps
    assert arranged < 0.1 * steps


@pytest.mark.parametrize("target", BY_PAIRS)
@pytest.mark.parametrize(
    ("rows", "outs", "ins"), [(1, 1, 1), (7, 20, 33), (6, 64, 400), (50, 130, 147), (2, 18, 5500)]
)
@pytest.mark.parametrize("weights", ["extreme", "random", "small", "tiny"])
def test_linear_by_pairs_equals_reference(target: str, rows: int, outs: int, ins: int, weights: str) -> None:
    """``extreme`` weights are -128 or 127, row by row; ``small`` need no extra step, ``tiny`` go by fours."""
    rng = np.random.default_rng(rows)
    x = rng.choice(np.array([-128, 127, -1, 0], np.int8), (rows, ins))
    x[:, : ins // 2] = rng.integers(-128, 128, (rows, ins // 2))
    x[0] = 127
    most = {"small": 64, "tiny": 32}.get(weights, 127)
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
    assert (extra == 0) == (weights in ("small", "tiny") or ins == 1)
    op.attributes[EXTRA_STEPS] = IntegerAttr(extra + rows % 2, i64)
    for threads in (1, 3):
        np.testing.assert_array_equal(run_op(op, operands, target, threads)[0], linear(x, w, bias))
