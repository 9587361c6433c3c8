"""Quotients and roots without division equal the reference, over their whole domain."""

from __future__ import annotations

import numpy as np
import pytest
from kernel_harness import Array
from kernels import ptx_of
from ptx import Module
from xdsl.dialects.builtin import IntegerType, MemRefType, ModuleOp

from ivit_dialect.reference import roots
from lowering.cuda import kernel_functions
from lowering.cuda.build import CudaBuilder, CudaFamily, Facts, Geometry
from lowering.cuda.division import quotient
from lowering.cuda.kernel_functions import CudaKernels
from lowering.cuda.lower_to_gpu import device_module
from lowering.cuda.roots import newton_sqrt
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


def build_newton_sqrt(b: CudaBuilder) -> Geometry:
    """An element a thread."""
    (count,) = b.outputs[0].shape
    element = b.add(b.mul(b.block_id(), BLOCK), b.thread_id())
    with b.when(b.compare("ult", element, count)):
        x = b.load(b.of_image(b.inputs[0]), element)
        b.store(newton_sqrt(b, x), b.of_image(b.outputs[0]), element)
    return Geometry(BLOCK, (Extent(count, BLOCK), Extent(), Extent()))


FAMILIES = {
    "quotient": CudaFamily(
        "quotient", build_quotient, Signature({"n": "N : i64", "d": "N : i32"}, {"q": "N : i32"})
    ),
    "newton_sqrt": CudaFamily(
        "newton_sqrt", build_newton_sqrt, Signature({"x": "N : i64"}, {"y": "N : i32"})
    ),
}


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


def run(family: str, target: str, *inputs: Array) -> Array:
    """The i32 results."""
    result = np.zeros(inputs[0].shape, np.int32)
    arrays = (*inputs, result)
    kinds = tuple(MemRefType(IntegerType(8 * array.itemsize), array.shape) for array in arrays)
    kernels = CudaKernels(cuda_target(target))
    spec = KernelSpec(family, kinds, len(inputs))
    kernel = kernels.kernel(spec, (Facts(64, contiguous=True),) * len(arrays))
    text = ptx_of(ModuleOp([device_module(kernels.functions)]), cuda_target(target))
    assert "div" not in text
    x, y, z = (extent.at(1) for extent in kernel.geometry.grid)
    arguments: list[Array | int] = []
    for array in arrays:
        arguments += [array, 0]
    Module(text).launch(kernel.symbol, (x, y, z), (BLOCK,), [*arguments, 1])
    return result


@pytest.fixture(autouse=True)
def _families(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernel_functions, "cuda_families", lambda: FAMILIES)


@pytest.mark.parametrize("target", ["cuda:sm_61", "cuda:sm_90a"])
def test_quotient(target: str) -> None:
    dividends, divisors = cases(np.random.default_rng(0))
    expected = (dividends // divisors).astype(np.int32)
    np.testing.assert_array_equal(run("quotient", target, dividends, divisors), expected)


def test_newton_sqrt() -> None:
    rng = np.random.default_rng(1)
    drawn = rng.integers(0, 2**41, 20000) >> rng.integers(0, 41, 20000)
    squares = rng.integers(0, 2**20, 5000) ** 2
    x = np.concatenate([drawn, squares, np.maximum(squares, 1) - 1, [0, 1, 2**41 - 1, 2**40, 2**32]])
    expected = roots.newton_sqrt(x).astype(np.int32)
    np.testing.assert_array_equal(run("newton_sqrt", "cuda:sm_80", x), expected)
