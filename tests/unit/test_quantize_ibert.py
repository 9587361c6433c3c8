"""I-BERT's constants from ranges, and models in its family: near FP32, the same bits however they run."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from test_compile import call
from test_quantize_models import EXACT, PAPER, lower
from test_reference_ibert import real_gelu
from torch_exports import plain_text
from xdsl.dialects import test
from xdsl.dialects.builtin import IntegerType, TensorType, i8, i16, i32
from xdsl.passes import PassPipeline

from ivit_dialect import reference
from ivit_dialect.load import module_text
from ivit_dialect.ops.ibert import IbertGeluOp, IbertSoftmaxOp
from lowering.compile import compile_program
from lowering.targets import host_target
from passes.pipelines import FUSE
from passes.quantization import ibert, scales
from passes.quantization.dyadic import NumberError
from passes.quantization.norms import i_norm
from passes.quantization.scales import Range, Scale
from passes.registry import get_passes

MAGNITUDES = [0.0, 1e-13, 1e-4, 0.03, 0.3, 1.0, 2.0, 5.0, 9.1, 24.0, 60.0, 87.0, 100.0, 500.0, 1e6]


@pytest.mark.parametrize("snapped", [True, False])
@pytest.mark.parametrize("magnitude", MAGNITUDES)
def test_softmax_constants_satisfy_the_op(magnitude: float, snapped: bool) -> None:
    range_ = Range(-magnitude / 3, magnitude)
    scale = ibert.score_scale(range_, snapped=snapped)
    assert scale.zero_point == 0
    assert magnitude <= 127.001 * scale.step
    for terms in (1, 50, 197, 4096, 32767):
        integers = ibert.exp_integers(scale.step, terms, snapped=snapped)
        x, y = (TensorType(element, (1, terms)) for element in (i8, i16))
        constants = integers.x0, integers.b, integers.c, integers.n
        IbertSoftmaxOp(test.TestOp(result_types=[x]).results[0], *constants, 15, y).verify()
        assert integers.c << integers.n < 1 << ibert.EXP_BITS


@pytest.mark.parametrize("magnitude", [m for m in MAGNITUDES if m <= 87])
def test_a_snapped_step_divides_ln_2(magnitude: float) -> None:
    step = ibert.score_scale(Range(-magnitude, magnitude), snapped=True).step
    assert ibert.exp_integers(step, 5, snapped=True).x0 * step == pytest.approx(math.log(2))
    assert step <= max(2 * scales.symmetric(Range(-magnitude, magnitude), 8).step, 0.0066) or magnitude == 0


def test_published_constants_are_rounded_down() -> None:
    """``x0`` is negative there, so that its magnitude is rounded up."""
    integers = ibert.exp_integers(0.1, 197, snapped=False)
    assert (integers.x0, integers.b, integers.c) == (7, 27, 279)
    assert ibert.exp_integers(0.1, 197, snapped=False).n == 7


def test_rows_that_are_too_long_are_refused() -> None:
    with pytest.raises(NumberError, match="40000 exponentials of up to 65297 do not fit 31 bits"):
        ibert.exp_integers(math.log(2) / 106, 40000, snapped=True)


@pytest.mark.parametrize("bits", [4, 6, 8, 12, 16])
@pytest.mark.parametrize("magnitude", [m for m in MAGNITUDES if m <= 100])
def test_gelu_constants_satisfy_the_op_and_follow_gelu(magnitude: float, bits: int) -> None:
    """0.0183 is the polynomial's own error; a rounded ``b`` adds a part of the step."""
    step = ibert.gelu_scale(Range(-magnitude, magnitude), bits).step
    integers = ibert.gelu_integers(step, bits)
    constants = integers.b, integers.c, integers.one, integers.shift
    x, y = (TensorType(element, (1, 4)) for element in (IntegerType(bits), i32))
    IbertGeluOp(test.TestOp(result_types=[x]).results[0], *constants, y).verify()
    assert integers.step < 0
    assert bits > 8 or magnitude < 0.13 or integers.shift == 0
    assert integers.shift <= 14
    lowest = -(1 << (bits - 1))
    codes = np.arange(lowest, -lowest, max(1, -lowest // 400))
    got = reference.ibert_gelu(codes, *constants) * integers.step
    assert np.abs(got - real_gelu(codes * step)).max() <= 0.0183 + 0.14 * step


def test_what_gelu_maps_to_zero_takes_no_codes() -> None:
    assert ibert.gelu_scale(Range(-40.0, 5.0), 8) == Scale(5.0 / 127)
    assert ibert.gelu_scale(Range(-40.0, -39.0), 8) == Scale(3.6 / 127)


@pytest.mark.parametrize("channels", [1, 16, 192, 768, 4096])
@pytest.mark.parametrize("span", [3, 200, 26214, 32767])
def test_variance_shift_is_the_least_that_holds_32_bits(channels: int, span: int) -> None:
    step = 0.01
    shift = ibert.variance_shift(Range(-span * step, span * step), step, channels)
    x = np.where(np.arange(channels) % 2, span, -span).astype(np.int64)
    difference = x - (2 * x.sum() + channels) // (2 * channels)
    assert ((difference >> shift) ** 2).sum() < 1 << 32
    assert shift == 0 or channels * span**2 >> 2 * (shift - 1) >= (1 << 32) * 0.9


@pytest.mark.parametrize("variance_shift", [0, 3])
def test_layernorm_with_awkward_gamma_and_beta(variance_shift: int) -> None:
    """gamma 0, negative and tiny, beta 0 and huge; rows of equal values give beta."""
    rng = np.random.default_rng(3)
    channels = 96
    x = np.clip(rng.normal(300, 4000, (40, channels)), -32768, 32767).astype(np.int16)
    x[0], x[1] = 123, -32768
    gamma, beta = rng.normal(0, 1, channels), rng.normal(0, 1, channels)
    gamma[:4], beta[2:6] = (0.0, -2.0, 1e-9, -1e-9), (500.0, -500.0, 0.0, 1e4)
    step = 0.01
    end = i_norm(gamma, beta, Scale(step, 3))
    got = reference.ibert_layernorm(x, end.scale, end.offset, end.shift, variance_shift, np.int32)
    deviation = np.maximum(x.std(1, keepdims=True), 1e-9)
    want = (x - x.mean(1, keepdims=True)) / deviation * gamma + beta
    assert np.abs((got - 3) * step - want).max() <= 0.51 * step + 2e-3
    assert np.array_equal(got[0], got[1])
    assert np.array_equal(got[0], np.floor(beta / step + 3.5).astype(np.int32))


IBERT = replace(EXACT, softmax="ibert", gelu="ibert", layernorm="ibert")
OPS = ("ivit.ibert_softmax", "ivit.ibert_gelu", "ivit.ibert_layernorm")


def test_the_family() -> None:
    """Near the float model; fused and native give the same integers."""
    lowered = lower(plain_text("layer_scale", "high-level"), IBERT)
    assert lowered.cosine() > 0.99
    assert all(op in module_text(lowered.module) for op in OPS)
    want = lowered.integers()
    PassPipeline.parse_spec(get_passes(), FUSE.spec()).apply(lowered.ctx, lowered.module)
    assert lowered.integers().tolist() == want.tolist()
    program = compile_program(lowered.module, lowered.ctx, host_target())
    assert call(program, lowered.pixels, 2).tolist() == want.tolist()


@pytest.mark.parametrize("kind", ["softmax", "gelu", "layernorm"])
def test_mixtures(kind: str) -> None:
    for base in (EXACT, PAPER):
        assert lower(plain_text("vit", "high-level"), replace(base, **{kind: "ibert"})).cosine() > 0.985
