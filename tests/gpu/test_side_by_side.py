"""Independent launches of one kernel as one launch: the same bits, and each in its own part of the grid."""

from __future__ import annotations

import numpy as np
import pytest
from kernel_harness import integers
from programs import run_program

from ivit_dialect.load import parse_module
from ivit_dialect.reference.elementwise import requant
from ivit_dialect.reference.linear import linear, linear_epilogue
from ivit_dialect.store import StoreContext, WeightStore
from lowering.cuda.compile import compile_cuda, compile_planned
from lowering.cuda.targets import cuda_target
from lowering.plan import Plan

IMAGES = 3

REQUANT = """
  plan.launch "requant" ins(%{x} : memref<3x21xi8>) outs(%{y} : memref<3x21xi8>)
    config {{form = "mulhi"}}
    scalars {{multiplier = {multiplier} : i64, shift = {shift} : i64, zero_point = {zero} : i64}}
"""
SCALES = ((2**31 - 1, 35, 0), (-(2**31) + 1, 36, 5), (1_900_000_000, 34, -7))
PROGRAM = """
plan.program @main(%image: memref<3x21xi8>, %result: memref<9x21xi8>)
    target "cuda:sm_80" arena 0 live 0 weights 0 {{
  %a = plan.view %result at 0 : memref<9x21xi8> to memref<3x21xi8>
  %b = plan.view %result at 63 : memref<9x21xi8> to memref<3x21xi8>
  %c = plan.view %result at 126 : memref<9x21xi8> to memref<3x21xi8>
  {launches}
}}
"""


def test_requants_of_one_input() -> None:
    """Views of one buffer, of which some are aligned less: those that are aligned alike go together."""
    launches = [
        REQUANT.format(x="image", y=y, multiplier=multiplier, shift=shift, zero=zero)
        for y, (multiplier, shift, zero) in zip("abc", SCALES, strict=True)
    ]
    ctx = StoreContext()
    ctx.load_dialect(Plan)
    module = parse_module(PROGRAM.format(launches="".join(launches)), "plan.mlir", ctx)
    program = compile_planned(module, ctx, cuda_target("cuda:sm_80"))
    assert len(program.launches) == 1
    assert program.launches[0].grid[2].at(IMAGES) == len(SCALES)
    images = integers(np.random.default_rng(0), (IMAGES, 3, 21), np.int8)
    expected = [requant(images, multiplier, shift, np.int8, zero) for multiplier, shift, zero in SCALES]
    found = run_program(program, images, order="random").view(np.int8).reshape(IMAGES, 9, 21)
    np.testing.assert_array_equal(found, np.concatenate(expected, 1))


LINEARS = """
func.func @main(%x: tensor<?x5x40xi8>) -> tensor<?x5x24xi32> {
  %wq = ivit.constant "wq" : tensor<24x40xi8>
  %wk = ivit.constant "wk" : tensor<24x40xi8>
  %b = ivit.constant "b" : tensor<24xi32>
  %m = ivit.constant "m" : tensor<24xi32>
  %q = ivit.linear %x, %wq, %b requant(%m shift 40 : tensor<24xi32>)
    : (tensor<?x5x40xi8>, tensor<24x40xi8>, tensor<24xi32>) -> tensor<?x5x24xi8>
  %k = ivit.linear %x, %wk, %b requant(%m shift 41 : tensor<24xi32>)
    : (tensor<?x5x40xi8>, tensor<24x40xi8>, tensor<24xi32>) -> tensor<?x5x24xi8>
  %sum = ivit.add %q, %k : (tensor<?x5x24xi8>, tensor<?x5x24xi8>) -> tensor<?x5x24xi16>
  %wide = ivit.requant %sum * 1073741824 shift 30 : tensor<?x5x24xi16> -> tensor<?x5x24xi32>
  func.return %wide : tensor<?x5x24xi32>
}
"""


@pytest.mark.parametrize("target", ["cuda:sm_61", "cuda:sm_75", "cuda:sm_80"])
def test_linears_of_one_input(target: str) -> None:
    """Weights differ, bias and multipliers do not."""
    rng = np.random.default_rng(1)
    store = WeightStore(
        {
            "wq": integers(rng, (24, 40), np.int8),
            "wk": integers(rng, (24, 40), np.int8),
            "b": integers(rng, (24,), np.int32) >> 8,
            "m": np.abs(integers(rng, (24,), np.int32)) | 1,
        }
    )
    ctx = StoreContext(store=store)
    program = compile_cuda(parse_module(LINEARS, "test.mlir", ctx), ctx, cuda_target(target), cubin=False)
    names = [launch.kernel for launch in program.launches]
    assert [name.startswith("cuda_linear") for name in names] == [True, False, False]
    assert names[0].endswith("_by_2")
    x = integers(rng, (IMAGES, 5, 40), np.int8)
    q, k = (
        linear_epilogue(linear(x, store[key], store["b"]), store["m"], shift, np.int8).astype(np.int32)
        for key, shift in (("wq", 40), ("wk", 41))
    )
    found = run_program(program, x).view(np.int32).reshape(IMAGES, 5, 24)
    np.testing.assert_array_equal(found, q + k)
