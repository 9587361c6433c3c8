"""Fused attention of the GPU's own: both softmaxes, tails in every dimension, full ranges, bit for bit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from kernel_harness import Array, Operands, integers, spec_of
from kernel_strategies import result
from kernels import Ran, built, check
from xdsl.dialects.builtin import IntegerType, MemRefType
from xdsl.ir import SSAValue

from ivit_dialect.ops.attention import AttentionOp, DeltaSoftmaxAttr, ShiftmaxAttr
from ivit_dialect.reference.attention import DeltaSoftmax, ShiftmaxSoftmax, attention
from ivit_dialect.types import i64_attr, ui8
from lowering.cuda.build import Facts
from lowering.cuda.kernels.attention_staging import THREADS
from lowering.cuda.kernels.registry import plan_launch
from lowering.cuda.ptxas import assemble
from lowering.cuda.targets import CudaTarget, cuda_target
from lowering.kernels.base import Launch

REGISTERS = 1 << 16
"""Of a multiprocessor."""


@dataclass(frozen=True)
class Case:
    """Tokens, heads and channels of each, and the softmax: ``bits`` is 0 for delta softmax."""

    tokens: int
    heads: int
    channels: int
    bits: int = 0
    per_head: bool = False
    out: Any = np.int8
    shift: int = 38
    context_shift: int = 34

    def softmax(self, rng: np.random.Generator) -> DeltaSoftmax | ShiftmaxSoftmax:
        """Scores over 2^8 and contexts times 2: neither is small, some are clamped."""
        scale = 2 ** (self.shift - 8) - 1
        if not self.bits:
            table = np.sort(integers(rng, (256,), np.uint8, spread=False))[::-1].copy()
            table[0] = 255
            drawn = scale * rng.integers(1, 5, (1, self.heads, 1, 1)) // 2
            multiplier = drawn.astype(np.int32) if self.per_head else scale
            return DeltaSoftmax(
                table, multiplier, self.shift, 2 ** (self.context_shift + 1), self.context_shift
            )
        n = max(n for n in range(31) if self.tokens * 60 << n < 2**31)
        negative = -(2 ** (self.context_shift - self.bits + 2)) + 1
        return ShiftmaxSoftmax(scale, self.shift, 60, n, self.bits, negative, self.context_shift)


def attribute(softmax: DeltaSoftmax | ShiftmaxSoftmax) -> DeltaSoftmaxAttr | ShiftmaxAttr:
    """The parameters as the op has them."""
    if isinstance(softmax, DeltaSoftmax):
        multiplier = softmax.multiplier if isinstance(softmax.multiplier, int) else 0
        numbers = (multiplier, softmax.shift, softmax.dividend, softmax.context_shift)
        return DeltaSoftmaxAttr.new([i64_attr(number) for number in numbers])
    return ShiftmaxAttr.new([i64_attr(getattr(softmax, name)) for name in ShiftmaxAttr.field_names()])


def attention_op(case: Case) -> tuple[AttentionOp, Operands, dict[SSAValue, Array], Array]:
    """The op, its operands, those of a second image, and what is expected of both images."""
    rng = np.random.default_rng(case.tokens + case.channels)
    softmax = case.softmax(rng)
    shape = (2, case.tokens, case.heads * case.channels)
    q, k, v = (integers(rng, shape, np.int8) for _ in range(3))
    operands, constants = Operands(), list[SSAValue | None]([None, None])
    if isinstance(softmax, DeltaSoftmax):
        constants[0] = operands.constant(softmax.table)
        if not isinstance(softmax.multiplier, int):
            constants[1] = operands.constant(softmax.multiplier)
    values = [operands.activation(x[0]) for x in (q, k, v)]
    kind, (table, multipliers) = result(shape[1:], case.out), constants
    query, key, value = values
    op = AttentionOp(query, key, value, case.heads, attribute(softmax), kind, table, multipliers)
    second = dict(zip(values, (q[1], k[1], v[1]), strict=True))
    return op, operands, second, attention(q, k, v, case.heads, softmax, case.out)


def run(case: Case, target: str, **options: Any) -> Ran:
    """Check a case on two images, with copies that land late and warps one after the other."""
    op, operands, second, expected = attention_op(case)
    ran = check(
        op, operands, expected, target=target, second=second, copies="late", order="serial", **options
    )
    assert ran.launch.kernel.startswith("cuda_attention")
    assert len(np.unique(expected)) > 20 or expected.size < 100
    return ran


CASES = {
    "one token": Case(1, 1, 1),
    "part of a block": Case(5, 2, 8, per_head=True),
    "a token after whole blocks": Case(33, 2, 32),
    "two tiles of queries": Case(70, 2, 16, per_head=True),
    "channels one by one": Case(12, 3, 7),
    "channels by twos": Case(21, 2, 6, out=np.int16),
    "channels by fours": Case(21, 2, 12),
    "a wide head": Case(40, 1, 100),
    "wide products": Case(17, 1, 16, shift=31, context_shift=29),
    "short probabilities": Case(33, 2, 32, bits=16),
    "byte probabilities": Case(70, 2, 16, bits=8),
    "short probabilities one by one": Case(12, 3, 7, bits=13, out=np.int16),
    "wide products of short probabilities": Case(17, 1, 16, bits=16, shift=31, context_shift=24),
}


@pytest.mark.parametrize("name", CASES)
def test_tensor_cores(name: str) -> None:
    ran = run(CASES[name], "cuda:sm_80")
    assert "m16n8k32" in ran.ptx


@pytest.mark.parametrize("target", ["cuda:sm_75", "cuda:sm_61"])
@pytest.mark.parametrize("name", ["part of a block", "channels by fours", "short probabilities one by one"])
def test_older_targets(name: str, target: str) -> None:
    ran = run(CASES[name], target)
    assert ("m8n8k16" in ran.ptx) == (target == "cuda:sm_75")


@pytest.mark.parametrize("bits", [0, 16])
def test_scores_that_are_computed_anew(bits: int) -> None:
    case = Case(8 * cuda_target("cuda:sm_80").most_resident_products + 9, 1, 8, bits=bits)
    ran = run(case, "cuda:sm_80")
    assert len(ran.ptx.splitlines()) < 2000


def test_images_that_lie_apart() -> None:
    run(Case(9, 2, 16), "cuda:sm_80", apart=64)


def launch_of_zeros(case: Case, target: CudaTarget) -> Launch | None:
    """How the compiler launches an op of that shape."""
    operands, shape = Operands(), (case.tokens, case.heads * case.channels)
    softmax = case.softmax(np.random.default_rng(0))
    query, key, value = (operands.activation(np.zeros(shape, np.int8)) for _ in range(3))
    table = operands.constant(softmax.table) if isinstance(softmax, DeltaSoftmax) else None
    kind = result(shape, case.out)
    op = AttentionOp(query, key, value, case.heads, attribute(softmax), kind, table, None)
    return plan_launch(op, target)


def test_heads_that_do_not_fit_take_the_spmd_form() -> None:
    target = cuda_target("cuda:sm_80")
    for case in (Case(3, 1, target.most_head_channels + 1), Case(2000, 1, 64), Case(2000, 1, 64, bits=16)):
        launch = launch_of_zeros(case, target)
        assert launch is not None
        assert launch.kernel == "attention"


KEPT, KEPT_SHORT = Case(197, 3, 64), Case(197, 3, 64, bits=16)
ANEW, ANEW_SHORT = Case(577, 3, 64), Case(577, 3, 64, bits=16)
ASSEMBLED = {
    "cuda:sm_75": [KEPT, KEPT_SHORT],
    "cuda:sm_80": [KEPT, ANEW],
    "cuda:sm_86": [KEPT],
    "cuda:sm_89": [KEPT],
    "cuda:sm_90a": [KEPT, KEPT_SHORT, ANEW_SHORT],
    "cuda:sm_100a": [KEPT],
}
"""DeiT's heads, whose scores are kept, and those of more pixels, whose scores are not."""


@pytest.mark.parametrize("name", ASSEMBLED)
def test_assembled_without_spills(name: str) -> None:
    target = cuda_target(name)
    for case in ASSEMBLED[name]:
        launch = launch_of_zeros(case, target)
        assert launch is not None
        activation = MemRefType(IntegerType(8), [case.tokens, case.heads * case.channels])
        table = [] if case.bits else [MemRefType(ui8, [256])]
        spec = spec_of(launch, [*[activation] * 3, *table], [activation])
        _, ptx = built(spec, (Facts(64, contiguous=True),) * len(spec.memrefs), name)
        assembled = assemble(ptx, target)
        if assembled is None:
            pytest.skip("needs ptxas that knows the target")
        (usage,) = assembled.usage.values()
        assert (usage.spill_bytes, usage.stack_bytes) == (0, 0)
        blocks = REGISTERS // (usage.registers * THREADS)
        assert blocks >= (3 if target.mma_shape == (16, 8, 32) else 2)
