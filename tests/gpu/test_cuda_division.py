"""Quotients without division equal those of Python, over their whole domain."""

from __future__ import annotations

import numpy as np
import pytest
from kernel_harness import Array
from kernels import ptx_of
from ptx import Module
from xdsl.dialects.builtin import IntegerType, MemRefType, ModuleOp

from lowering.cuda import kernel_functions
from lowering.cuda.build import CudaBuilder, CudaFamily, Facts, Geometry
from lowering.cuda.division import quotient
from lowering.cuda.kernel_functions import CudaKernels
from lowering.cuda.lower_to_gpu import device_module
from lowering.cuda.targets import cuda_target
from lowering.kernels.base import KernelSpec
from lowering.kernels.signature import Signature
from runtime.cuda_program import Extent

BLOCK = 128


def build_quotient(b: CudaBuilder) -> Geometry:
    """An element a thread."""
    (count,) = b.outputs[0].shape
    element = b.add(b.mul(b.block_id(), BLOCK), b.thread_id())
    with b.when(b.compare("ult", element, count)):
        dividend, divisor = (b.load(b.of_image(operand), element) for operand in b.inputs)
        b.store(quotient(b, dividend, divisor), b.of_image(b.outputs[0]), element)
    return Geometry(BLOCK, (Extent(count, BLOCK), Extent(), Extent()))


FAMILY = CudaFamily("quotient", build_quotient, Signature({"n": "N : i64", "d": "N : i32"}, {"q": "N : i32"}))


def cases(rng: np.random.Generator) -> tuple[Array, Array]:
    """Divisors of every length; quotients of every length and the largest; remainders at both ends."""
    count = 20000
    lengths = rng.integers(0, 31, count)
    divisors = np.concatenate(
        [
            np.maximum(rng.integers(2**30, 2**31, count) >> lengths, 1),
            [1, 2, 3, 255, 2**16 - 1, 2**16, 2**30 - 1, 2**30, 2**30 + 1, 2**31 - 2, 2**31 - 1] * 300,
        ]
    )
    quotients = rng.integers(0, 2**31, divisors.size) >> rng.integers(0, 31, divisors.size)
    quotients = np.where(rng.random(divisors.size) < 0.3, 2**31 - 1, quotients)
    rest = rng.choice([0, 1, 2], divisors.size)
    remainders = np.where(rest == 0, 0, np.where(rest == 1, divisors - 1, rng.integers(0, 2**31, rest.size)))
    return quotients * divisors + remainders % divisors, divisors.astype(np.int32)


@pytest.mark.parametrize("name", ["cuda:sm_61", "cuda:sm_90a"])
def test_quotient(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernel_functions, "cuda_families", lambda: {FAMILY.name: FAMILY})
    dividends, divisors = cases(np.random.default_rng(0))
    kinds = tuple(MemRefType(IntegerType(width), [dividends.size]) for width in (64, 32, 32))
    kernels = CudaKernels(cuda_target(name))
    kernel = kernels.kernel(KernelSpec(FAMILY.name, kinds, 2), (Facts(64, contiguous=True),) * 3)
    text = ptx_of(ModuleOp([device_module(kernels.functions)]), cuda_target(name))
    assert "div" not in text
    result = np.zeros_like(divisors)
    grid = tuple(extent.at(1) for extent in kernel.geometry.grid)
    arguments = [dividends, 0, divisors, 0, result, 0, 1]
    Module(text).launch(kernel.symbol, grid, (BLOCK,), arguments)
    np.testing.assert_array_equal(result, (dividends // divisors).astype(np.int32))
