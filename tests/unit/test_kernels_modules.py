"""Modules as native code, unfused, decomposed and fused: integer instructions, the interpreter's bits."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import numpy as np
import pytest
import test_compile
from emulated import EMULATED, emulated_call
from integer_code import check_integer_only
from kernel_harness import TARGETS as RUNNABLE
from numpy.typing import NDArray
from test_compile import call
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Operation
from xdsl.passes import PassPipeline

from ivit_dialect.interpreter import run
from ivit_dialect.load import parse_module
from ivit_dialect.ops.arithmetic import BroadcastOp
from ivit_dialect.ops.attention import AttentionOp
from ivit_dialect.ops.l1 import L1LayerNormOp
from ivit_dialect.ops.linear import MatmulOp
from ivit_dialect.store import StoreContext, WeightStore
from lowering.compile import CompiledProgram, compile_program
from lowering.kernels.registry import families, plans
from lowering.plan import LaunchOp
from lowering.plan_memory import PlanMemoryPass
from lowering.targets import TARGETS, Target, target_by_name
from passes.pipelines import DECOMPOSE, FUSE
from passes.registry import get_passes

HEAD = """
func.func @main(%image: tensor<?x7x12xi8>) -> tensor<?x1x12xi16> {
  %w = ivit.constant "weight" : tensor<12x12xi8>
  %b = ivit.constant "bias" : tensor<12xi32>
  %m = ivit.constant "multipliers" : tensor<12xi32>
  %ns = ivit.constant "norm.scale" : tensor<12xi32>
  %no = ivit.constant "norm.offset" : tensor<12xi64>
  %exp = ivit.constant "exp.table" : tensor<256xui8>
  %gelu = ivit.constant "gelu.table" : tensor<256xi8>
  %pos = ivit.constant "positions" : tensor<1x7x12xi16>
  %x = ivit.add %image * 1100000000 shift 27, %pos
    : (tensor<?x7x12xi8>, tensor<1x7x12xi16>) -> tensor<?x7x12xi16>
"""

QKV = """
  %qa = ivit.linear %n, %w, %b
    : (tensor<?x7x12xi8>, tensor<12x12xi8>, tensor<12xi32>) -> tensor<?x7x12xi32>
  %q = ivit.requant %qa channels(%m : tensor<12xi32>) shift 38 : tensor<?x7x12xi32> -> tensor<?x7x12xi8>
  %h = ivit.split_heads %q : tensor<?x7x12xi8> -> tensor<?x3x7x4xi8>
  %s = ivit.matmul %h, %h transpose_b
    : (tensor<?x3x7x4xi8>, tensor<?x3x7x4xi8>) -> tensor<?x3x7x7xi32>
"""

TAIL = """
  %a = ivit.merge_heads %c8 : tensor<?x3x7x4xi8> -> tensor<?x7x12xi8>
  %pa = ivit.linear %a, %w, %b
    : (tensor<?x7x12xi8>, tensor<12x12xi8>, tensor<12xi32>) -> tensor<?x7x12xi32>
  %pr = ivit.requant %pa channels(%m : tensor<12xi32>) shift 36 : tensor<?x7x12xi32> -> tensor<?x7x12xi32>
  %xr = ivit.requant %x * 1300000000 shift 30 : tensor<?x7x12xi16> -> tensor<?x7x12xi32>
  %y = ivit.add %pr, %xr : (tensor<?x7x12xi32>, tensor<?x7x12xi32>) -> tensor<?x7x12xi16>
  %f = ivit.requant %y * 1200000000 shift 37 : tensor<?x7x12xi16> -> tensor<?x7x12xi8>
{gelu}
  %z = ivit.add %y, %g * 1500000000 shift 31
    : (tensor<?x7x12xi16>, tensor<?x7x12x{type}>) -> tensor<?x7x12xi16>
  %sum = ivit.reduce sum %z dim 1 : tensor<?x7x12xi16> -> tensor<?x1x12xi32>
  %mean = ivit.requant %sum * 306783378 shift 31 : tensor<?x1x12xi32> -> tensor<?x1x12xi16>
  func.return %mean : tensor<?x1x12xi16>
}}
"""

EXACT = (
    HEAD
    + """
  %n = ivit.layernorm %x * %ns + %no shift 40 epsilon 12
    : (tensor<?x7x12xi16>, tensor<12xi32>, tensor<12xi64>) -> tensor<?x7x12xi8>
"""
    + QKV
    + """
  %e, %total = ivit.softmax %s * 1717986918 shift 36 table %exp
    : (tensor<?x3x7x7xi32>, tensor<256xui8>) -> tensor<?x3x7x7xui8>, tensor<?x3x7x1xi32>
  %c = ivit.matmul %e, %h : (tensor<?x3x7x7xui8>, tensor<?x3x7x4xi8>) -> tensor<?x3x7x4xi32>
  %c8 = ivit.row_requant %c * 274877906944 / %total min 255 shift 38
    : (tensor<?x3x7x4xi32>, tensor<?x3x7x1xi32>) -> tensor<?x3x7x4xi8>
"""
    + TAIL.format(
        gelu="  %g = ivit.lookup %f, %gelu : (tensor<?x7x12xi8>, tensor<256xi8>) -> tensor<?x7x12xi8>",
        type="i8",
    )
)

SHIFTS = (
    HEAD
    + """
  %n = ivit.i_layernorm %x * %ns + %no shift 50
    : (tensor<?x7x12xi16>, tensor<12xi32>, tensor<12xi64>) -> tensor<?x7x12xi8>
"""
    + QKV
    + """
  %s8 = ivit.requant %s * 1717986918 shift 38 : tensor<?x3x7x7xi32> -> tensor<?x3x7x7xi8>
  %e = ivit.shiftmax %s8 x0 60 n 15 bits 16 : tensor<?x3x7x7xi8> -> tensor<?x3x7x7xi16>
  %c = ivit.matmul %e, %h : (tensor<?x3x7x7xi16>, tensor<?x3x7x4xi8>) -> tensor<?x3x7x4xi32>
  %c8 = ivit.requant %c * 1500000000 shift 45 : tensor<?x3x7x4xi32> -> tensor<?x3x7x4xi8>
"""
    + TAIL.format(
        gelu="  %g = ivit.shiftgelu %f x0 40 n 20 : tensor<?x7x12xi8> -> tensor<?x7x12xi16>", type="i16"
    )
)

IBERT = (
    HEAD
    + """
  %n = ivit.ibert_layernorm %x * %ns + %no shift 50 variance_shift 2
    : (tensor<?x7x12xi16>, tensor<12xi32>, tensor<12xi64>) -> tensor<?x7x12xi8>
"""
    + QKV
    + """
  %s8 = ivit.requant %s * 1717986918 shift 38 : tensor<?x3x7x7xi32> -> tensor<?x3x7x7xi8>
  %e = ivit.ibert_softmax %s8 x0 20 b 78 c 2325 n 4 bits 15 : tensor<?x3x7x7xi8> -> tensor<?x3x7x7xi16>
  %c = ivit.matmul %e, %h : (tensor<?x3x7x7xi16>, tensor<?x3x7x4xi8>) -> tensor<?x3x7x4xi32>
  %c8 = ivit.requant %c * 1500000000 shift 45 : tensor<?x3x7x4xi32> -> tensor<?x3x7x4xi8>
"""
    + TAIL.format(
        gelu="  %g = ivit.ibert_gelu %f b -100 c -11000 one -687 shift 4"
        " : tensor<?x7x12xi8> -> tensor<?x7x12xi32>",
        type="i32",
    )
)

OTHERS = """
func.func @main(%image: tensor<?x7x12xi8>) -> tensor<?x3x7x1xi64> {
  %h = ivit.split_heads %image : tensor<?x7x12xi8> -> tensor<?x3x7x4xi8>
  %s = ivit.matmul %h, %h transpose_b * 1500000000 shift 36 zero_point -5
    : (tensor<?x3x7x4xi8>, tensor<?x3x7x4xi8>) -> tensor<?x3x7x7xi8>
  %c = ivit.matmul %s, %h * 1100000000 shift 30
    : (tensor<?x3x7x7xi8>, tensor<?x3x7x4xi8>) -> tensor<?x3x7x4xi16>
  %squares = ivit.muli %c, %c : (tensor<?x3x7x4xi16>, tensor<?x3x7x4xi16>) -> tensor<?x3x7x4xi64>
  %sum = ivit.reduce sum %squares dim 3 : tensor<?x3x7x4xi64> -> tensor<?x3x7x1xi64>
  %norm = ivit.isqrt %sum : tensor<?x3x7x1xi64> -> tensor<?x3x7x1xi64>
  func.return %norm : tensor<?x3x7x1xi64>
}
"""
"""What no form of the others holds."""


COMPARED = (
    HEAD
    + """
  %l = ivit.l1_layernorm %x * %ns + %no shift 50
    : (tensor<?x7x12xi16>, tensor<12xi32>, tensor<12xi64>) -> tensor<?x7x12xi8>
  %nf = ivit.constant "norm.factors" : tensor<12xi8>
  %n = ivit.ptf_layernorm %l factors %nf * %ns + %no shift 16 zero_point 3 epsilon 12
    : (tensor<?x7x12xi8>, tensor<12xi8>, tensor<12xi32>, tensor<12xi64>) -> tensor<?x7x12xi8>
"""
    + QKV
    + """
  %shifts = ivit.constant "code.shifts" : tensor<256xi8>
  %s8 = ivit.requant %s * 1717986918 shift 38 : tensor<?x3x7x7xi32> -> tensor<?x3x7x7xi8>
  %e = ivit.log_int_softmax %s8 x0 14 b 54 c 1117 n 16 bits 4 : tensor<?x3x7x7xi8> -> tensor<?x3x7x7xui8>
  %c = ivit.shift_matmul %e, %h shifts %shifts
    : (tensor<?x3x7x7xui8>, tensor<?x3x7x4xi8>, tensor<256xi8>) -> tensor<?x3x7x4xi32>
  %c8 = ivit.requant %c * 1500000000 shift 44 : tensor<?x3x7x4xi32> -> tensor<?x3x7x4xi8>
"""
    + TAIL.format(
        gelu="  %g = ivit.lookup %f, %gelu : (tensor<?x7x12xi8>, tensor<256xi8>) -> tensor<?x7x12xi8>",
        type="i8",
    )
)
"""Other approximations of the literature."""


PROBABILITIES = (
    HEAD
    + """
  %n = ivit.requant %x * 1300000000 shift 36 : tensor<?x7x12xi16> -> tensor<?x7x12xi8>
"""
    + QKV
    + """
  %shifts = ivit.constant "code.shifts" : tensor<256xi8>
  %e, %total = ivit.softmax %s * 1717986918 shift 36 table %exp
    : (tensor<?x3x7x7xi32>, tensor<256xui8>) -> tensor<?x3x7x7xui8>, tensor<?x3x7x1xi32>
  %c = ivit.shift_matmul %e, %h shifts %shifts eta 4
    : (tensor<?x3x7x7xui8>, tensor<?x3x7x4xi8>, tensor<256xi8>) -> tensor<?x3x7x4xi32>
  %c8 = ivit.requant %c * 1500000000 shift 41 : tensor<?x3x7x4xi32> -> tensor<?x3x7x4xi8>
  %exp16 = ivit.constant "exp16.table" : tensor<256xi32>
  %scale = ivit.constant "head.multipliers" : tensor<1x3x1x1xi32>
  %p = ivit.normalized_softmax %s heads(%scale : tensor<1x3x1x1xi32>) shift 36 table %exp16 unit 32768
    : (tensor<?x3x7x7xi32>, tensor<256xi32>) -> tensor<?x3x7x7xi16>
  %pc = ivit.matmul %p, %h * 1500000000 shift 45
    : (tensor<?x3x7x7xi16>, tensor<?x3x7x4xi8>) -> tensor<?x3x7x4xi8>
  %bounds = ivit.constant "thresholds" : tensor<15xi32>
  %k = ivit.threshold_softmax %s * 1717986918 shift 36 table %exp16 thresholds %bounds
    : (tensor<?x3x7x7xi32>, tensor<256xi32>, tensor<15xi32>) -> tensor<?x3x7x7xui8>
  %few = ivit.constant "few.shifts" : tensor<16xi8>
  %kc = ivit.shift_matmul %k, %h shifts %few
    : (tensor<?x3x7x7xui8>, tensor<?x3x7x4xi8>, tensor<16xi8>) -> tensor<?x3x7x4xi32>
  %k8 = ivit.requant %kc * 1500000000 shift 41 : tensor<?x3x7x4xi32> -> tensor<?x3x7x4xi8>
  %first = ivit.add %c8, %pc : (tensor<?x3x7x4xi8>, tensor<?x3x7x4xi8>) -> tensor<?x3x7x4xi16>
  %both = ivit.add %first, %k8 : (tensor<?x3x7x4xi16>, tensor<?x3x7x4xi8>) -> tensor<?x3x7x4xi16>
  %a = ivit.merge_heads %both : tensor<?x3x7x4xi16> -> tensor<?x7x12xi16>
  %sum = ivit.reduce sum %a dim 1 : tensor<?x7x12xi16> -> tensor<?x1x12xi32>
  %mean = ivit.requant %sum * 306783378 shift 31 : tensor<?x1x12xi32> -> tensor<?x1x12xi16>
  func.return %mean : tensor<?x1x12xi16>
}
"""
)
"""Probabilities in few bits."""

PER_HEAD = EXACT.replace(
    "  %e, %total = ivit.softmax %s * 1717986918 shift 36",
    """  %scale = ivit.constant "head.multipliers" : tensor<1x3x1x1xi32>
  %e, %total = ivit.softmax %s heads(%scale : tensor<1x3x1x1xi32>) shift 36""",
)
"""``EXACT`` with a multiplier of its own for each head's scores."""


def weights() -> WeightStore:
    rng = np.random.default_rng(11)

    def draw(low: int, high: int, kind: Any, *shape: int) -> NDArray[Any]:
        return rng.integers(low, high, shape, np.int64).astype(kind)

    return WeightStore(
        {
            "weight": draw(-127, 128, np.int8, 12, 12),
            "bias": draw(-999, 999, np.int32, 12),
            "multipliers": draw(1 << 30, (1 << 31) - 1, np.int32, 12),
            "norm.scale": draw(1 << 24, 1 << 25, np.int32, 12),
            "norm.factors": (np.arange(12) % 4).astype(np.int8),
            "norm.offset": draw(-(1 << 42), 1 << 42, np.int64, 12),
            "exp.table": np.rint(255 * np.exp(-np.arange(256) / 40)).astype(np.uint8),
            "gelu.table": draw(-128, 128, np.int8, 256),
            "positions": draw(-900, 900, np.int16, 1, 7, 12),
            "code.shifts": (np.arange(256) % 17 - 1).astype(np.int8),
            "few.shifts": np.arange(15, -1, -1).astype(np.int8),
            "exp16.table": np.rint(65536 * np.exp(-np.arange(256) / 30)).astype(np.int32),
            "head.multipliers": draw(1 << 29, (1 << 31) - 1, np.int32, 1, 3, 1, 1),
            "thresholds": np.rint(2.0 ** (30 - np.arange(15) / 2 - 0.5)).astype(np.int32),
        }
    )


FORMS: dict[str, Callable[[ModuleOp], bool]] = {
    "": lambda module: has(module, MatmulOp) or has(module, L1LayerNormOp),
    DECOMPOSE.spec(): lambda module: has(module, BroadcastOp),
    FUSE.spec(): lambda module: has(module, AttentionOp) and not has(module, MatmulOp),
}
"""A pipeline, and what its result must hold."""


def has(module: ModuleOp, kind: type[Operation]) -> bool:
    return any(isinstance(op, kind) for op in module.walk())


MODULES = {
    "exact": EXACT,
    "shifts": SHIFTS,
    "ibert": IBERT,
    "others": OTHERS,
    "compared": COMPARED,
    "probabilities": PROBABILITIES,
    "per_head": PER_HEAD,
}
FORMS_OF = {
    "exact": tuple(FORMS),
    "shifts": tuple(FORMS),
    "ibert": ("",),
    "others": ("",),
    "compared": ("",),
    "probabilities": ("", DECOMPOSE.spec()),
    "per_head": tuple(FORMS),
}
NAMES = dict(zip(FORMS, ("unfused", "decomposed", "fused"), strict=True))
CASES = [(name, pipeline) for name, pipelines in FORMS_OF.items() for pipeline in pipelines]

WIDTHS = ("x86-64-avx512vbmi", "x86-64-avx2", "generic")
"""A target of each width. Primitives are many kernels and know no more of a target than its width."""

FURTHER = {
    "aarch64-dotprod": ("exact",),
    "aarch64": tuple(name for name in MODULES if name != "per_head"),
    "riscv64": tuple(name for name in MODULES if name != "per_head"),
}
"""Modules for targets of other architectures: where kernels differ from those of another target or module."""


def targets_of(name: str, pipeline: str) -> Sequence[str]:
    """What a form of a module is compiled for."""
    if pipeline == DECOMPOSE.spec():
        return (*WIDTHS, "riscv64") if name == "exact" else WIDTHS
    return [target for target in TARGETS if name in FURTHER.get(target, MODULES)]


ON_TARGETS = [
    pytest.param(name, pipeline, target, id=f"{name}-{NAMES[pipeline]}-{target}")
    for name, pipeline in CASES
    for target in targets_of(name, pipeline)
]


def in_form(source: str, pipeline: str) -> tuple[ModuleOp, StoreContext]:
    """A module brought to a form."""
    ctx = StoreContext(store=weights())
    module = parse_module(source, "test.mlir", ctx)
    if pipeline:
        PassPipeline.parse_spec(get_passes(), pipeline).apply(ctx, module)
    assert FORMS[pipeline](module)
    return module, ctx


def compiled_form(source: str, pipeline: str, target: Target) -> CompiledProgram:
    """A module, brought to a form, as native code."""
    return compile_program(*in_form(source, pipeline), target)


@cache
def expected(source: str) -> tuple[NDArray[np.int8], NDArray[Any]]:
    """Images, and what the interpreter makes of them."""
    ctx = StoreContext(store=weights())
    images = np.random.default_rng(3).integers(-128, 128, (3, 7, 12)).astype(np.int8)
    result = run(parse_module(source, "test.mlir", ctx), ctx.store, images)
    assert len(np.unique(result)) > 20
    return images, result


@pytest.mark.parametrize(("name", "pipeline", "target"), ON_TARGETS)
def test_every_form_of_a_module(name: str, pipeline: str, target: str) -> None:
    """Integer instructions alone for every target; the interpreter's bits, by an emulator where need be."""
    program = compiled_form(MODULES[name], pipeline, target_by_name(target))
    check_integer_only(program.code)
    images, result = expected(MODULES[name])
    if target in RUNNABLE:
        for threads in (1, 3):
            np.testing.assert_array_equal(call(program, images, threads), result)
    elif target in EMULATED:
        output = np.zeros(result.shape, program.output_dtype)
        emulated_call(program, images, output)
        np.testing.assert_array_equal(output, result)


def test_every_kernel_is_in_a_module_that_runs() -> None:
    """A kernel that is registered, or an op that gets one, has to be among what is compared bit for bit."""
    ops: set[type[Operation]] = set()
    kernels: set[str] = set()
    vit_ctx = StoreContext(store=test_compile.weights())
    vit = parse_module(test_compile.text(1), "test.mlir", vit_ctx)
    for module, ctx in [(vit, vit_ctx), *(in_form(MODULES[name], pipeline) for name, pipeline in CASES)]:
        ops |= {type(op) for op in module.walk()}
        PlanMemoryPass("generic").apply(ctx, module)
        kernels |= {op.kernel.data for op in module.walk() if isinstance(op, LaunchOp)}
    assert set(families()) - kernels == set()
    assert set(plans()) - ops == set()
