"""Small hand-written PTX kernels of tensor-core instructions and asynchronous copies."""

from __future__ import annotations

from snippets import THREAD, kernel

LANE = "mov.u32 %r1, %laneid; shr.u32 %r2, %r1, 2; and.b32 %r3, %r1, 3;"
"""%r2 = lane / 4, %r3 = lane % 4."""


def copy_in(source: str, target: str, size: int) -> str:
    """The warp copies ``size`` bytes to shared memory, a byte a lane and step."""
    lines: list[str] = []
    for start in range(0, size, 32):
        lines.append(
            f"cvt.u64.u32 %rd9, %r1; add.s64 %rd8, {source}, %rd9; ld.global.b8 %rs9, [%rd8+{start}];"
            f"mov.u64 %rd7, {target}; add.s64 %rd7, %rd7, %rd9; st.shared.b8 [%rd7+{start}], %rs9;"
        )
    return "\n".join(lines) + "bar.sync 0;"


def ldmatrix(registers: str, target: str, count: int, stride: int, *, across: int, trans: str = "") -> str:
    """Load ``count`` matrices of rows ``stride`` bytes apart; every ``across``-th goes 16 bytes right."""
    return (
        f"and.b32 %r40, %r1, {8 * count - 1}; and.b32 %r41, %r40, {8 * across - 1}; shr.u32 %r42, %r40, "
        f"{3 + across.bit_length() - 1}; shl.b32 %r42, %r42, 4; mad.lo.s32 %r43, %r41, {stride}, %r42;"
        f"mov.u32 %r44, {target}; add.s32 %r44, %r44, %r43;"
        f"ldmatrix.sync.aligned.m8n8.x{count}{trans}.shared.b16 {{{registers}}}, [%r44];"
    )


def product_kernel(m: int, k: int, a_type: str, b_type: str, saturate: str = "") -> str:
    """D = A B + C for one warp: A [m, k] and B transposed, [8, k], through ldmatrix; C and D [m, 8] int32."""
    of_a, of_b, of_c = m * k // 128, k // 16, m // 4
    a = [f"%r{10 + i}" for i in range(of_a)]
    b = [f"%r{20 + i}" for i in range(of_b)]
    c = [f"%r{30 + i}" for i in range(of_c)]
    lines = [LANE, copy_in("pa", "sa", m * k), copy_in("pb", "sb", 8 * k)]
    lines.append(ldmatrix(", ".join(a), "sa", of_a, k, across=min(of_a, m // 8)))
    lines.append(ldmatrix(", ".join(b), "sb", of_b, k, across=1))
    at = "mad.lo.s32 %r50, %r2, 8, %r3; add.s32 %r50, %r50, %r3; mad.wide.u32 %rd1, %r50, 4, {0};"
    lines.append(at.format("pc"))
    lines += [f"ld.global.v2.b32 {{{c[i]}, {c[i + 1]}}}, [%rd1+{128 * i}];" for i in range(0, of_c, 2)]
    matrices = ", ".join("{" + ", ".join(each) + "}" for each in (c, a, b, c))
    lines.append(f"mma.sync.aligned.m{m}n8k{k}.row.col{saturate}.s32.{a_type}.{b_type}.s32 {matrices};")
    lines.append(at.format("out"))
    lines += [f"st.global.v2.b32 [%rd1+{128 * i}], {{{c[i]}, {c[i + 1]}}};" for i in range(0, of_c, 2)]
    variables = f".shared .align 16 .b8 sa[{m * k}];\n.shared .align 16 .b8 sb[{8 * k}];"
    return kernel("ptr pa, ptr pb, ptr pc, ptr out", "\n".join(lines), variables=variables)


def matrix_kernel(count: int, trans: str) -> str:
    """The registers of ldmatrix, stored lane by lane, and stored as matrices again."""
    names = [f"%r{10 + i}" for i in range(count)]
    lines = [LANE, copy_in("source", "sm", 128 * count)]
    lines.append(ldmatrix(", ".join(names), "sm", count, 16, across=count, trans=trans))
    lines.append(f"mad.wide.u32 %rd1, %r1, {4 * count}, out;")
    lines += [f"st.global.b32 [%rd1+{4 * i}], {name};" for i, name in enumerate(names)]
    stored = f"[%r44+{128 * count}], {{{', '.join(names)}}};"
    lines.append(f"stmatrix.sync.aligned.m8n8.x{count}{trans}.shared.b16 {stored}")
    lines.append("bar.warp.sync -1; mov.u64 %rd2, sm; cvt.u64.u32 %rd3, %r1; add.s64 %rd2, %rd2, %rd3;")
    for start in range(0, 128 * count, 32):
        lines.append(f"ld.shared.b8 %rs1, [%rd2+{128 * count + start}]; add.s64 %rd4, again, %rd3;")
        lines.append(f"st.global.b8 [%rd4+{start}], %rs1;")
    variables = f".shared .align 16 .b8 sm[{256 * count}];"
    return kernel("ptr source, ptr out, ptr again", "\n".join(lines), variables=variables)


MOVE = kernel(
    "ptr source, ptr out",
    LANE + "mad.wide.u32 %rd1, %r1, 4, source; ld.global.b32 %r4, [%rd1];"
    "movmatrix.sync.aligned.m8n8.trans.b16 %r5, %r4;"
    "mad.wide.u32 %rd1, %r1, 4, out; st.global.b32 [%rd1], %r5;",
)


def copy_kernel(wait: str, size: str = "16", before: str = "") -> str:
    """Two copies a thread, in groups of their own, each read by the thread that issued it."""
    body = THREAD + (
        "shl.b32 %r1, %r63, 4; mov.u32 %r2, sm; add.s32 %r2, %r2, %r1;"
        "cvt.u64.u32 %rd1, %r1; add.s64 %rd1, source, %rd1;"
        f"mov.b32 %r5, 5; {before} cp.async.cg.shared.global [%r2], [%rd1], {size}; cp.async.commit_group;"
        f"cp.async.cg.shared.global [%r2+1024], [%rd1+1024], {size}; cp.async.commit_group; cp.async.{wait};"
        "ld.shared.v4.b32 {%r10, %r11, %r12, %r13}, [%r2]; cvt.u64.u32 %rd2, %r1; add.s64 %rd2, out, %rd2;"
        "st.global.v4.b32 [%rd2], {%r10, %r11, %r12, %r13};"
    )
    return kernel("ptr source, ptr out", body, variables=".shared .align 16 .b8 sm[2048];")


SHAPES = [(16, 32), (16, 16), (8, 16)]
TYPES = [("s8", "s8"), ("u8", "s8"), ("s8", "u8"), ("u8", "u8")]
