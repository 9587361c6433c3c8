"""LayerNorms of one warp a row, patches and copies: tails, full ranges, images together and apart."""

from __future__ import annotations

from typing import Any

import kernel_harness
import numpy as np
import pytest
import test_gemm as gemm
import test_kernels_arithmetic as arithmetic
from kernel_harness import Array, Operands, integers
from kernel_strategies import result
from kernels import Ran, Stand, check
from test_kernels_rows import norm_rows
from xdsl.ir import SSAValue

from ivit_dialect.ops.nonlinear import ILayerNormOp, LayerNormOp, RsqrtOp
from ivit_dialect.reference import roots
from ivit_dialect.reference.norm import i_layernorm, layernorm
from lowering.cuda.kernels.registry import plan_launch
from lowering.cuda.rows import chunk_elements
from lowering.cuda.targets import WARP, cuda_target

TARGETS = ["cuda:sm_61", "cuda:sm_80"]
CHANNELS = [1, 7, 33, 100, 192, 384, 768]
EPSILON = 12


def parameters(rng: np.random.Generator, channels: int) -> tuple[Array, Array]:
    """Scales and offsets over their whole ranges."""
    return integers(rng, (channels,), np.int32), integers(rng, (channels,), np.int64) >> 3


def run(
    operation: type[LayerNormOp] | type[ILayerNormOp],
    channels: int,
    shift: int,
    target: str = "cuda:sm_80",
    out: Any = np.int8,
    **options: Any,
) -> Ran:
    """Two images, the second with its rows in another order."""
    rng = np.random.default_rng(channels)
    x = norm_rows(rng, channels)
    other = x[::-1].copy()
    scale, offset = parameters(rng, channels)
    operands = Operands()
    value = operands.activation(x)
    constants = operands.constant(scale), operands.constant(offset)
    op: LayerNormOp | ILayerNormOp
    if operation is LayerNormOp:
        op = LayerNormOp(value, *constants, shift, EPSILON, result(x.shape, out))
        expected = [layernorm(rows, scale, offset, shift, EPSILON, out) for rows in (x, other)]
    else:
        op = ILayerNormOp(value, *constants, shift, result(x.shape, out))
        expected = [i_layernorm(rows, scale, offset, shift, out) for rows in (x, other)]
    second: dict[SSAValue, Array] = {value: other}
    ran = check(op, operands, np.stack(expected), target=target, second=second, order="serial", **options)
    assert ran.launch.kernel.startswith(("cuda_layernorm", "cuda_i_layernorm"))
    return ran


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("channels", CHANNELS)
def test_layernorm(target: str, channels: int) -> None:
    run(LayerNormOp, channels, 44, target)


@pytest.mark.parametrize("channels", CHANNELS)
def test_i_layernorm(channels: int) -> None:
    run(ILayerNormOp, channels, 50, out=np.int16)


@pytest.mark.parametrize("operation", [LayerNormOp, ILayerNormOp])
def test_norms_of_wide_products(operation: type[LayerNormOp] | type[ILayerNormOp]) -> None:
    run(operation, 40, 20)


@pytest.mark.parametrize("operation", [LayerNormOp, ILayerNormOp])
def test_norms_of_images_that_lie_apart(operation: type[LayerNormOp] | type[ILayerNormOp]) -> None:
    together, apart = (run(operation, 100, 44, apart=gap) for gap in (0, 64))
    assert not together.launch.grid[1].batched
    assert apart.launch.grid[1].batched


def test_norms_of_the_widest_rows() -> None:
    most = cuda_target("cuda:sm_80").most_row_channels
    usage = run(LayerNormOp, most, 46).usage()
    assert usage is None or (usage.spill_bytes, usage.stack_bytes) == (0, 0)
    operands = Operands()
    scale, offset = (operands.constant(x) for x in parameters(np.random.default_rng(0), most + 1))
    value = operands.activation(np.zeros((2, most + 1), np.int16))
    wider = LayerNormOp(value, scale, offset, 46, EPSILON, result((2, most + 1), np.int8))
    launch = plan_launch(wider, cuda_target("cuda:sm_80"))
    assert launch is not None
    assert launch.kernel == "layernorm"


def test_chunks_leave_few_lanes_idle() -> None:
    assert [chunk_elements(channels, 8) for channels in (192, 384, 768)] == [2, 4, 8]
    for channels in range(1, 400):
        size = chunk_elements(channels, 8)
        assert channels % size == 0
        assert -(-channels // (size * WARP)) * size <= -(-channels // WARP) + 7


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize(
    ("shape", "kernel"),
    [((32, 48, 3), (16, 16)), ((12, 12, 3), (6, 6)), ((6, 10, 1), (3, 5)), ((8, 8, 2), (4, 2))],
)
@pytest.mark.parametrize("pixel", [np.int8, np.uint8])
def test_patchify(
    target: str,
    shape: tuple[int, int, int],
    kernel: tuple[int, int],
    pixel: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stand = Stand(target)
    monkeypatch.setattr(gemm, "run_op", stand.run_op)
    gemm.test_patchify_equals_reference(target, pixel, shape, kernel)
    assert stand.launched == {"cuda_patchify"}


@pytest.mark.parametrize("target", TARGETS)
def test_rsqrt(target: str, monkeypatch: pytest.MonkeyPatch) -> None:
    stand = Stand(target)
    monkeypatch.setattr(kernel_harness, "run_op", stand.run_op)
    arithmetic.test_rsqrt(target)
    rng = np.random.default_rng(5)
    squares = rng.integers(2**30, 2**31, 20000) ** 2
    x = np.concatenate([squares, squares - 1, squares + 1, rng.integers(2**60, 2**62, 40000)])
    operands = Operands()

    op = RsqrtOp(operands.activation(x), result(x.shape, np.int64))
    kernel_harness.check(op, operands, target, 1, *roots.rsqrt(x))
    assert stand.launched == {"cuda_rsqrt"}
