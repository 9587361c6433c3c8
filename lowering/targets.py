"""Facts about the targets of the CPU path, as data: kernels ask, and never branch on a target's name."""

from __future__ import annotations

from dataclasses import dataclass, replace

import llvmlite.binding as llvm

NARROW_BITS = 7
"""Of weights whose products with unsigned bytes int16 holds two of: ``2 * 255 * 2^6 < 2^15``."""


@dataclass(frozen=True)
class DotInstruction:
    """How groups of ``depth`` products enter an int32 lane.

    Depth 2 multiplies int16 lanes by twos; depth 4 multiplies unsigned by signed bytes by fours, so that int8
    activations are offset by 128 and the bias makes up for it, or, where it is ``signed``, two signed bytes.
    ``accumulates`` says that the instruction adds to its first operand, else an addition follows. Without
    ``intrinsic``, widened lanes are multiplied. With ``pair_sum`` the intrinsic leaves sums of two products
    in int16, where it saturates; ``pair_sum``, an instruction of depth 2, adds these up by twos.
    """

    depth: int
    intrinsic: str | None
    accumulates: bool
    pair_sum: str | None = None
    signed: bool = False

    @property
    def offsets(self) -> bool:
        """Whether int8 activations are offset by 128."""
        return self.depth == 4 and not self.signed


@dataclass(frozen=True)
class Target:
    """One processor: what LLVM is told, and what the kernels are shaped by.

    ``vector_bytes`` is the width of a register; the GEMM keeps ``tile_rows`` rows of ``tile_columns`` int32
    accumulators in registers. ``byte_permute`` names the intrinsic that looks bytes up in two registers
    (128 entries), ``byte_shuffle`` the one that looks them up in each 16 bytes of a register by itself; a
    processor may lack either. ``narrow_dot`` is what multiplies faster than ``weight_dot`` where weights have
    few bits, or None. ``shifts_wide`` says that it shifts 64-bit lanes arithmetically.
    """

    name: str
    triple: str
    cpu: str
    features: str
    vector_bytes: int
    pair_dot: DotInstruction
    weight_dot: DotInstruction
    tile_rows: int
    tile_columns: int
    byte_permute: str | None = None
    byte_shuffle: str | None = None
    narrow_dot: DotInstruction | None = None
    shifts_wide: bool = False

    def weight_instruction(self, bits: int) -> DotInstruction:
        """For bytes by weights of ``bits``: ``narrow_dot`` where the width proves that it cannot saturate."""
        if self.narrow_dot is not None and bits <= NARROW_BITS:
            return self.narrow_dot
        return self.weight_dot

    def lanes(self, width: int) -> int:
        """How many integers of ``width`` bits a register holds."""
        return self.vector_bytes * 8 // width

    @property
    def looks_up_bytes(self) -> bool:
        """Whether it looks many bytes up at once."""
        return self.byte_permute is not None or self.byte_shuffle is not None

    def packs_like(self, other: Target) -> bool:
        """Whether constants packed for ``other`` suit this one's kernels."""
        mine, theirs = (
            (
                t.tile_columns,
                *((dot.depth, dot.offsets) for dot in map(t.weight_instruction, (NARROW_BITS, 8))),
            )
            for t in (self, other)
        )
        return mine == theirs

    @property
    def unsigned_dot(self) -> DotInstruction:
        """For unsigned bytes by signed bytes."""
        return self.pair_dot if self.weight_dot.signed else self.weight_dot


PLAIN = DotInstruction(2, None, accumulates=False)
PMADDWD_256 = DotInstruction(2, "llvm.x86.avx2.pmadd.wd", accumulates=False)
PMADDWD_512 = DotInstruction(2, "llvm.x86.avx512.pmaddw.d.512", accumulates=False)
PMADDUBSW_256 = DotInstruction(
    4, "llvm.x86.avx2.pmadd.ub.sw", accumulates=False, pair_sum=PMADDWD_256.intrinsic
)
PMADDUBSW_512 = DotInstruction(
    4, "llvm.x86.avx512.pmaddubs.w.512", accumulates=False, pair_sum=PMADDWD_512.intrinsic
)
VPDPWSSD_512 = DotInstruction(2, "llvm.x86.avx512.vpdpwssd.512", accumulates=True)
VPDPBUSD_512 = DotInstruction(4, "llvm.x86.avx512.vpdpbusd.512", accumulates=True)
VPDPWSSD_256 = DotInstruction(2, "llvm.x86.avx512.vpdpwssd.256", accumulates=True)
VPDPBUSD_256 = DotInstruction(4, "llvm.x86.avx512.vpdpbusd.256", accumulates=True)
SMLAL = DotInstruction(2, None, accumulates=True)
SDOT = DotInstruction(4, "llvm.aarch64.neon.sdot.v4i32.v16i8", accumulates=True, signed=True)

_AVX2_FEATURES = ("avx2", "fma", "bmi2")
_AVX512_FEATURES = ("avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl")

X86_64_AVX512VBMI = Target(
    name="x86-64-avx512vbmi",
    triple="x86_64-unknown-linux-gnu",
    cpu="x86-64-v4",
    features="+avx512vnni,+avx512vbmi",
    vector_bytes=64,
    pair_dot=VPDPWSSD_512,
    weight_dot=VPDPBUSD_512,
    tile_rows=6,
    tile_columns=64,
    byte_permute="llvm.x86.avx512.vpermi2var.qi.512",
    byte_shuffle="llvm.x86.avx512.pshuf.b.512",
    shifts_wide=True,
)
X86_64_AVX512VNNI = replace(
    X86_64_AVX512VBMI,
    name="x86-64-avx512vnni",
    features="+avx512vnni",
    byte_permute=None,
)
X86_64_AVX512 = replace(
    X86_64_AVX512VNNI,
    name="x86-64-avx512",
    features="",
    pair_dot=PMADDWD_512,
    weight_dot=PMADDWD_512,
    narrow_dot=PMADDUBSW_512,
)
X86_64_AVX2 = Target(
    name="x86-64-avx2",
    triple="x86_64-unknown-linux-gnu",
    cpu="x86-64-v3",
    features="",
    vector_bytes=32,
    pair_dot=PMADDWD_256,
    weight_dot=PMADDWD_256,
    tile_rows=6,
    tile_columns=16,
    byte_shuffle="llvm.x86.avx2.pshuf.b",
    narrow_dot=PMADDUBSW_256,
)
X86_64_AVXVNNI = replace(
    X86_64_AVX2,
    name="x86-64-avxvnni",
    features="+avxvnni",
    pair_dot=VPDPWSSD_256,
    weight_dot=VPDPBUSD_256,
    narrow_dot=None,
)
# The same kernels in AVX-512's encoding, for processors that slow down for 512-bit registers.
X86_64_AVX512VNNI_256 = replace(
    X86_64_AVXVNNI,
    name="x86-64-avx512vnni-256",
    cpu=X86_64_AVX512VNNI.cpu,
    features=X86_64_AVX512VNNI.features,
    shifts_wide=True,
)
GENERIC = Target(
    name="generic",
    triple="",
    cpu="generic",
    features="",
    vector_bytes=16,
    pair_dot=PLAIN,
    weight_dot=PLAIN,
    tile_rows=4,
    tile_columns=8,
)

AARCH64 = replace(
    GENERIC,
    name="aarch64",
    triple="aarch64-unknown-linux-gnu",
    pair_dot=SMLAL,
    weight_dot=SMLAL,
    tile_columns=16,
    byte_shuffle="llvm.aarch64.neon.tbl1.v16i8",
)
AARCH64_DOTPROD = replace(
    AARCH64,
    name="aarch64-dotprod",
    features="+dotprod",
    weight_dot=SDOT,
    tile_rows=6,
)
# Without the vector extension a vector of two int32 lanes becomes two registers.
RISCV64 = replace(
    GENERIC,
    name="riscv64",
    triple="riscv64-unknown-linux-gnu",
    cpu="generic-rv64",
    features="+m,+a,+f,+d,+c",
    vector_bytes=8,
    tile_rows=2,
    tile_columns=4,
)

TARGETS = {
    t.name: t
    for t in (
        X86_64_AVX512VBMI,
        X86_64_AVX512VNNI,
        X86_64_AVX512VNNI_256,
        X86_64_AVX512,
        X86_64_AVXVNNI,
        X86_64_AVX2,
        AARCH64_DOTPROD,
        AARCH64,
        RISCV64,
        GENERIC,
    )
}
"""By name, the most capable first."""

_NEEDS = {
    X86_64_AVX512VBMI.name: (*_AVX512_FEATURES, "avx512vnni", "avx512vbmi"),
    X86_64_AVX512VNNI.name: (*_AVX512_FEATURES, "avx512vnni"),
    X86_64_AVX512VNNI_256.name: (*_AVX512_FEATURES, "avx512vnni"),
    X86_64_AVX512.name: _AVX512_FEATURES,
    X86_64_AVXVNNI.name: (*_AVX2_FEATURES, "avxvnni"),
    X86_64_AVX2.name: _AVX2_FEATURES,
    AARCH64_DOTPROD.name: ("dotprod",),
    AARCH64.name: (),
    RISCV64.name: (),
    GENERIC.name: (),
}


def target_by_name(name: str) -> Target:
    """The target of that name; ``host`` is the machine at hand. ValueError names the choices."""
    if name == "host":
        return host_target()
    if name not in TARGETS:
        raise ValueError(f"unknown target '{name}', expected host or one of {', '.join(TARGETS)}")
    target = TARGETS[name]
    return target if target.triple else replace(target, triple=llvm.get_process_triple())


def host_targets() -> list[Target]:
    """Every target that this machine can run, the most capable first."""
    features, host = llvm.get_host_cpu_features(), _architecture(llvm.get_process_triple())
    return [
        target
        for target in map(target_by_name, TARGETS)
        if _architecture(target.triple) == host
        and all(features.get(feature, False) for feature in _NEEDS[target.name])
    ]


def _architecture(triple: str) -> str:
    """The processor family of a triple; Apple calls AArch64 arm64."""
    return triple.partition("-")[0].replace("arm64", "aarch64")


def host_target() -> Target:
    """The most capable target of this machine, tuned for its very processor."""
    best = host_targets()[0]
    return replace(
        best,
        triple=llvm.get_process_triple(),
        cpu=llvm.get_host_cpu_name(),
        features=llvm.get_host_cpu_features().flatten(),
    )


def required_features(target: Target) -> str:
    """The features that code for ``target`` needs beyond those of its text, as LLVM lists them."""
    return ",".join(f"+{feature}" for feature in _NEEDS[target.name])
