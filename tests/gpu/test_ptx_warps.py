"""What the lanes of a warp do together in the PTX interpreter."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from ptx import KernelError, Module
from snippets import THREAD, Array, full_range, kernel, run_elementwise

THREADS = 1024
A, B = full_range((32, 32), random=THREADS - 256)


def lanes(values: Array) -> Array:
    return values.reshape(-1, 32)


def run(text: str, output: int = 32) -> Array:
    return run_elementwise(text, [A, B], output)


@pytest.mark.parametrize("distance", [0, 1, 3, 16, 31])
@pytest.mark.parametrize("width", [8, 32])
def test_shuffles(distance: int, width: int) -> None:
    """PTX ISA, shfl.sync: inside segments of ``width`` lanes."""
    segment, lane = 32 - width, np.arange(32)
    first = lane // width * width
    control = (segment << 8) | (width - 1)
    sources = {
        f"up.b32 q|%p1, a, {distance}, {segment << 8}": np.where(
            lane - distance >= first, lane - distance, lane
        ),
        f"down.b32 q|%p1, a, {distance}, {control}": np.where(
            lane + distance < first + width, lane + distance, lane
        ),
        f"bfly.b32 q|%p1, a, {distance}, {control}": np.where(
            (lane ^ distance) < first + width, lane ^ distance, lane
        ),
        f"idx.b32 q|%p1, a, {distance}, {control}": first + distance % width,
    }
    for text, source in sources.items():
        np.testing.assert_array_equal(
            run(f"shfl.sync.{text}, -1;"), lanes(A)[:, source].reshape(-1), err_msg=text
        )
    moved = run(f"shfl.sync.up.b32 q|%p1, a, {distance}, {segment << 8}, -1; selp.b32 q, 1, 0, %p1;")
    np.testing.assert_array_equal(
        lanes(moved), np.broadcast_to(lane - distance >= first, (THREADS // 32, 32))
    )


def test_votes() -> None:
    compare = "setp.lt.u32 %p1, a, b; "
    votes = lanes(A < B)
    ballot = (votes.astype(np.uint64) << np.arange(32, dtype=np.uint64)).sum(1).astype(np.uint32)
    np.testing.assert_array_equal(run(compare + "vote.sync.ballot.b32 q, %p1, -1;"), np.repeat(ballot, 32))
    for mode, expected in {
        "any": votes.any(1),
        "all": votes.all(1),
        "uni": votes.all(1) | ~votes.any(1),
    }.items():
        found = run(compare + f"vote.sync.{mode}.pred %p2, %p1, -1; selp.b32 q, 1, 0, %p2;")
        np.testing.assert_array_equal(found, np.repeat(expected, 32))


REDUCTIONS: dict[str, Callable[[Array], Array]] = {
    "add.s32": lambda x: x.astype(np.int64).sum(1).astype(np.uint32),
    "add.u32": lambda x: x.astype(np.int64).sum(1).astype(np.uint32),
    "max.s32": lambda x: x.view(np.int32).max(1).view(np.uint32),
    "min.s32": lambda x: x.view(np.int32).min(1).view(np.uint32),
    "max.u32": lambda x: x.max(1),
    "min.u32": lambda x: x.min(1),
    "and.b32": lambda x: np.bitwise_and.reduce(x, axis=1),
    "or.b32": lambda x: np.bitwise_or.reduce(x, axis=1),
    "xor.b32": lambda x: np.bitwise_xor.reduce(x, axis=1),
}


@pytest.mark.parametrize("name", REDUCTIONS)
def test_reductions(name: str) -> None:
    expected = REDUCTIONS[name](lanes(A))
    np.testing.assert_array_equal(run(f"redux.sync.{name} q, a, -1;"), np.repeat(expected, 32))


def test_part_of_a_warp() -> None:
    """The 8 lanes that are named reduce and shuffle among themselves."""
    body = THREAD + (
        "mov.b32 %r1, 1000; setp.ge.u32 %p1, %r63, 8; @%p1 bra OVER; redux.sync.add.s32 %r1, %r63, 255;"
        "shfl.sync.bfly.b32 %r2, %r63, 1, 31, 255; activemask.b32 %r3;"
        "add.s32 %r1, %r1, %r2; add.s32 %r1, %r1, %r3;"
        "OVER: mad.wide.u32 %rd1, %r63, 4, out; st.global.b32 [%rd1], %r1;"
    )
    out = np.zeros(32, np.int32)
    Module(kernel("ptr out", body)).launch("k", (1,), (32,), [out])
    np.testing.assert_array_equal(out, [28 + (lane ^ 1) + 255 if lane < 8 else 1000 for lane in range(32)])


def test_match_and_elect() -> None:
    found = lanes(run("and.b32 a, a, 3; match.any.sync.b32 q, a, -1;"))
    equal = (lanes(A)[:, :, None] & 3) == (lanes(A)[:, None, :] & 3)
    expected = (equal.astype(np.uint64) << np.arange(32, dtype=np.uint64)).sum(2)
    np.testing.assert_array_equal(found, expected)
    elected = lanes(run("elect.sync q|%p1, -1; selp.b32 %r1, 100, 0, %p1; add.s32 q, q, %r1;"))
    np.testing.assert_array_equal(elected, np.tile([100] + [0] * 31, (THREADS // 32, 1)))


def test_wrong_members() -> None:
    """A mask that names lanes that are elsewhere, or leaves out one that is here."""
    for mask in (15, 0x1FF):
        body = THREAD + "setp.ge.u32 %p1, %r63, 8; @%p1 bra OVER; redux.sync.add.s32 %r1, %r63, {0}; OVER:"
        with pytest.raises(KernelError, match="the member mask is not the lanes that are here"):
            Module(kernel("ptr out", body.format(mask))).launch("k", (1,), (32,), [np.zeros(4)])


def test_special_registers() -> None:
    text = "mov.u32 q, %laneid; mov.u32 %r1, %warpid; mad.lo.s32 q, %r1, 32, q;"
    found = run(text + "mov.u32 %r2, %lanemask_lt; add.s32 q, q, %r2;")
    lane, warp = np.arange(THREADS) % 32, np.arange(THREADS) // 32 % 4
    np.testing.assert_array_equal(found, lane + 32 * warp + (1 << lane) - 1)
