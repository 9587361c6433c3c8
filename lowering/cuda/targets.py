"""Facts about the GPU targets, as data: what each architecture has, and how kernels are shaped for it.

LLVM ends the process at an intrinsic that the target lacks, so nothing is emitted that is not listed here.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from lowering.targets import PLAIN, Target

PREFIX = "cuda"
TRIPLE = "nvptx64-nvidia-cuda"
WARP = 32


@dataclass(frozen=True)
class CudaTarget:
    """One GPU architecture.

    ``cpu`` and ``features`` are what LLVM is told, ``version`` is the compute capability times ten and
    ``ptx`` the PTX version times ten. ``mma_shape`` is the largest int8 tensor-core product, (m, n, k), or
    None; ``shared_bytes`` is what one block may use at most. A kernel's shape depends on what is assumed:
    ``multiprocessors``, their ``products`` (of int8, one's in a cycle), and ``cache_bytes`` that all of them
    read of the L2 cache in a cycle. ``most_row_channels`` is how wide a row may be that one warp holds in its
    registers.
    """

    cpu: str
    ptx: int
    shared_bytes: int
    multiprocessors: int
    dp4a: bool = True
    mma_shape: tuple[int, int, int] | None = None
    ldmatrix: bool = False
    cp_async: bool = False
    cvt_pack: bool = False
    most_row_channels: int = 2048
    most_head_channels: int = 128
    most_resident_products: int = 28
    products: int = 512
    cache_bytes: int = 1024

    @property
    def name(self) -> str:
        """As ``--target`` takes it."""
        return f"{PREFIX}:{self.cpu}"

    @property
    def version(self) -> int:
        """The compute capability, times ten."""
        return int(self.cpu.removeprefix("sm_").rstrip("a"))

    def runs_on(self, version: int) -> bool:
        """Whether a GPU of compute capability ``version`` / 10 takes its code: ``sm_90a`` suits 9.0 alone."""
        return version == self.version if self.cpu.endswith("a") else version >= self.version

    @property
    def features(self) -> str:
        """LLVM's name of the PTX version."""
        return f"+ptx{self.ptx}"

    @property
    def spmd(self) -> Target:
        """What the kernels of all families are shaped by in their SPMD form: registers of a thread."""
        return Target(
            name=self.name,
            triple=TRIPLE,
            cpu=self.cpu,
            features=self.features,
            vector_bytes=16,
            pair_dot=PLAIN,
            weight_dot=PLAIN,
            tile_rows=2,
            tile_columns=8,
        )


_SM_61 = CudaTarget("sm_61", 60, 48 * 1024, 20)
_SM_75 = CudaTarget(
    "sm_75", 65, 64 * 1024, 40, mma_shape=(8, 8, 16), ldmatrix=True, cvt_pack=True, products=1024
)
_SM_80 = replace(
    _SM_75,
    cpu="sm_80",
    ptx=70,
    shared_bytes=163 * 1024,
    multiprocessors=108,
    mma_shape=(16, 8, 32),
    cp_async=True,
    products=2048,
    cache_bytes=4096,
)
_SM_86 = replace(_SM_80, cpu="sm_86", ptx=71, shared_bytes=99 * 1024, multiprocessors=84, products=1024)
_SM_90 = replace(_SM_80, cpu="sm_90", ptx=78, shared_bytes=227 * 1024, multiprocessors=132, products=2560)

CUDA_TARGETS = {
    t.name: t
    for t in (
        _SM_61,
        replace(_SM_61, cpu="sm_70", shared_bytes=96 * 1024, multiprocessors=80),
        _SM_75,
        _SM_80,
        replace(_SM_86, cache_bytes=2048),
        replace(_SM_86, cpu="sm_89", ptx=78, multiprocessors=128),
        _SM_90,
        replace(_SM_90, cpu="sm_90a", ptx=80),
        replace(_SM_90, cpu="sm_100a", ptx=86, multiprocessors=148),
    )
}
"""By name, the oldest architecture first."""


def is_cuda(name: object) -> bool:
    """Whether ``name`` asks for a GPU; what is no name at all does not."""
    return isinstance(name, str) and name.partition(":")[0] == PREFIX


def cuda_target(name: str) -> CudaTarget:
    """The target of that name. ValueError names the choices."""
    if name not in CUDA_TARGETS:
        raise ValueError(f"unknown GPU target '{name}', expected one of {', '.join(CUDA_TARGETS)}")
    return CUDA_TARGETS[name]


def cuda_target_for(major: int, minor: int) -> CudaTarget:
    """The most capable target for a GPU of that compute capability. ValueError for one that is too old."""
    fitting = [target for target in CUDA_TARGETS.values() if target.runs_on(10 * major + minor)]
    if not fitting:
        oldest = next(iter(CUDA_TARGETS.values()))
        raise ValueError(
            f"the GPU is of compute capability {major}.{minor}, {oldest.version / 10} is the least"
        )
    return fitting[-1]


@dataclass(frozen=True)
class GemmTile:
    """What a block of a GEMM computes: ``rows`` by ``columns``, by ``warps`` (along rows, along columns).

    ``stages`` parts of ``depth`` inputs are in shared memory at once.
    """

    rows: int
    columns: int
    depth: int
    stages: int
    warps: tuple[int, int]

    @property
    def threads(self) -> int:
        """Of a block."""
        return self.warps[0] * self.warps[1] * WARP

    @property
    def warp_rows(self) -> int:
        """Rows of a warp."""
        return self.rows // self.warps[0]

    @property
    def warp_columns(self) -> int:
        """Columns of a warp."""
        return self.columns // self.warps[1]

    @property
    def thread_sums(self) -> int:
        """Accumulators of a thread."""
        return self.rows * self.columns // self.threads

    def stage_bytes(self, width: int) -> int:
        """Shared memory of a stage: rows of activations of ``width`` bytes, then columns of weights."""
        return (self.rows * width + self.columns) * self.depth


GEMM_TILES = {
    "16x64x128": GemmTile(16, 64, 128, 4, (1, 4)),
    "32x64x128": GemmTile(32, 64, 128, 3, (2, 2)),
    "64x64x128": GemmTile(64, 64, 128, 3, (2, 2)),
    "64x64x64": GemmTile(64, 64, 64, 4, (2, 2)),
    "64x128x64": GemmTile(64, 128, 64, 4, (2, 2)),
    "128x128x64": GemmTile(128, 128, 64, 3, (2, 2)),
}
"""By name. A warp has a multiple of 16 rows and of 16 columns; a block's threads, 16 bytes each, copy eight
or more whole rows of a stage at a time."""

ASSUMED_IMAGES = 8
"""A call's images, where the shape of a kernel depends on how many blocks there will be."""

SHARED_BYTES_PER_CYCLE = 128
"""What a multiprocessor reads of its shared memory."""
