"""Linear layers on GPUs: every tile, epilogue and way of copying, tails in every dimension, bit for bit."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from kernel_harness import Array, Operands, integers, tensor_type
from kernels import Ran, check, launch_on
from test_gemm import Case, layer
from xdsl.dialects.builtin import DYNAMIC_INDEX, IntegerType, MemRefType, i8, i32

from benchmarks.instruction_mix import instruction_mix, main
from ivit_dialect.ops.linear import LinearOp
from ivit_dialect.reference.linear import linear
from lowering.cuda.kernels import gemm
from lowering.cuda.kernels.gemm_choice import choose_tile, takes
from lowering.cuda.ptxas import find_ptxas
from lowering.cuda.targets import CUDA_TARGETS, GEMM_TILES, CudaTarget, cuda_target
from lowering.kernels.base import KernelSpec

SM_61, SM_75, SM_80 = "cuda:sm_61", "cuda:sm_75", "cuda:sm_80"
NEWER = ("cuda:sm_86", "cuda:sm_89", "cuda:sm_90a", "cuda:sm_100a")
SMALL = Case(1, 9, 70, 128, np.int8, shift=44)


def run(case: Case, target: str, **options: Any) -> Ran:
    """Two images, the second with the rows of the first in reverse."""
    op, operands, expected = layer(case)
    turned = expected[::-1]
    second = {value: x[::-1] for value, x in operands.activations.items()}
    if case.rows == 0 or case.residual_constant:
        turned, second = expected, None
    both = np.stack([expected, turned])
    ran = check(op, operands, both, target=target, second=second, **options)
    assert ran.launch.kernel.startswith("cuda_linear")
    return ran


def run_tiled(name: str, case: Case, target: str, **options: Any) -> Ran:
    """A layer that is planned with a tile."""

    def choose(target: CudaTarget, rows: int, columns: int, inner: int, width: int) -> str:
        return name

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(gemm, "choose_tile", choose)
        return run(case, target, **options)


def large(name: str) -> Case:
    """More stages than fit at once, tails in every dimension, and an epilogue that takes registers."""
    tile = GEMM_TILES[name]
    return Case(
        seed=1,
        rows=tile.rows // 2 + 3,
        columns=tile.columns + 16,
        inner=tile.depth * (tile.stages + 1) + 16,
        out=np.int16,
        shift=42,
        residual=np.int16,
        residual_shift=33,
    )


def assert_no_bank_conflicts(ran: Ran) -> None:
    """Shared memory is read and written in as few passes as can be."""
    assert ran.statistics.bank_conflicts
    assert not any(further for _, further in ran.statistics.bank_conflicts.values())


@cache
def tiled(name: str) -> Ran:
    return run_tiled(name, large(name), SM_80, order="serial", copies="late", banks=True)


@pytest.mark.parametrize("name", GEMM_TILES)
def test_tiles(name: str) -> None:
    """Whatever the order of warps, and when copies land."""
    run_tiled(name, large(name), SM_80, order="random", copies="early")
    ran = tiled(name)
    assert "cp.async" in ran.ptx
    assert "m16n8k32" in ran.ptx
    assert_no_bank_conflicts(ran)


@pytest.mark.skipif(find_ptxas() is None, reason="no ptxas on PATH")
@pytest.mark.parametrize("name", GEMM_TILES)
def test_tiles_fit_in_registers(name: str) -> None:
    """The largest on every architecture."""
    tile = GEMM_TILES[name]
    for target in (SM_80, *(NEWER if name == "128x128x64" else ())):
        usage = tiled(name).usage(target)
        assert usage is not None
        assert usage.spill_bytes == usage.stack_bytes == 0
        assert 2 * usage.registers * tile.threads <= 65536, "two blocks fit a multiprocessor"


@pytest.mark.parametrize(
    ("target", "name", "instruction"), [(SM_75, "64x128x64", "m8n8k16"), (SM_61, "64x64x64", "dp4a")]
)
def test_other_products(target: str, name: str, instruction: str) -> None:
    """Smaller tensor-core products and none; a stage that is loaded by registers, several times."""
    tile = GEMM_TILES[name]
    case = replace(SMALL, rows=tile.rows // 2 + 3, columns=tile.columns + 1, inner=3 * tile.depth)
    ran = run_tiled(name, case, target, order="serial", banks=True)
    assert instruction in ran.ptx
    assert "cp.async" not in ran.ptx
    usage = ran.usage(target)
    assert usage is None or usage.spill_bytes == usage.stack_bytes == 0
    assert_no_bank_conflicts(ran)


@pytest.mark.parametrize(("name", "share"), [("128x128x64", 0.5), ("64x128x64", 0.39), ("64x64x128", 0.3)])
def test_how_much_of_the_loops_are_products(name: str, share: float) -> None:
    (mix,) = instruction_mix(tiled(name).ptx)
    tile = GEMM_TILES[name]
    # Of 16 x 8 x 32.
    assert mix.products == tile.rows * tile.columns * tile.depth // (tile.threads // 32) // 4096
    assert mix.share > share


def test_the_command_that_counts_them(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "model.ptx"
    assert main([str(path)]) == 1
    assert (
        capsys.readouterr().err == f"benchmarks.instruction_mix: error: {path}: No such file or directory\n"
    )
    path.write_text("no PTX")
    assert main([str(path)]) == 1
    assert "model.ptx: no PTX of kernels that multiply bytes" in capsys.readouterr().err
    path.write_text(".visible .entry k(\n)\n{\n\tdp4a.s32.s32 \t%r1, %r2, %r3, %r4;\n\tret;\n}\n")
    assert main([str(path)]) == 0
    assert "100" in capsys.readouterr().out
    assert main([]) == 2


EPILOGUES = {
    "sums": replace(SMALL, out=np.int32, shift=None),
    "unsigned": replace(SMALL, out=np.uint8, zero_point=91),
    "two bytes": replace(SMALL, out=np.int16, shift=33, columns=72),
    "wide": replace(SMALL, shift=20, out=np.int16, zero_point=7),
    "wide sums": replace(SMALL, shift=62, out=np.int32, zero_point=-(2**31)),
    "one multiplier": replace(SMALL, per_channel=False),
    "table": replace(SMALL, table=True, zero_point=-91),
    "wide table of two bytes": replace(SMALL, table=True, shift=20, out=np.int16),
    "residual": replace(SMALL, residual=np.int16, residual_shift=33, out=np.int16),
    "residual of four bytes": replace(SMALL, residual=np.int32, residual_shift=40, out=np.int32),
    "lifted residual": replace(SMALL, residual=np.int16, residual_shift=17, zero_point=3),
    "unsigned wide residual": replace(SMALL, columns=72, residual=np.uint8, residual_shift=5, out=np.int32),
    "constant residual": replace(SMALL, residual=np.int8, residual_constant=True, zero_point=-1),
}


@pytest.mark.parametrize("name", EPILOGUES)
def test_epilogues(name: str) -> None:
    run(EPILOGUES[name], SM_80)


TAILS = {
    "one row": replace(SMALL, rows=0, columns=10, inner=192),
    "rows of 8 bytes": replace(SMALL, inner=200),
    "rows of 1 byte": replace(SMALL, inner=131),
    "one input": replace(SMALL, columns=3, inner=1),
    "columns that no run divides": replace(SMALL, columns=67),
}


@pytest.mark.parametrize("name", TAILS)
def test_tails(name: str) -> None:
    run(TAILS[name], SM_80)


@pytest.mark.parametrize("case", [SMALL, replace(SMALL, residual=np.int16, residual_constant=True)])
def test_images_that_lie_apart(case: Case) -> None:
    """Every row is found by its image."""
    run(case, SM_80, apart=64)


def test_extreme_products() -> None:
    """All operands at -128, and sums to the end of 32 bits."""
    case = replace(SMALL, out=np.int32, shift=None, inner=400)
    op, operands, _ = layer(case)
    (x,) = operands.activations.values()
    x[:] = -128
    weight, bias = operands.constants.values()
    weight[:] = -128
    bias[:] = 2**31 - 1 - 400 * 2**14
    check(op, operands, np.full((2, 9, 70), 2**31 - 1, np.int32))


def test_weights_of_four_bits() -> None:
    op, operands, _ = layer(replace(SMALL, out=np.int32, shift=None))
    weight, bias = operands.constants.values()
    narrow = np.clip(weight, -8, 7)
    op.operands[1] = operands.constant(narrow, IntegerType(4))
    (x,) = operands.activations.values()
    ran = check(op, operands, np.stack([linear(x, narrow, bias)] * 2))
    assert ran.launch.kernel.startswith("cuda_linear")


def layer_of_16_bits(rows: int, columns: int, inner: int) -> tuple[LinearOp, Operands, Array]:
    """Activations of 16 bits over their whole range, weights of 5 bits."""
    rng, operands = np.random.default_rng(3), Operands()
    x = integers(rng, (rows, inner), np.int16)
    weight = rng.integers(-16, 16, (columns, inner), np.int8)
    bias = rng.integers(-(2**20), 2**20, columns, np.int32)
    expected = linear(x, weight, bias)
    op = LinearOp(
        operands.activation(x),
        operands.constant(weight, IntegerType(5)),
        operands.constant(bias),
        tensor_type([DYNAMIC_INDEX, *expected.shape], np.int32),
    )
    return op, operands, expected


@pytest.mark.parametrize(
    ("target", "shape"),
    [(SM_80, (41, 70, 400)), (SM_80, (9, 16, 131)), (SM_75, (9, 70, 400)), (SM_80, (1, 10, 1024))],
)
def test_activations_of_16_bits(target: str, shape: tuple[int, int, int]) -> None:
    """Two products of bytes each: by cp.async, of rows that are not aligned, of smaller tensor cores."""
    op, operands, expected = layer_of_16_bits(*shape)
    ran = check(op, operands, np.stack([expected] * 2), target=target, order="serial")
    assert "row.col.s32.u8.s8.s32" in ran.ptx
    usage = ran.usage(target)
    assert usage is None or usage.spill_bytes == 0


def test_activations_of_16_bits_without_tensor_cores() -> None:
    op, _, _ = layer_of_16_bits(1, 8, 32)
    assert launch_on(op, cuda_target(SM_61)).kernel == "linear"


@pytest.mark.parametrize("name", CUDA_TARGETS)
def test_every_target_has_a_tile(name: str) -> None:
    """For one row and for many, aligned and not; large layers have larger tiles."""
    target = CUDA_TARGETS[name]
    sizes: list[int] = []
    for rows, columns, inner in ((1, 10, 33), (1, 1000, 384), (197, 3072, 768), (197, 1000, 191)):
        for width in (2, 1) if target.mma_shape else (1,):
            tile = GEMM_TILES[choose_tile(target, rows, columns, inner, width)]
            assert takes(target, tile, inner, width)
            sizes.append(tile.rows * tile.columns)
    count = len(sizes) // 4
    assert sizes[0] <= sizes[2 * count]


SPEC = KernelSpec(
    "cuda_linear",
    (
        MemRefType(i8, [9, 128]),
        MemRefType(i8, [2, 4, 64 * 32]),
        MemRefType(i32, [128]),
        MemRefType(i32, [128]),
        MemRefType(i32, [9, 70]),
        MemRefType(i8, [9, 70]),
    ),
    5,
    (("requant", "mulhi"), ("residual", "wide"), ("tile", "32x64x128")),
    ("residual_multiplier", "residual_shift", "shift"),
)


@pytest.mark.parametrize(
    ("target", "change", "message"),
    [
        (SM_61, {}, "has the tile 32x64x128, which cuda:sm_61 does not take"),
        (SM_80, {"tile": "64x128x64"}, "needs weight to be [1, 4, 4096], got"),
        (SM_80, {"tile": "1x1"}, "needs the config 'tile' to be one of 16x64x128, "),
        (SM_80, {"residual": "lifted"}, "has the config 'residual = lifted', for 16 bits at most, got i32"),
        (SM_80, {"lookup": 1}, "takes 6 inputs"),
    ],
)
def test_plans_that_do_not_fit_are_refused(target: str, change: dict[str, Any], message: str) -> None:
    """Plans may come from files."""
    gemm.CUDA_LINEAR.check(SPEC, cuda_target(SM_80))
    changed = replace(SPEC, config=tuple(sorted({**dict(SPEC.config), **change}.items())))
    with pytest.raises(ValueError, match=re.escape(message)):
        gemm.CUDA_LINEAR.check(changed, cuda_target(target))
