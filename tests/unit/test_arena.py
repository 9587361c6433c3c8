"""Placement in the arena: nothing that lives at once overlaps, and little is wasted."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from lowering.arena import Lifetime, arena_size, largest_live_set, place

ALIGNMENT = 64


@st.composite
def lifetimes(draw: st.DrawFn) -> Lifetime:
    first = draw(st.integers(0, 20))
    return Lifetime(ALIGNMENT * draw(st.integers(1, 50)), first, first + draw(st.integers(0, 8)))


@given(st.lists(lifetimes(), max_size=30))
def test_no_two_live_buffers_overlap(buffers: list[Lifetime]) -> None:
    offsets = place(buffers, ALIGNMENT)
    assert all(offset >= 0 and offset % ALIGNMENT == 0 for offset in offsets)
    for i, (a, start) in enumerate(zip(buffers, offsets, strict=True)):
        for b, other in zip(buffers[:i], offsets[:i], strict=True):
            alive_together = a.first <= b.last and b.first <= a.last
            assert not alive_together or start + a.size <= other or other + b.size <= start


@given(st.lists(lifetimes(), max_size=30))
def test_size_lies_between_the_live_set_and_the_sum(buffers: list[Lifetime]) -> None:
    size = arena_size(buffers, place(buffers, ALIGNMENT))
    assert largest_live_set(buffers) <= size <= sum(b.size for b in buffers)


def test_a_chain_needs_two_buffers() -> None:
    chain = [Lifetime(640, step, step + 1) for step in range(12)]
    assert arena_size(chain, place(chain, ALIGNMENT)) == 2 * 640


def test_the_tightest_gap_is_taken() -> None:
    """When the last buffer lives, gaps of 512 and 256 bytes are free: it goes into the second."""
    buffers = [
        Lifetime(640, 0, 9),
        Lifetime(512, 0, 1),
        Lifetime(448, 0, 9),
        Lifetime(256, 0, 1),
        Lifetime(192, 0, 9),
        Lifetime(128, 5, 6),
    ]
    assert place(buffers, ALIGNMENT) == [0, 640, 1152, 1600, 1856, 1600]


def test_a_first_buffer_that_is_a_little_smaller_takes_no_more() -> None:
    """DeiT-T: patches, then two residuals at a time, and hidden layers of twice their size."""
    patches, hidden, residual = 147 * 1024, 148 * 1024, 74 * 1024
    buffers = [Lifetime(patches, 0, 1), Lifetime(residual, 37, 38)]
    for step in range(1, 37, 3):
        buffers += [
            Lifetime(residual, step, step + 1),
            Lifetime(residual, step + 1, step + 3),
            Lifetime(hidden, step + 2, step + 3),
        ]
    assert (
        arena_size(buffers, place(buffers, ALIGNMENT)) == largest_live_set(buffers) == hidden + 2 * residual
    )


def test_nothing_takes_nothing() -> None:
    assert place([], ALIGNMENT) == []
    assert arena_size([], []) == 0
    assert largest_live_set([]) == 0
