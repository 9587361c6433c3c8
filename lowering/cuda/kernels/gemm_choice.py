"""Which tile a GEMM has: the one that takes the fewest cycles by the table of the target."""

from __future__ import annotations

from lowering.cuda.targets import (
    ASSUMED_IMAGES,
    GEMM_TILES,
    SHARED_BYTES_PER_CYCLE,
    CudaTarget,
    GemmTile,
)

MOST_SUMS = 64
"""Accumulators of a thread that leave it registers for what it loads ahead itself."""

BANDED_ROWS = 32
"""Rows of a warp without tensor cores come in such multiples."""

BLOCK_CYCLES = 1000
"""What a block takes before its first product and after its last."""

LATENCY = 400
"""Cycles between stages where no other block's products fill the time."""


def choose_tile(target: CudaTarget, rows: int, columns: int, inner: int, width: int) -> str:
    """The name of a tile for ``rows`` of an image by ``columns`` outputs of ``inner`` inputs, which have
    ``width`` bytes."""
    fitting = [name for name, tile in GEMM_TILES.items() if takes(target, tile, inner, width)]
    return min(fitting, key=lambda name: cycles(target, GEMM_TILES[name], rows, columns, inner, width))


def takes(target: CudaTarget, tile: GemmTile, inner: int, width: int) -> bool:
    """Whether the kernel has registers and shared memory for a tile on ``target``."""
    if target.mma_shape is None and (width > 1 or tile.warp_rows % BANDED_ROWS):
        return False
    copied = target.cp_async and inner * width % 16 == 0
    most = 2 * MOST_SUMS if copied and width == 1 else MOST_SUMS
    shared = (tile.stages if copied else 2) * tile.stage_bytes(width)
    return tile.thread_sums * width <= most and shared <= target.shared_bytes


def cycles(target: CudaTarget, tile: GemmTile, rows: int, columns: int, inner: int, width: int) -> float:
    """An estimate, for as many images as are assumed.

    The busiest multiprocessor makes its blocks' products, as fast as tensor cores do or shared memory gives
    it fragments; meanwhile all of them read their tiles of the cache.
    """
    blocks = -(-ASSUMED_IMAGES * rows // tile.rows) * -(-columns // tile.columns)
    busiest = -(-blocks // target.multiprocessors)
    fragments = tile.warp_rows * tile.warp_columns / (tile.warp_rows + tile.warp_columns)
    rate = min(target.products, SHARED_BYTES_PER_CYCLE * fragments)
    steps = -(-inner // tile.depth)
    depth = steps * tile.depth
    products = busiest * tile.rows * tile.columns * depth * width / rate
    reads = blocks * steps * tile.stage_bytes(width) / target.cache_bytes
    return max(products, reads, steps * LATENCY) + BLOCK_CYCLES
