"""Memory in the PTX interpreter: what loads and stores do, and which of them are errors."""

from __future__ import annotations

import numpy as np
import pytest
from ptx import AlignmentError, BoundsError, Buffer, Module, PoisonError, PTXError, ReadOnlyError, Statistics
from ptx.module import Argument
from snippets import THREAD, Array, kernel

RNG = np.random.default_rng(1)


def launch(
    parameters: str, body: str, arguments: list[Argument], threads: int = 64, module: str = ""
) -> Statistics:
    """One CTA."""
    return Module(kernel(parameters, body, module=module)).launch(
        "k", (1,), (threads,), arguments, shared_bytes=256
    )


def random_bytes(count: int) -> Array:
    return RNG.integers(0, 256, count, dtype=np.uint8)


@pytest.mark.parametrize("space", ["global", "global.nc", "shared", "local"])
@pytest.mark.parametrize(
    "shape", ["b8", "s8", "u16", "b32", "b64", "v2.b8", "v4.u16", "v2.b32", "v4.b32", "v2.b64"]
)
def test_loads_and_stores(space: str, shape: str) -> None:
    """Bytes go from ``source`` through the space and registers to ``out``."""
    *vector, kind = shape.split(".")
    count, size = int(vector[0][1:]) if vector else 1, int(kind[1:]) // 8
    total = count * size
    prefix = {8: "%rd", 4: "%r", 2: "%rs", 1: "%rs"}[size]
    registers = ", ".join(f"{prefix}{10 + i}" for i in range(count))
    registers = f"{{{registers}}}" if vector else registers
    lines = [THREAD, f"mad.wide.u32 %rd0, %r63, {total}, source;", f"mad.wide.u32 %rd1, %r63, {total}, out;"]
    module = ".shared .align 16 .b8 pad[16];\n.shared .align 16 .b8 sm[1024];"
    if space.startswith("global"):
        lines += [f"ld.{space}.{shape} {registers}, [%rd0];"]
    else:
        stored = shape.replace("s8", "b8")
        lines += [".local .align 16 .b8 depot[32];"]
        base = (
            "mov.u64 %rd2, depot;"
            if space == "local"
            else f"mov.u64 %rd3, sm; mad.wide.u32 %rd2, %r63, {total}, %rd3;"
        )
        lines += [
            base,
            f"ld.global.{stored} {registers}, [%rd0];",
            f"st.{space}.{stored} [%rd2], {registers};",
        ]
        lines += [f"mov.b32 %r{10 + i}, 0;" for i in range(count)] if size == 4 else []
        lines += [f"ld.{space}.{shape} {registers}, [%rd2];"]
    lines += [f"st.global.{shape.replace('s8', 'b8')} [%rd1], {registers};"]
    source, out = random_bytes(64 * total), Buffer(np.zeros(64 * total, np.uint8), initialised=False)
    launch("ptr source, ptr out", "\n".join(lines), [source, out], module=module)
    np.testing.assert_array_equal(out.array, source)
    assert out.written.all()


def test_signed_bytes_fill_the_register() -> None:
    source, out = np.arange(-32, 32, dtype=np.int8), np.zeros(64, np.int32)
    body = THREAD + "cvt.u64.u32 %rd0, %r63; add.s64 %rd0, %rd0, source; ld.global.s8 %r1, [%rd0];"
    launch(
        "ptr source, ptr out",
        body + "mad.wide.u32 %rd1, %r63, 4, out; st.global.b32 [%rd1], %r1;",
        [source, out],
    )
    np.testing.assert_array_equal(out, np.arange(-32, 32))


def test_parameters() -> None:
    out = np.zeros(4, np.int64)
    body = (
        "cvt.s64.s16 %rd1, byte; st.global.b64 [out], %rd1;"
        "cvt.s64.s16 %rd2, half; st.global.b64 [out+8], %rd2;"
        "cvt.s64.s32 %rd3, word; st.global.b64 [out+16], %rd3; st.global.b64 [out+24], long;"
    )
    text = kernel("ptr out, s8 byte, u16 half, u32 word, u64 long", body)
    Module(text).launch("k", (1,), (1,), [out, -5, -6, -7, -8])
    assert out.tolist() == [-5, -6, -7, -8]


def test_parameter_by_value() -> None:
    text = kernel("ptr out", "ld.param.v2.b32 {%r1, %r2}, [p_n+8]; st.global.v2.b32 [out], {%r1, %r2};")
    text = text.replace("p_out)", "p_out, .param .align 16 .b8 p_n[16])")
    out = np.zeros(2, np.int32)
    Module(text).launch("k", (1,), (1,), [out, np.arange(4, dtype=np.int32).tobytes()])
    assert out.tolist() == [2, 3]


def test_parameter_at_an_address() -> None:
    """Each lane chooses its parameter, as LLVM does where two are selected from."""
    body = (
        "mov.u32 %r1, %tid.x; setp.eq.s32 %p1, %r1, 0; mov.b64 %rd1, p_a; mov.b64 %rd2, p_b;"
        "selp.b64 %rd3, %rd1, %rd2, %p1; ld.param.b64 %rd4, [%rd3]; mul.wide.u32 %rd5, %r1, 8;"
        "add.s64 %rd6, out, %rd5; st.global.b64 [%rd6], %rd4;"
    )
    text = kernel("ptr out, u64 a, u64 b", body)
    out = np.zeros(2, np.int64)
    Module(text).launch("k", (1,), (2,), [out, 11, 22])
    assert out.tolist() == [11, 22]
    with pytest.raises(BoundsError, match="outside the kernel's 24 bytes of parameters"):
        Module(text.replace("[%rd3]", "[%rd3+16]")).launch("k", (1,), (2,), [out, 11, 22])


def test_module_variables() -> None:
    module = (
        ".const .align 4 .b32 table[4] = {10, 20, -30};\n.global .align 1 .b8 bytes[3] = {1, 2, 255};\n"
        ".global .align 8 .u64 counter;"
    )
    body = (
        "ld.const.b32 %r1, [table+8]; ld.const.b32 %r2, [table+12]; ld.global.u8 %r3, [bytes+2];"
        "ld.global.b32 %r4, [counter]; add.s32 %r4, %r4, 1; st.global.b32 [counter], %r4;"
        "st.global.v4.b32 [out], {%r1, %r2, %r3, %r4};"
    )
    loaded, out = Module(kernel("ptr out", body, module=module)), np.zeros(4, np.int32)
    for calls in (1, 2):
        loaded.launch("k", (1,), (1,), [out])
        assert out.tolist() == [-30, 0, 255, calls]


def test_generic_addresses() -> None:
    module = ".shared .align 4 .b8 sm[256];"
    body = THREAD + (
        ".local .align 4 .b8 depot[4]; mov.u64 %rd1, depot; cvta.local.u64 %rd1, %rd1; st.u32 [%rd1], %r63;"
        "mov.u64 %rd2, sm; cvta.shared.u64 %rd2, %rd2; mad.wide.u32 %rd2, %r63, 4, %rd2;"
        "ld.u32 %r1, [%rd1]; st.u32 [%rd2], %r1; ld.u32 %r2, [%rd2]; cvta.to.shared.u64 %rd4, %rd2;"
        "ld.shared.u32 %r3, [%rd4]; add.s32 %r2, %r2, %r3;"
        "mad.wide.u32 %rd3, %r63, 4, out; st.u32 [%rd3], %r2;"
    )
    out = np.zeros(64, np.int32)
    launch("ptr out", body, [out], module=module)
    np.testing.assert_array_equal(out, 2 * np.arange(64))


def test_several_buffers_in_one_access() -> None:
    """Lanes may address different buffers."""
    body = THREAD + (
        "and.b32 %r1, %r63, 1; setp.eq.s32 %p1, %r1, 0; selp.b64 %rd1, a, b, %p1;"
        "mad.wide.u32 %rd1, %r63, 4, %rd1;"
        "ld.global.b32 %r2, [%rd1]; mad.wide.u32 %rd2, %r63, 4, out; st.global.b32 [%rd2], %r2;"
    )
    a, b, out = np.arange(64, dtype=np.int32), -np.arange(64, dtype=np.int32), np.zeros(64, np.int32)
    launch("ptr a, ptr b, ptr out", body, [a, b, out])
    np.testing.assert_array_equal(out, np.where(np.arange(64) % 2, b, a))


CALL = """
.func (.param .b32 func_retval0) twice(.param .b32 twice_param_0, .param .b64 twice_param_1)
{
.reg .b32 %r<4>; .reg .b64 %rd<2>; .reg .pred %p<2>;
ld.param.b32 %r1, [twice_param_0];
ld.param.b64 %rd1, [twice_param_1];
setp.lt.s32 %p1, %r1, 10;
@%p1 bra SMALL;
st.param.b32 [func_retval0], %r1;
ret;
SMALL:
cvt.u32.u64 %r2, %rd1;
mad.lo.s32 %r3, %r1, 2, %r2;
st.param.b32 [func_retval0], %r3;
ret;
}
"""


def test_calls() -> None:
    """Lanes return from different places of a function, to different callers."""
    call = (
        "{{ .param .b32 param0; .param .b64 param1; .param .b32 retval0; st.param.b32 [param0], {0};"
        "st.param.b64 [param1], {1}; call.uni (retval0), twice, (param0, param1);"
        "ld.param.b32 {0}, [retval0]; }}"
    )
    body = THREAD + "mov.b64 %rd1, 100; mov.b64 %rd2, 1000; setp.lt.u32 %p1, %r63, 5; @%p1 bra FIRST;"
    body += call.format("%r63", "%rd1") + "bra.uni DONE; FIRST:" + call.format("%r63", "%rd2") + "DONE:"
    body += "mov.u32 %r62, %tid.x; mad.wide.u32 %rd3, %r62, 4, out; st.global.b32 [%rd3], %r63;"
    out = np.zeros(64, np.int32)
    launch("ptr out", body, [out], module=CALL)
    n = np.arange(64)
    np.testing.assert_array_equal(out, np.where(n < 5, 2 * n + 1000, np.where(n < 10, 2 * n + 100, n)))


@pytest.mark.parametrize(
    ("operation", "expected"),
    [
        ("add.u32", sum(range(64))),
        ("max.s32", 63),
        ("min.s32", 0),
        ("or.b32", 63),
        ("xor.b32", 0),
        ("exch.b32", None),
    ],
)
@pytest.mark.parametrize("space", ["global", "shared"])
def test_atomics(operation: str, expected: int | None, space: str) -> None:
    """All threads at one place, each seeing what the one before it left."""
    module = ".shared .align 4 .b32 cell;"
    body = THREAD + (
        "setp.eq.u32 %p1, %r63, 0; @%p1 st.shared.b32 [cell], 0; @%p1 st.global.b32 [total], 0; bar.sync 0;"
        f"atom.{space}.{operation} %r1, [{'cell' if space == 'shared' else 'total'}], %r63; bar.sync 0;"
        "@%p1 ld.shared.b32 %r2, [cell]; @%p1 ld.global.b32 %r3, [total]; @%p1 add.s32 %r2, %r2, %r3;"
        "@%p1 st.global.b32 [total], %r2; mad.wide.u32 %rd2, %r63, 4, out; st.global.b32 [%rd2], %r1;"
    )
    total, out = np.zeros(1, np.int32), np.zeros(64, np.int32)
    launch("ptr total, ptr out", body, [total, out], module=module)
    assert total[0] in (range(64) if expected is None else [expected])


def test_tickets() -> None:
    """Every thread gets a number of its own."""
    body = THREAD + "atom.global.add.u32 %r1, [total], 1;"
    body += "mad.wide.u32 %rd2, %r63, 4, out; st.global.b32 [%rd2], %r1;"
    total, out = np.zeros(1, np.int32), np.zeros(64, np.int32)
    launch("ptr total, ptr out", body, [total, out])
    assert sorted(out) == list(range(64))


def test_compare_and_swap() -> None:
    body = THREAD + "atom.global.cas.b32 %r1, [total], 7, %r63;"
    body += "mad.wide.u32 %rd2, %r63, 4, out; st.global.b32 [%rd2], %r1;"
    total, out = np.full(1, 7, np.int32), np.zeros(64, np.int32)
    launch("ptr total, ptr out", body, [total, out])
    winners = np.flatnonzero(out == 7)
    assert len(winners) == 1
    assert total[0] == winners[0]


def test_global_bounds() -> None:
    body = THREAD + "mad.wide.u32 %rd1, %r63, 4, out; st.global.b32 [%rd1], %r63;"
    place = r"kernel k, line \d+, `st\.global\.b32 \[%rd1\], %r63`, CTA \(0, 0, 0\), thread \(60, 0, 0\)"
    message = place + r": 4 bytes at 0x\w+: at byte 240 of buffer 0 \(p_out\), which has 240"
    with pytest.raises(BoundsError, match=message):
        launch("ptr out", body, [np.zeros(60, np.int32)])
    with pytest.raises(BoundsError, match="byte -4 of buffer 0"):
        launch("ptr out", "ld.global.b32 %r1, [out+-4];", [np.zeros(60, np.int32)])
    with pytest.raises(BoundsError, match="near no buffer"):
        launch("ptr out", "mov.b64 %rd1, 0; ld.global.b32 %r1, [%rd1];", [np.zeros(60, np.int32)])
    # the last element only partly inside
    with pytest.raises(BoundsError, match="8 bytes"):
        launch("ptr out", "ld.global.b64 %rd1, [out+8];", [np.zeros(3, np.int32)])


def test_shared_and_local_bounds() -> None:
    with pytest.raises(BoundsError, match="byte 512 of shared memory, which has 512"):
        launch(
            "ptr out",
            "st.shared.b8 [sm+256], %rs0;",
            [np.zeros(4)],
            module=".extern .shared .b8 sm[];\n.shared .b8 a[256];",
        )
    with pytest.raises(BoundsError, match="byte 8 of local memory, which has 8"):
        launch("ptr out", ".local .align 4 .b8 depot[8]; st.local.b32 [depot+8], 0;", [np.zeros(4)])


def test_short_addresses_wrap() -> None:
    """A 32-bit base below zero, and an offset that brings it back."""
    body = (
        "mov.u32 %r1, sm; add.s32 %r1, %r1, -4096; st.shared.b32 [%r1+4100], 7; ld.shared.b32 %r2, [sm+4];"
        "st.global.b32 [out], %r2;"
    )
    out = np.zeros(4, np.int32)
    launch("ptr out", body, [out], 1, ".shared .align 16 .b8 sm[64];")
    assert out[0] == 7


@pytest.mark.parametrize("space", ["global", "shared", "local"])
def test_alignment(space: str) -> None:
    name = {"global": "out", "shared": "sm", "local": "depot"}[space]
    body = f".local .align 16 .b8 depot[64]; ld.{space}.v4.b32 {{%r1, %r2, %r3, %r4}}, [{name}+8];"
    with pytest.raises(AlignmentError, match="not a multiple of 16 bytes"):
        launch("ptr out", body, [np.zeros(64, np.int32)], module=".shared .align 16 .b8 sm[64];")


def test_promised_alignment_is_kept() -> None:
    with pytest.raises(PTXError, match="promised at multiples of 16 bytes"):
        launch("ptr out", "", [Buffer(np.zeros(4), offset=8)])
    launch("ptr out", "", [Buffer(np.zeros(4), offset=16)])


POISON = {
    "a register": "",
    "shared memory": "ld.shared.b32 %r1, [sm];",
    "local memory": ".local .align 4 .b8 depot[8]; ld.local.b32 %r1, [depot];",
    "a buffer": "ld.global.b32 %r1, [empty];",
    "a division by zero": "mov.b32 %r2, 0; div.s32 %r1, 7, %r2;",
    "a sum": "mov.b32 %r2, 1; add.s32 %r1, %r2, %r3;",
    "a product of bytes": "mov.b32 %r2, 1; dp4a.s32.s32 %r1, %r2, %r2, %r3;",
    "a pair": "mov.b32 %r1, {%rs1, %rs2};",
    "the chosen operand": "setp.eq.s32 %p2, 0, 0; selp.b32 %r1, %r2, 5, %p2;",
    "stored and loaded": "st.shared.b32 [sm], %r2; ld.shared.b32 %r1, [sm];",
    "a byte of a word": "st.shared.b16 [sm], %rs1; ld.shared.b32 %r1, [sm];",
    "under a guard": "setp.ne.s32 %p2, 0, 0; @%p2 mov.b32 %r1, 5;",
}
USES = {
    "stored": ("st.global.b32 [out], %r1;", "the value that is stored"),
    "an address": (
        "cvt.u64.u32 %rd1, %r1; add.s64 %rd1, %rd1, out; ld.global.b32 %r2, [%rd1];",
        "the address",
    ),
    "a branch": ("setp.eq.s32 %p1, %r1, 0; @%p1 bra OVER; OVER:", "the predicate"),
    "a guard": ("setp.eq.s32 %p1, %r1, 0; @%p1 mov.b32 %r2, 0;", "the predicate"),
    "an atomic": ("red.global.add.u32 [out], %r1;", "the value that is stored"),
}


@pytest.mark.parametrize("use", USES)
@pytest.mark.parametrize("source", POISON)
def test_poison(source: str, use: str) -> None:
    text, message = USES[use]
    empty = Buffer(np.zeros(4, np.int32), initialised=False)
    with pytest.raises(PoisonError, match=message):
        launch(
            "ptr out, ptr empty", POISON[source] + text, [np.zeros(4, np.int32), empty], 1, ".shared .b32 sm;"
        )


def test_poison_says_where_it_was_read() -> None:
    body = "ld.shared.b32 %r1, [sm+4];\nadd.s32 %r2, %r1, 1;\nst.global.b32 [out], %r2;"
    with pytest.raises(PoisonError, match=r"first read at line \d+, `ld\.shared\.b32 %r1, \[sm\+4\]`, CTA"):
        launch("ptr out", body, [np.zeros(4, np.int32)], 1, ".shared .b32 sm[2];")


def test_poison_that_nobody_uses_is_no_error() -> None:
    """The operand not chosen, bytes not selected, a store by other lanes."""
    body = THREAD + (
        "setp.eq.s32 %p1, 0, 0; selp.b32 %r1, 5, %r2, %p1; prmt.b32 %r3, %r1, %r2, 0x3210U;"
        "setp.lt.u32 %p2, %r63, 8; @%p2 mov.b32 %r4, %r3;"
        "mad.wide.u32 %rd1, %r63, 4, out; @%p2 st.global.b32 [%rd1], %r4;"
    )
    out = np.zeros(8, np.int32)
    launch("ptr out", body, [out])
    assert (out == 5).all()


def test_read_only() -> None:
    store = "st.global.b32 [out], 1;"
    with pytest.raises(ReadOnlyError, match="stores to buffer weights, which is read-only"):
        launch("ptr out", store, [Buffer(np.zeros(4, np.int32), "weights", writable=False)])
    with pytest.raises(
        ReadOnlyError, match=r"stores to buffer 0 \(p_out\), which .*ld\.global\.nc.* reads as constant"
    ):
        launch("ptr out", "ld.global.nc.b32 %r1, [out];" + store, [np.zeros(4, np.int32)])
    with pytest.raises(
        ReadOnlyError, match=r"reads buffer 0 \(p_out\) as constant, but .*st\.global.* writes it"
    ):
        launch("ptr out", store + "ld.global.nc.b32 %r1, [out+4];", [np.zeros(4, np.int32)])


def test_what_was_written() -> None:
    body = THREAD + "setp.lt.u32 %p1, %r63, 5; mad.wide.u32 %rd1, %r63, 4, out; @%p1 st.global.b16 [%rd1], 3;"
    shorts = Buffer(np.zeros(128, np.int16))
    launch("ptr out", body, [shorts])
    assert np.flatnonzero(shorts.written).tolist() == [0, 2, 4, 6, 8]
    words = Buffer(np.zeros(64, np.int32))
    launch("ptr out", body, [words])
    assert not words.written.any()  # half a word is not a word
