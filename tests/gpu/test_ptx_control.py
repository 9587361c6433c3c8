"""Branches, barriers and the order of warps in the PTX interpreter; races and deadlocks."""

from __future__ import annotations

from typing import get_args

import numpy as np
import pytest
from ptx import DeadlockError, KernelError, Module, RaceError
from ptx.machine import Order
from ptx.module import Argument
from snippets import THREAD, kernel

ORDERS: tuple[Order, ...] = get_args(Order)
STORE = "mov.u32 %r62, %tid.x; mad.wide.u32 %rd31, %r62, 4, out; st.global.b32 [%rd31], "


def launch(
    body: str, arguments: list[Argument], threads: int = 64, order: Order = "serial", seed: int = 0
) -> None:
    """One CTA with 1 KiB of shared memory ``sm``."""
    text = kernel("ptr out", THREAD + body, module=".shared .align 16 .b8 sm[1024];")
    Module(text).launch("k", (1,), (threads,), arguments, order=order, seed=seed)


@pytest.mark.parametrize("order", ORDERS)
def test_loops_of_different_lengths_meet_again(order: Order) -> None:
    """Thread t adds t, t - 1, ..., 1; what follows the loop runs once for all of them."""
    body = (
        "mov.b32 %r1, 0; mov.b32 %r2, %r63; setp.eq.s32 %p1, %r2, 0; @%p1 bra DONE;"
        "LOOP: add.s32 %r1, %r1, %r2; add.s32 %r2, %r2, -1; setp.ne.s32 %p1, %r2, 0; @%p1 bra LOOP;"
        "DONE: shfl.sync.idx.b32 %r3, %r1, 31, 31, -1;" + STORE + "%r3;"
    )
    out = np.zeros(64, np.int32)
    launch(body, [out], order=order)
    np.testing.assert_array_equal(out, np.repeat([31 * 32 // 2, 63 * 64 // 2], 32))


@pytest.mark.parametrize("order", ORDERS)
def test_switch(order: Order) -> None:
    body = (
        "and.b32 %r1, %r63, 3; L_brx: .branchtargets A, B, C, A; brx.idx %r1, L_brx;"
        "A: mov.b32 %r2, 10; bra.uni END; B: mov.b32 %r2, 20; bra.uni END; C: mov.b32 %r2, 30;"
        "END: add.s32 %r2, %r2, 1;" + STORE + "%r2;"
    )
    out = np.zeros(64, np.int32)
    launch(body, [out], order=order)
    np.testing.assert_array_equal(out, np.tile([11, 21, 31, 11], 16))
    with pytest.raises(KernelError, match="the index is outside the table of 4 labels"):
        launch(body.replace("%r63, 3", "%r63, 7"), [out])


def test_early_exit() -> None:
    """Threads that have ended do nothing more; a block need not be whole warps."""
    body = "setp.gt.u32 %p1, %r63, 40; @%p1 exit;" + STORE + "%r63;"
    out = np.full(64, -1, np.int32)
    launch(body, [out], threads=50)
    np.testing.assert_array_equal(out, np.where(np.arange(64) <= 40, np.arange(64), -1))


def test_trap() -> None:
    with pytest.raises(KernelError, match=r"thread \(33, 0, 0\): the kernel trapped"):
        launch("setp.eq.u32 %p1, %r63, 33; @%p1 trap;", [np.zeros(64, np.int32)])


def test_endless_loop() -> None:
    text = kernel("ptr out", "L: bra.uni L;")
    with pytest.raises(KernelError, match="more steps than the limit"):
        Module(text).launch("k", (1,), (32,), [np.zeros(4)], step_limit=1000)


def test_grids_and_blocks_of_three_dimensions() -> None:
    body = (
        "mov.u32 %r1, %tid.x; mov.u32 %r2, %tid.y; mov.u32 %r3, %tid.z;"
        "mov.u32 %r4, %ctaid.x; mov.u32 %r5, %ctaid.y; mov.u32 %r6, %ctaid.z;"
        "mov.u32 %r7, %nctaid.y; mov.u32 %r8, %ntid.z; mad.lo.s32 %r9, %r6, %r7, %r5;"
        "mad.lo.s32 %r9, %r9, 3, %r4; mad.lo.s32 %r9, %r9, %r8, %r3; mad.lo.s32 %r9, %r9, 4, %r2;"
        "mad.lo.s32 %r9, %r9, 5, %r1; mad.wide.u32 %rd1, %r9, 4, out; st.global.b32 [%rd1], %r9;"
    )
    out = np.zeros(3 * 2 * 2 * 5 * 4 * 2, np.int32)
    Module(kernel("ptr out", body)).launch("k", (3, 2, 2), (5, 4, 2), [out])
    np.testing.assert_array_equal(out, np.arange(len(out)))


def test_more_threads_than_run_at_a_time() -> None:
    out = np.zeros(300 * 1024, np.int32)
    text = kernel("ptr out", THREAD + "mad.wide.u32 %rd1, %r63, 4, out; st.global.b32 [%rd1], %r63;")
    statistics = Module(text).launch("k", (300,), (1024,), [out])
    np.testing.assert_array_equal(out, np.arange(len(out)))
    assert statistics.executed["st.global.b32"] == 300 * 32


EXCHANGE = (
    "mov.u32 %r1, sm; shl.b32 %r2, %r63, 2; add.s32 %r3, %r1, %r2;"
    "xor.b32 %r4, %r2, 128; add.s32 %r4, %r1, %r4;"
    "st.shared.b32 [%r3], %r63;{between} ld.shared.b32 %r5, [%r4];" + STORE + "%r5;"
)
"""Warp 0 and warp 1 swap their numbers."""


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("seed", range(3))
def test_barrier(order: Order, seed: int) -> None:
    out = np.zeros(64, np.int32)
    launch(EXCHANGE.format(between="bar.sync 0;"), [out], order=order, seed=seed)
    np.testing.assert_array_equal(out, np.arange(64) ^ 32)
    launch(EXCHANGE.format(between="barrier.sync.aligned 3, 64;"), [out], order=order, seed=seed)
    np.testing.assert_array_equal(out, np.arange(64) ^ 32)


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("seed", range(3))
def test_missing_barrier(order: Order, seed: int) -> None:
    """Found in every order: as a race, or as a read of what nobody has written yet."""
    with pytest.raises(KernelError, match=r"no barrier is between|nobody wrote"):
        launch(EXCHANGE.format(between=""), [np.zeros(64, np.int32)], order=order, seed=seed)


def test_races() -> None:
    out = np.zeros(64, np.int32)
    read = "setp.lt.u32 %p1, %r63, 32; @%p1 st.shared.b32 [sm], 1; {0} @!%p1 ld.shared.b32 %r1, [sm];"
    with pytest.raises(RaceError, match=r"thread \(32, 0, 0\): reads shared memory: warp 0 uses it"):
        launch(read.format(""), [out], order="lockstep")
    launch(read.format("bar.sync 0;"), [out], order="lockstep")
    write = "shr.u32 %r1, %r63, 5; st.shared.b8 [sm], %r1;"
    with pytest.raises(RaceError, match="overwrites shared memory that was written before"):
        launch(write, [out], order="lockstep")
    overwrite = (
        "setp.lt.u32 %p1, %r63, 32; @%p1 st.shared.b32 [sm], 1; bar.sync 0;"
        "@%p1 ld.shared.b32 %r1, [sm]; {0} @!%p1 st.shared.b8 [sm+2], 1;"
    )
    with pytest.raises(RaceError, match="overwrites shared memory that was read before: warp 0"):
        launch(overwrite.format(""), [out], order="lockstep")
    launch(overwrite.format("bar.sync 0;"), [out], order="lockstep")


def test_what_is_no_race() -> None:
    """Many readers, one warp alone, neighbouring bytes of different warps, atomics."""
    body = (
        "setp.eq.u32 %p1, %r63, 0; @%p1 st.shared.b32 [sm], 1; bar.sync 0; ld.shared.b32 %r1, [sm];"
        "mov.u32 %r2, sm; add.s32 %r2, %r2, %r63; st.shared.b8 [%r2+64], %r63; ld.shared.b8 %r3, [%r2+64];"
        "st.shared.b8 [%r2+64], %r3; bar.sync 0; red.shared.add.u32 [sm], 1; bar.sync 0;"
        "ld.shared.b32 %r4, [sm];" + STORE + "%r4;"
    )
    out = np.zeros(64, np.int32)
    launch(body, [out], order="lockstep")
    assert (out == 65).all()


DEADLOCKS = {
    "@%p1 bar.sync 0;": ["32 threads of warp 0 wait at barrier 0", "for 64 threads", "32 threads have ended"],
    "@!%p1 exit; bar.sync 0;": ["32 threads of warp 0 wait at barrier 0", "32 threads have ended"],
    "@%p1 bra A; bar.sync 1; bra.uni B; A: bar.sync 2; B:": [
        "warp 1 wait at barrier 1",
        "warp 0 wait at barrier 2",
    ],
    "@%p2 bra A; bra.uni B; A: bar.sync 0; B:": [
        "8 threads of warp 1 wait at barrier 0",
        "24 threads have ended",
    ],
    "@%p2 bra A; shfl.sync.bfly.b32 %r1, %r63, 1, 31, -1; A: bar.sync 0;": [
        "8 threads of warp 1 wait for the rest of their warp at line",
        "24 threads of warp 1 wait for the rest of their warp at line",
    ],
}


@pytest.mark.parametrize("body", DEADLOCKS)
def test_deadlocks(body: str) -> None:
    with pytest.raises(DeadlockError) as caught:
        launch("setp.lt.u32 %p1, %r63, 32; setp.lt.u32 %p2, %r63, 40;" + body, [np.zeros(64, np.int32)])
    assert "kernel k, CTA (0, 0, 0) cannot go on" in str(caught.value)
    for part in DEADLOCKS[body]:
        assert part in str(caught.value)


def test_arrive_and_named_barriers() -> None:
    """Warp 0 gives, warp 1 takes: the giver does not wait."""
    body = (
        "setp.lt.u32 %p1, %r63, 32; mov.u32 %r1, sm; and.b32 %r2, %r63, 31;"
        "shl.b32 %r2, %r2, 2; add.s32 %r2, %r1, %r2; mov.b32 %r3, 7;"
        " @!%p1 bra TAKE; st.shared.b32 [%r2], %r63; bar.arrive 1, 64; bra.uni DONE;"
        "TAKE: bar.sync 1, 64; ld.shared.b32 %r3, [%r2]; DONE:" + STORE + "%r3;"
    )
    out = np.zeros(64, np.int32)
    launch(body, [out])
    np.testing.assert_array_equal(out, np.where(np.arange(64) < 32, 7, np.arange(64) - 32))


@pytest.mark.parametrize("order", ORDERS)
def test_spinning_on_another_block(order: Order) -> None:
    """A grid barrier as kernels write it: an atomic counter, and a load until all have come."""
    body = THREAD + (
        "mov.u32 %r1, %tid.x; setp.ne.u32 %p1, %r1, 0; @%p1 bra WAIT; membar.gl;"
        "atom.global.add.u32 %r2, [out], 1;"
        "SPIN: ld.acquire.gpu.global.u32 %r3, [out]; setp.lt.u32 %p2, %r3, 3; @%p2 bra SPIN;"
        "WAIT: bar.sync 0;"
        "mul.wide.u32 %rd1, %r63, 4; add.s64 %rd1, %rd1, out; st.global.b32 [%rd1+16], %r63;"
    )
    out = np.zeros(4 + 3 * 64, np.int32)
    Module(kernel("ptr out", body)).launch("k", (3,), (64,), [out], order=order)
    np.testing.assert_array_equal(out[4:], np.arange(192))


def test_races_between_blocks() -> None:
    """In global memory, which nothing orders: but the same value may be stored twice."""
    number = THREAD + "mov.u32 %r1, %ctaid.x; setp.eq.u32 %p1, %r1, 0;"
    at_once = kernel("ptr out", number + "st.global.b8 [out+5], %r1;")
    with pytest.raises(RaceError, match="several threads store different values to one place at once"):
        Module(at_once).launch("k", (2,), (32,), [np.zeros(64, np.int32)])
    twice = number + "@%p1 st.global.b8 [out+5], 7; @!%p1 st.global.b8 [out+5], {0};"
    with pytest.raises(RaceError, match=r"CTA \(1, 0, 0\), .* stores over what CTA number 0 stored"):
        Module(kernel("ptr out", twice.format(8))).launch("k", (2,), (32,), [np.zeros(64, np.int32)])
    Module(kernel("ptr out", twice.format(7))).launch("k", (2,), (32,), [np.zeros(64, np.int32)])
    load = number + "@%p1 st.global.b32 [out+4], %r1; bar.sync 0; ld.global.b32 %r2, [out+{0}];"
    text = kernel("ptr out", load.format(4))
    with pytest.raises(RaceError, match="reads 4 bytes that CTA number 0 stored in this launch"):
        Module(text).launch("k", (2,), (32,), [np.zeros(64, np.int32)])
    Module(text).launch("k", (1,), (64,), [np.zeros(64, np.int32)])
    Module(text).launch("k", (2,), (32,), [np.zeros(64, np.int32)], races=False)
    Module(kernel("ptr out", load.format(8))).launch("k", (2,), (32,), [np.zeros(64, np.int32)])


def test_threads_of_a_warp_that_store_to_one_place() -> None:
    with pytest.raises(RaceError, match="several threads store different values to one place at once"):
        launch("st.shared.b32 [sm], %r63;", [np.zeros(64, np.int32)], threads=32)
    launch("st.shared.b32 [sm], 5;", [np.zeros(64, np.int32)], threads=32)


NEIGHBOUR = (
    "mov.u32 %r1, sm; shl.b32 %r2, %r63, 2; add.s32 %r2, %r1, %r2; xor.b32 %r3, %r63, 1; shl.b32 %r3, %r3, 2;"
    "add.s32 %r3, %r1, %r3; st.shared.b32 [%r2], %r63; {0} ld.shared.b32 %r4, [%r3]; {1}" + STORE + "%r4;"
)
"""Lanes swap their numbers with their neighbours; then something more."""


def test_races_inside_a_warp() -> None:
    out = np.zeros(64, np.int32)
    launch(NEIGHBOUR.format("bar.warp.sync -1;", ""), [out])
    np.testing.assert_array_equal(out, np.arange(64) ^ 1)
    launch(NEIGHBOUR.format("bar.sync 0;", ""), [out])
    with pytest.raises(
        RaceError, match=r"reads shared memory that lane 1 of the same warp wrote, and no bar\.warp"
    ):
        launch(NEIGHBOUR.format("", ""), [out])
    again = "{0} st.shared.b32 [%r2], 5;"
    with pytest.raises(RaceError, match="overwrites shared memory that lane 1 of the same warp read"):
        launch(NEIGHBOUR.format("bar.warp.sync -1;", again.format("")), [out])
    launch(NEIGHBOUR.format("bar.warp.sync -1;", again.format("bar.warp.sync -1;")), [out])
    everyone = (
        "bar.warp.sync -1; ld.shared.b32 %r5, [sm]; setp.eq.u32 %p1, %r63, 31; @%p1 st.shared.b32 [sm], 9;"
    )
    with pytest.raises(RaceError, match="overwrites shared memory that other lanes of the same warp read"):
        launch(NEIGHBOUR.format("bar.warp.sync -1;", everyone), [out], threads=32)
    matrix = "ldmatrix.sync.aligned.m8n8.x1.shared.b16 {{%r5}}, [sm];"
    with pytest.raises(RaceError, match="reads shared memory that lane 0 of the same warp wrote"):
        launch(NEIGHBOUR.format(matrix.format(), ""), [out], threads=32)
    launch(NEIGHBOUR.format("bar.warp.sync -1;" + matrix.format(), ""), [out], threads=32)
