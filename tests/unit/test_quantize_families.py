"""Models in the families ``fqvit``, ``l1`` and ``float``: near FP32, the same bits however they run."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from test_compile import call
from test_quantize_models import EXACT, PAPER, Lowered, lower
from torch_exports import plain_text
from xdsl.passes import PassPipeline
from xdsl.utils.exceptions import PassFailedException

from ivit_dialect import reference
from ivit_dialect.load import module_text, parse_module
from ivit_dialect.ops.floating import SIMULATION
from ivit_dialect.store import StoreContext
from lowering.compile import compile_program
from lowering.plan_memory import PlanMemoryPass
from lowering.targets import host_target
from passes.emission.fqvit import layernorm_notice
from passes.fitting.simulate import probability_change
from passes.graph.nodes import ImageNode, NormNode, TokenSlice
from passes.lower_to_int import LowerToIntOptions
from passes.pipelines import FUSE
from passes.quantization import fqvit
from passes.quantization.dyadic import NumberError
from passes.quantization.options import QuantizeOptions
from passes.quantization.recipes import resolve
from passes.quantization.scales import ChannelRange, Range, Scale
from passes.registry import get_passes

FQVIT = replace(EXACT, softmax="fqvit", layernorm="fqvit")
FLOAT = replace(EXACT, softmax="float", gelu="float", layernorm="float")


def check_native(lowered: Lowered) -> None:
    """Fused and native give the integers of the unfused interpreter."""
    want = lowered.integers()
    PassPipeline.parse_spec(get_passes(), FUSE.spec()).apply(lowered.ctx, lowered.module)
    assert lowered.integers().tolist() == want.tolist()
    program = compile_program(lowered.module, lowered.ctx, host_target())
    assert call(program, lowered.pixels, 2).tolist() == want.tolist()


@pytest.mark.parametrize(
    ("options", "ops"),
    [
        (FQVIT, ("ivit.log_int_softmax", "ivit.shift_matmul", "ivit.ptf_layernorm")),
        (
            replace(EXACT, softmax="fqvit", layernorm="l1", probability_bits=2, activations="symmetric"),
            ("ivit.log_int_softmax", "ivit.l1_layernorm"),
        ),
    ],
    ids=["fqvit", "l1, codes of 2 bits"],
)
def test_family(options: LowerToIntOptions, ops: tuple[str, ...]) -> None:
    lowered = lower(plain_text("layer_scale", "high-level"), options)
    assert lowered.cosine() > 0.98
    assert all(op in module_text(lowered.module) for op in ops)
    check_native(lowered)


@pytest.mark.parametrize(
    ("kind", "family"), [("softmax", "fqvit"), ("layernorm", "fqvit"), ("layernorm", "l1")]
)
def test_mixtures(kind: str, family: str) -> None:
    assert lower(plain_text("vit", "high-level"), replace(PAPER, **{kind: family})).cosine() > 0.98


def test_float_family_is_simulated(capsys: pytest.CaptureFixture[str]) -> None:
    lowered = lower(plain_text("vit", "high-level"), FLOAT)
    assert lowered.cosine() > 0.998
    assert str(lowered.module.attributes[SIMULATION]) == '["softmax", "gelu", "layernorm"]'
    assert "quantize: softmax=float gelu=float layernorm=float: a simulation in floating point" in (
        capsys.readouterr().err
    )
    with pytest.raises(PassFailedException, match="simulates floating point, which only the interpreter"):
        PlanMemoryPass("generic").apply(lowered.ctx, lowered.module)


def test_integer_families_are_no_simulation(capsys: pytest.CaptureFixture[str]) -> None:
    lowered = lower(plain_text("vit", "high-level"), FQVIT)
    assert SIMULATION not in lowered.module.attributes
    told = capsys.readouterr().err
    assert "simulation" not in told
    assert "layernorm=fqvit" not in told


@pytest.mark.parametrize("recipe", ["paper", "default", "best"])
@pytest.mark.parametrize("family", ["ivit", "ibert", "fqvit", "float"])
def test_other_softmaxes_leave_out_the_forms_of_the_exact_one(recipe: str, family: str) -> None:
    """Unless both are asked for."""
    options = QuantizeOptions(recipe=recipe, softmax=family)
    assert (resolve(options).softmax, resolve(options).probabilities) == (family, "deferred")
    with pytest.raises(ValueError, match=f"sulq goes with softmax=exact, not with softmax={family}"):
        resolve(replace(options, probabilities="sulq"))


def test_norms_without_ranges_of_channels_are_told() -> None:
    """Once; a model that was calibrated here has them all."""
    image = ImageNode(tokens=4, channels=1, origin="x", height=2, width=2, centre=np.zeros(1))
    norm = NormNode(
        tokens=4,
        channels=1,
        origin="n",
        source=TokenSlice(image, 0, 4),
        gamma=np.ones(1),
        beta=np.zeros(1),
        eps=1e-6,
    )
    assert layernorm_notice([image, norm]) == (
        "layernorm=fqvit: the inputs of 1 of 1 LayerNorms have no recorded ranges of channels"
        " and get one scale for all; calibrate again"
    )
    image.channel_range = ChannelRange(np.zeros(1), np.ones(1))
    assert layernorm_notice([image, norm]) is None


@pytest.mark.parametrize("bits", [1, 2, 3, 4])
def test_shifts_of_codes(bits: int) -> None:
    shifts = fqvit.code_shifts(bits)
    assert shifts.dtype == np.int8
    assert shifts.tolist() == [15 - k for k in range(2**bits)] + [-1]


@pytest.mark.parametrize("bits", [2, 4, None])
def test_simulation_of_log_int_softmax(bits: int | None) -> None:
    """For the sweep that fits ranges and weights, what the codes of the op stand for."""
    p = np.array([1.0, 0.67, 0.66, 0.41, 0.39, 1 / 5.4, 1 / 5.6, 2.0**-14, 2.0**-17, 0.0], np.float32)
    codes = np.array([0, 0, 1, 1, 2, 2, 3, 14, 17, 24])
    want = np.where(codes < 1 << (bits or 4), 2.0**-codes, 0.0)
    got = probability_change(resolve(QuantizeOptions(softmax="fqvit", probability_bits=bits)), None)(p)
    assert got.dtype == np.float32
    assert got.tolist() == want.tolist()


def test_factors_follow_the_ranges_of_channels() -> None:
    """The smallest scale whose 8 bits hold a channel; clipping a little may pay."""
    scale = fqvit.ptf_scale(Range(-8.0, 8.0))
    magnitudes = np.array([8.0, 4.0, 2.0, 1.0, 0.1, 0.0, 8.0, 2.2])
    factors = fqvit.ptf_factors(ChannelRange(-magnitudes, magnitudes), scale, 8)
    assert factors.dtype == np.int8
    assert factors.tolist()[:7] == [3, 2, 1, 0, 0, 0, 3]
    assert factors.tolist()[7] in (1, 2)
    assert fqvit.ptf_factors(None, scale, 5).tolist() == [3] * 5


def test_the_factor_is_the_one_of_least_squared_error() -> None:
    rng = np.random.default_rng(8)
    ends = rng.normal(0, 3, (2, 40))
    low, high = ends.min(axis=0), ends.max(axis=0)
    scale = fqvit.ptf_scale(Range(float(low.min()), float(high.max())))
    factors = fqvit.ptf_factors(ChannelRange(low, high), scale, 40)
    for least, greatest, factor in zip(low.tolist(), high.tolist(), factors.tolist(), strict=True):
        x = rng.uniform(least, greatest, 20000)
        errors: list[float] = []
        for candidate in range(4):
            step = scale.step * (1 << candidate)
            codes = np.clip(np.rint(x / step) + scale.zero_point, -128, 127)
            errors.append(float(np.mean((step * (codes - scale.zero_point) - x) ** 2)))
        assert errors[factor] <= 1.1 * min(errors) + 1e-12


def test_norm_with_awkward_gamma_and_beta() -> None:
    """gamma 0, negative and tiny, beta 0 and huge; rows of equal values give beta."""
    rng = np.random.default_rng(3)
    channels, step = 96, 0.01
    x = np.clip(np.rint(rng.normal(5, 30, (40, channels))), -128, 127).astype(np.int8)
    x[0], x[1] = 99, -128
    gamma, beta = rng.normal(0, 1, channels), rng.normal(0, 1, channels)
    gamma[:4], beta[2:6] = (0.0, -2.0, 1e-9, -1e-9), (500.0, -500.0, 0.0, 1e4)
    end = fqvit.ptf_integers(gamma, beta, Scale(step, 3))
    factors = np.full(channels, 2, np.int8)
    got = reference.ptf_layernorm(x, factors, end.scale, end.offset, end.shift, 5, 1, np.int32)
    deviation = np.maximum(x.std(1, keepdims=True), 1e-9)
    want = (x - x.mean(1, keepdims=True)) / deviation * gamma
    error = np.abs((got - 3) * step - want - beta)
    assert np.all(error <= np.abs(want) / 127 + 0.51 * step + 1e-3)
    assert np.array_equal(got[0], got[1])
    assert np.array_equal(got[0], np.floor(beta / step + 3.5).astype(np.int32))


@pytest.mark.parametrize("beta", [1e5, np.inf, np.nan])
def test_a_huge_bias_is_refused(beta: float) -> None:
    with pytest.raises(NumberError, match="layer_norm bias is too large for its output's scale"):
        fqvit.ptf_integers(np.ones(2), np.array([0.0, beta]), Scale(0.01))


def test_generated_text_of_a_simulation_is_read_again() -> None:
    lowered = lower(plain_text("vit", "high-level"), FLOAT)
    ctx = StoreContext(store=lowered.ctx.store)
    module = parse_module(module_text(lowered.module), "model.mlir", ctx)
    assert module.attributes[SIMULATION] == lowered.module.attributes[SIMULATION]
