"""``ivit.linear`` as a tiled GEMM: a block has a tile of rows by columns, its warps parts of the tile.

Rows are those of all images together. Activations and weights go through shared memory (``gemm_staging``).
Sums stay in registers (``gemm_mma``; without tensor cores ``gemm_dp4a``) from the bias, with which they
begin, to the end (``gemm_epilogue``).
"""

from __future__ import annotations

from dataclasses import replace
from math import prod

from ivit_dialect.element_types import held_bits
from ivit_dialect.ops.linear import LinearOp
from ivit_dialect.types import tensor_types
from lowering.arithmetic import LIFT
from lowering.cuda.build import CudaBuilder, CudaFamily, Geometry
from lowering.cuda.kernels.gemm_choice import choose_tile, takes
from lowering.cuda.kernels.gemm_dp4a import Dp4aProducts
from lowering.cuda.kernels.gemm_epilogue import Epilogue
from lowering.cuda.kernels.gemm_mma import MmaProducts
from lowering.cuda.kernels.gemm_rows import ImageRows
from lowering.cuda.kernels.gemm_staging import AsyncStaging, Copies, RegisterStaging
from lowering.cuda.targets import GEMM_TILES, CudaTarget, GemmTile
from lowering.kernels.base import KernelSpec, Launch, Packed
from lowering.kernels.gemm import LINEAR, is_short, plan_linear
from lowering.kernels.lookup import require_entries
from lowering.kernels.signature import Choice, Config, Signature, require_shape
from lowering.packing import PACKINGS
from runtime.cuda_program import ONE, Extent

EPILOGUE = ("requant", "lookup", "residual")
"""Of the config: as the CPU's kernel has it."""


def plan_cuda_linear(op: LinearOp, target: CudaTarget) -> Launch | None:
    """As on the CPU, with the weights in fragments; None where activations of more than 8 bits would need
    tensor cores that ``target`` has not."""
    (x,) = tensor_types(op.input)
    width = held_bits(x.element_type) // 8
    if not target.dp4a or (width > 1 and target.mma_shape is None):
        return None
    extents, (outs, inner) = x.get_shape()[1:-1], tensor_types(op.weight)[0].get_shape()
    name = choose_tile(target, prod(extents), outs * _side_by_side(op), inner, width)
    tile = GEMM_TILES[name]
    launch = plan_linear(op, replace(target.spmd, tile_columns=tile.columns))
    activations, _, *rest = launch.inputs
    weight = Packed((op.weight,), *packing(target, tile, width))
    config = {key: value for key, value in launch.config.items() if key in EPILOGUE}
    return replace(
        launch, kernel="cuda_linear", inputs=(activations, weight, *rest), config={**config, "tile": name}
    )


def _side_by_side(op: LinearOp) -> int:
    """How many linears of the same form read its input: one launch computes them, such as q, k and v."""
    users = {use.operation for use in op.input.uses if isinstance(use.operation, LinearOp)}
    form = [value.type for value in (*op.operands, *op.results)]
    alike = [user for user in users if [value.type for value in (*user.operands, *user.results)] == form]
    return len(alike)


def packing(target: CudaTarget, tile: GemmTile, width: int) -> tuple[str, tuple[int, ...]]:
    """Of the weights: its name and parameters."""
    parameters = tile.columns, tile.depth, tile.warp_columns
    return ("words", parameters) if target.mma_shape is None else ("fragments", (*parameters, width))


def tile_of(config: Config) -> GemmTile:
    """The tile that a launch names."""
    return GEMM_TILES[str(config["tile"])]


def build_cuda_linear(b: CudaBuilder) -> Geometry:
    """A grid of tiles, rows first."""
    tile, (per_image, columns) = tile_of(b.config), b.outputs[0].shape
    rows = ImageRows(b, per_image)
    first_row = b.mul(b.from_index(b.block_id("x"), 32), tile.rows)
    copies = Copies(b, tile, rows, first_row)
    staging = AsyncStaging(copies) if AsyncStaging.takes(copies) else RegisterStaging(copies)
    products = Dp4aProducts(b, tile) if b.target.mma_shape is None else MmaProducts(b, tile)
    column = b.add(b.mul(b.from_index(b.block_id("y"), 32), tile.columns), products.first_column)
    epilogue = Epilogue(b, rows, column, products.run, tile.columns)
    sums = staging.run(products.start(epilogue.of_columns(b.inputs[2])), products.stage)
    epilogue.prepare()
    epilogue.write([(b.add(first_row, line), run) for line, run in products.lines(sums)])
    grid = Extent(per_image, tile.rows, batched=True), Extent(-(-columns // tile.columns)), ONE
    return Geometry(tile.threads, grid, staging.shared_bytes)


def _signature(config: Config) -> Signature:
    """As the CPU's kernel of the same epilogue, but for the weights, which are bytes."""
    assert not isinstance(LINEAR.signature, Signature)
    known = LINEAR.signature({key: value for key, value in config.items() if key in EPILOGUE})
    return replace(known, ins={**known.ins, "x": "R K : i2..i16", "weight": "P S W : i2..i8"})


def _check(spec: KernelSpec, target: CudaTarget) -> None:
    """Constants are packed for the tile, lookup and residual have a requant before them."""
    config = dict(spec.config)
    ((_, inner), weight, bias, *more), ((_, outer),) = spec.shapes()
    tile, width = tile_of(config), held_bits(spec.memrefs[0].element_type) // 8
    if not target.dp4a or not takes(target, tile, inner, width):
        raise ValueError(f"has the tile {config['tile']}, which {target.name} does not take")
    for part in ("lookup", "residual"):
        if part in config and "requant" not in config:
            raise ValueError(f"has the config '{part}', which needs 'requant'")
    if "lookup" in config and "residual" in config:
        raise ValueError("has both of the config 'lookup' and 'residual'")
    padded = PACKINGS["columns"].shape([(outer,)], (tile.columns,))
    name, parameters = packing(target, tile, width)
    require_shape("weight", weight, PACKINGS[name].shape([(outer, inner)], parameters))
    require_shape("bias", bias, padded)
    if "requant" in config and more[0] != (1,):
        require_shape("multipliers", more[0], padded)
    if "lookup" in config:
        require_entries(more[1], more[1][0].bit_length() - 1)
    if config.get("residual") == "lifted" and not is_short(element := spec.memrefs[4].element_type):
        raise ValueError(f"has the config 'residual = lifted', for {LIFT} bits at most, got {element}")


CUDA_LINEAR = CudaFamily(
    "cuda_linear",
    build_cuda_linear,
    _signature,
    {LinearOp: plan_cuda_linear},
    {
        "tile": Choice(tuple(GEMM_TILES)),
        **{name: LINEAR.config[name] for name in EPILOGUE},
    },
    _check,
)
FAMILIES = (CUDA_LINEAR,)
