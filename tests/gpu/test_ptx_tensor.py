"""Tensor-core instructions and asynchronous copies of the PTX interpreter."""

from __future__ import annotations

import numpy as np
import pytest
from ptx import Buffer, KernelError, Module, PoisonError, RaceError, Statistics
from ptx.machine import Copies
from snippets import THREAD, Array, as_one_module, kernel
from tensor_snippets import LANE, MOVE, SHAPES, TYPES, copy_kernel, matrix_kernel, product_kernel

from lowering.cuda.ptxas import assemble, find_ptxas
from lowering.cuda.targets import cuda_target

RNG = np.random.default_rng(3)


@pytest.mark.parametrize(("m", "k"), SHAPES)
@pytest.mark.parametrize(("a_type", "b_type"), TYPES)
@pytest.mark.parametrize("saturate", ["", ".satfinite"])
def test_products_of_matrices(m: int, k: int, a_type: str, b_type: str, saturate: str) -> None:
    """Whole matrices: rows through ldmatrix, the product, C and D where the PTX ISA says they are."""
    dtypes = {"s8": np.int8, "u8": np.uint8}
    text = product_kernel(m, k, a_type, b_type, saturate)
    for fill in (None, 0):
        a = RNG.integers(0, 256, (m, k), dtype=np.uint8).view(dtypes[a_type])
        b = RNG.integers(0, 256, (8, k), dtype=np.uint8).view(dtypes[b_type])
        if fill is not None:  # the extremes of every product
            a[:], b[:] = np.iinfo(a.dtype).min or 255, np.iinfo(b.dtype).min or 255
        c = RNG.integers(-(1 << 31), 1 << 31, (m, 8), dtype=np.int64).astype(np.int32)
        out = Buffer(np.zeros((m, 8), np.int32), initialised=False)
        Module(text).launch("k", (1,), (32,), [a, b, c, out])
        exact = a.astype(np.int64) @ b.astype(np.int64).T + c
        if saturate:
            exact = np.clip(exact, -(1 << 31), (1 << 31) - 1)
        np.testing.assert_array_equal(out.array, exact.astype(np.int32))


def test_the_kernels_are_ptx() -> None:
    if find_ptxas() is None:
        pytest.skip("no ptxas on PATH nor in nvidia-cuda-nvcc")
    texts = [product_kernel(m, k, *kinds, ".satfinite") for m, k in SHAPES for kinds in TYPES]
    texts += [matrix_kernel(count, trans) for count in (1, 2, 4) for trans in ("", ".trans")]
    texts += [copy_kernel("wait_group 0", "16, %r5"), MOVE]
    assert assemble(as_one_module(texts), cuda_target("cuda:sm_90")) is not None


@pytest.mark.parametrize("count", [1, 2, 4])
@pytest.mark.parametrize("trans", ["", ".trans"])
def test_matrices_between_shared_memory_and_registers(count: int, trans: str) -> None:
    source = RNG.integers(0, 1 << 16, (count, 8, 8), dtype=np.uint16)
    out, again = np.zeros((32, count), np.uint32), np.zeros((count, 8, 8), np.uint16)
    Module(matrix_kernel(count, trans)).launch("k", (1,), (32,), [source, out, again])
    for lane in range(32):
        for matrix in range(count):
            row, column = lane // 4, 2 * (lane % 4)
            held = source[matrix].T if trans else source[matrix]
            assert out[lane, matrix] == int(held[row, column + 1]) << 16 | int(held[row, column])
    np.testing.assert_array_equal(again, source)


def test_transposition_in_registers() -> None:
    source = RNG.integers(0, 1 << 16, (8, 8), dtype=np.uint16)
    out = np.zeros((8, 8), np.uint16)
    Module(MOVE).launch("k", (1,), (32,), [source, out])
    np.testing.assert_array_equal(out, source.T)


def test_poison_of_products() -> None:
    """A row of A that nobody wrote spoils its row of D alone."""
    text = product_kernel(16, 32, "s8", "s8")
    guarded = text.replace("st.shared.b8 [%rd7+64]", "@%p1 st.shared.b8 [%rd7+64]", 1)
    guarded = guarded.replace(LANE, LANE + "setp.ne.s32 %p1, 0, 0;")
    arguments = [np.ones((16, 32), np.int8), np.ones((8, 32), np.int8), np.zeros((16, 8), np.int32)]
    with pytest.raises(PoisonError, match=r"thread \(8, 0, 0\)"):  # row 2: lanes 8 to 11
        Module(guarded).launch("k", (1,), (32,), [*arguments, np.zeros((16, 8), np.int32)])
    only = guarded.replace("st.global.v2.b32", "@%p2 st.global.v2.b32")
    only = only.replace(LANE, LANE + "setp.ne.s32 %p2, %r2, 2;")
    out = np.zeros((16, 8), np.int32)
    Module(only).launch("k", (1,), (32,), [*arguments, out])
    assert (np.delete(out, [2, 10], axis=0) == 32).all()
    assert not out[[2, 10]].any()


def test_part_of_a_warp_cannot_multiply() -> None:
    text = product_kernel(16, 32, "s8", "s8").replace("mma.sync", "setp.eq.s32 %p1, %r1, 0; @!%p1 mma.sync")
    arguments = [np.ones((16, 32), np.int8), np.ones((8, 32), np.int8), np.zeros((16, 8), np.int32)]
    with pytest.raises(KernelError, match="without all its 32 lanes"):
        Module(text).launch("k", (1,), (32,), [*arguments, np.zeros((16, 8), np.int32)])


def copy(text: str, copies: Copies = "late") -> tuple[Array, Array]:
    source, out = RNG.integers(0, 256, 2048, dtype=np.uint8), np.zeros(1024, np.uint8)
    Module(text).launch("k", (1,), (64,), [source, out], copies=copies)
    return source, out


@pytest.mark.parametrize("copies", ["late", "early"])
@pytest.mark.parametrize("wait", ["wait_group 1", "wait_group 0", "wait_all"])
def test_copies_that_are_waited_for(copies: Copies, wait: str) -> None:
    source, out = copy(copy_kernel(wait), copies)
    np.testing.assert_array_equal(out, source[:1024])
    source, out = copy(copy_kernel(wait, "16, %r5"), copies)  # 5 of 16 bytes, then zeros
    np.testing.assert_array_equal(out, (source[:1024].reshape(-1, 16) * (np.arange(16) < 5)).reshape(-1))


@pytest.mark.parametrize("copies", ["late", "early"])
def test_copies_that_are_not_waited_for(copies: Copies) -> None:
    with pytest.raises(RaceError, match=r"a cp\.async is still filling it"):
        copy(copy_kernel("wait_group 2"), copies)
    with pytest.raises(RaceError, match=r"overwrites shared memory that was written before: a cp\.async"):
        copy(copy_kernel("wait_all").replace("[%r2+1024], [", "[%r2], ["), copies)


def test_copies_of_another_lane() -> None:
    """A wait is for the lane's own copies; those of others come with a barrier."""
    text = copy_kernel("wait_all").replace("}, [%r2];", "}, [%r3];")
    text = text.replace("ld.shared.v4", "bar.sync 0; ld.shared.v4")
    swapped = text.replace("bar.sync 0;", "xor.b32 %r3, %r2, 16; {0}")
    with pytest.raises(RaceError, match="lane 1 of the same warp wrote"):
        copy(swapped.replace("{0}", ""))
    before = swapped.replace("cp.async.wait_all", "bar.sync 0; cp.async.wait_all").replace("{0}", "")
    with pytest.raises(RaceError, match="lane 1 of the same warp wrote"):
        copy(before)
    source, out = copy(swapped.replace("{0}", "bar.warp.sync -1;"))
    pairs = source[:1024].reshape(-1, 2, 16)[:, ::-1]
    np.testing.assert_array_equal(out, pairs.reshape(-1))


def test_late_copies_without_the_race_detector() -> None:
    """What has not landed is poison."""
    with pytest.raises(PoisonError, match="the value that is stored"):
        Module(copy_kernel("wait_group 2")).launch(
            "k", (1,), (64,), [np.zeros(2048, np.uint8), np.zeros(1024, np.uint8)], races=False
        )


def test_nothing_is_read_for_size_zero() -> None:
    text = copy_kernel("wait_all", "16, %r5", before="mov.b32 %r5, 0; mov.b64 %rd1, 0;")
    _, out = copy(text)
    assert not out.any()


def statistics_of(stride: int) -> Statistics:
    """Lane l reads the word at ``l * stride``."""
    body = (
        LANE
        + f"mul.lo.s32 %r4, %r1, {stride}; mov.u32 %r5, sm; add.s32 %r4, %r4, %r5; ld.shared.b32 %r6, [%r4];"
    )
    text = kernel("ptr out", body, variables=".shared .align 128 .b8 sm[8192];")
    return Module(text).launch("k", (1,), (32,), [np.zeros(4)], banks=True)


@pytest.mark.parametrize(("stride", "extra"), [(4, 0), (0, 0), (8, 1), (16, 3), (128, 31), (132, 0)])
def test_bank_conflicts(stride: int, extra: int) -> None:
    assert statistics_of(stride).bank_conflicts == {"load": (1, extra)}


def test_instruction_mix() -> None:
    """Executed and static counts, and the share in the innermost loop."""
    body = THREAD + (
        "mov.b32 %r1, 0; mov.b32 %r2, 3; OUTER: mov.b32 %r3, 5; INNER: dp4a.s32.s32 %r1, %r3, %r3, %r1;"
        "add.s32 %r3, %r3, -1; setp.ne.s32 %p1, %r3, 0; @%p1 bra INNER; add.s32 %r2, %r2, -1;"
        "setp.ne.s32 %p1, %r2, 0; @%p1 bra OUTER;"
    )
    statistics = Module(kernel("ptr out", body)).launch("k", (2,), (96,), [np.zeros(4)])
    assert statistics.executed["dp4a.s32.s32"] == 2 * 3 * 3 * 5
    assert statistics.static["dp4a.s32.s32"] == 1
    (loop,) = statistics.loops
    assert (loop.size, loop.share("dp4a", "mma"), loop.executed) == (4, 0.25, 2 * 3 * 3 * 5 * 4)
