"""The sweep: what it leaves alone, what it gains, and that its decisions are what is emitted."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from graphs import Traced, rescale, traced
from numpy.typing import NDArray
from torch_exports import parse, plain_text
from xdsl.dialects.builtin import DictionaryAttr, FloatAttr, ModuleOp
from xdsl.passes import PassPipeline

from ivit_dialect.interpreter import run
from ivit_dialect.load import module_text, parse_module
from ivit_dialect.store import StoreContext, WeightStore
from ivit_dialect.torch.entry import main_function
from passes.calibrate import calibrate
from passes.calibration.images import IMAGENET
from passes.fitting import sweep
from passes.fitting.linears import LinearInputs, fit_linear
from passes.fitting.simulate import fake_quantize, probability_change
from passes.fitting.sweep import fit
from passes.graph.evaluate import linear
from passes.graph.nodes import LinearNode, NormNode, RoundedWeight
from passes.lower_to_int import LowerToIntOptions, lower_to_int
from passes.quantization.options import QuantizeOptions
from passes.quantization.recipes import DEFAULT, Recipe, resolve
from passes.quantization.scales import Scale
from passes.quantization.tables import softmax_levels
from passes.quantize import quantize
from passes.registry import get_passes

PLAIN = replace(DEFAULT, smoothing=0.0, balance=False)
"""At 8 bits, nothing fitted."""
FOUR = replace(
    PLAIN,
    attention_weight_bits=4,
    mlp_weight_bits=4,
    norm_bits=4,
    qkv_bits=4,
    context_bits=4,
    gelu_bits=4,
    gelu_input_bits=6,
)
"""Rounded to nearest over whole ranges."""


def hard_model(count: int = 8) -> Traced:
    """With outlier channels behind its first LayerNorm."""
    model = traced(plain_text("vit", "high-level"), IMAGENET, count)
    norm = next(node for node in model.graph.live() if isinstance(node, NormNode))
    rescale(model, norm, np.where(np.arange(norm.channels) % 8 == 3, 6.0, 1.0))
    return model


def emitted(model: Traced, recipe: Recipe) -> tuple[str, WeightStore]:
    module, store = model.emit(recipe, IMAGENET)
    return module_text(module), store


def same(one: tuple[str, WeightStore], other: tuple[str, WeightStore]) -> bool:
    """Text and bytes."""
    (text, store), (other_text, other_store) = one, other
    arrays = ((store[key], other_store[key]) for key in store)
    return (
        text == other_text
        and list(store) == list(other_store)
        and all(a.dtype == b.dtype and a.tobytes() == b.tobytes() for a, b in arrays)
    )


def error(recipe: Recipe) -> float:
    """The squared error of the integers of the hard model, over its float results' squares."""
    model = hard_model()
    fit(model.graph, recipe, model.images)
    module, store = model.emit(recipe, IMAGENET)
    boundary = main_function(module).attributes["ivit.output"]
    assert isinstance(boundary, DictionaryAttr)
    scale = boundary.data["scale"]
    assert isinstance(scale, FloatAttr)
    got: NDArray[Any] = run(module, store, model.pixels) * scale.value.data
    return float(np.square(got - model.expected).sum() / np.square(model.expected).sum())


@pytest.mark.parametrize("recipe", [PLAIN, FOUR, resolve(QuantizeOptions(recipe="paper"))])
def test_with_nothing_to_fit_nothing_changes(recipe: Recipe) -> None:
    assert not recipe.fits
    model, swept = hard_model(2), hard_model(2)
    weights = {node.name: node.weight for node in swept.graph.live() if isinstance(node, LinearNode)}
    ranges = {node.name: (node.range, node.channel_range) for node in swept.graph.live()}
    fit(swept.graph, recipe, swept.images)
    for node in swept.graph.live():
        assert (node.range, node.channel_range) == ranges[node.name]
        assert not isinstance(node, LinearNode) or node.weight is weights[node.name]
    assert same(emitted(model, recipe), emitted(swept, recipe))


def linear_errors(recipe: Recipe, monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Of each linear of the hard model, on the inputs that it will see: the error of its outputs.

    Where it is added to the residual stream, of the sum. Relative to the float outputs' squares.
    """
    errors: list[float] = []

    def watched(node: LinearNode, recipe: Recipe, bits: int, inputs: LinearInputs) -> RoundedWeight:
        wanted = linear(node, inputs.reference, node.weight)
        rounded = fit_linear(node, recipe, bits, inputs)
        made = linear(node, inputs.quantised, rounded.integers * rounded.steps[:, None])
        rest = made - wanted if inputs.stream_error is None else made - wanted + inputs.stream_error
        errors.append(float(np.square(rest).sum() / np.square(wanted).sum()))
        return rounded

    monkeypatch.setattr(sweep, "fit_linear", watched)
    model = hard_model()
    fit(model.graph, recipe, model.images)
    return errors


@pytest.mark.parametrize(
    ("name", "choice", "factor"),
    [
        ("rounding", "gptq", 0.95),
        ("rounding", "adaround", 0.99),
        ("refit", True, 0.7),
        ("weight_clip", "mse", 0.97),
        ("bias_correction", True, 0.98),
        ("ranges", "mse", 0.8),
        ("ranges", "output", 0.8),
        ("ranges", "percentile", 0.99),
    ],
)
def test_each_fit_lowers_the_error(
    name: str, choice: Any, factor: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To ``factor`` of what rounding to nearest over whole ranges leaves, in the mean of all linears."""
    changed: dict[str, Any] = {name: choice}
    before, after = (linear_errors(recipe, monkeypatch) for recipe in (FOUR, replace(FOUR, **changed)))
    assert len(before) == len(after) == 13
    ratio = np.exp(np.mean(np.log(np.array(after) / np.array(before))))
    assert ratio < factor


def test_all_fits_together_lower_the_error_of_the_integers() -> None:
    assert error(ALL) < 0.7 * error(FOUR)


ALL = replace(FOUR, rounding="gptq", refit=True, weight_clip="mse", ranges="mse", bias_correction=True)


def test_what_the_sweep_decides_is_what_is_emitted() -> None:
    model = hard_model(4)
    fit(model.graph, ALL, model.images)
    _, store = model.emit(ALL, IMAGENET)
    linears = [node for node in model.graph.live() if isinstance(node, LinearNode)]
    assert len(linears) == 13
    for node in linears:
        assert node.rounded is not None
        integers, most = store[f"{node.name}.weight"], 127 if node.role == "head" else 7
        assert integers.dtype == np.int8
        assert integers.tolist() == node.rounded.integers.tolist()
        assert np.abs(integers).max() <= most
    nearest = hard_model(4)
    _, plain = nearest.emit(ALL, IMAGENET)
    assert (
        sum(store[f"{n.name}.weight"].tolist() != plain[f"{n.name}.weight"].tolist() for n in linears) >= 12
    )


def test_ranges_of_activations_come_from_the_sweep() -> None:
    whole, cut = hard_model(4), hard_model(4)
    recipe = replace(ALL, ranges_below=5)
    fit(cut.graph, recipe, cut.images)
    pairs = list(zip(whole.graph.live(), cut.graph.live(), strict=True))
    changed = {new.name for old, new in pairs if new.range != old.range}
    parts = ("norm1", "q", "k", "v", "attention", "norm2", "gelu")
    assert changed == {f"block{block}.{part}" for block in (0, 1) for part in parts}


def test_progress_is_told() -> None:
    model = hard_model(1)
    told: list[tuple[int, int]] = []
    fit(model.graph, PLAIN, model.images, lambda done, total: told.append((done, total)))
    total = len(model.graph.live())
    assert told == [(done + 1, total) for done in range(total)]


def test_one_image_and_a_constant_image_are_enough() -> None:
    for value in (0.0, 255.0):
        model = hard_model(1)
        model.images[:] = value
        fit(model.graph, ALL, model.images)
        module, store = model.emit(ALL, IMAGENET)
        assert np.all(np.isfinite(run(module, store, model.pixels)))


W4A4 = QuantizeOptions(weight_bits=4, activation_bits=4, bias_correction=True)


def images(count: int = 6) -> NDArray[np.uint8]:
    return np.random.default_rng(3).integers(0, 256, (count, 28, 28, 3)).astype(np.uint8)


def lowered(
    calibration: NDArray[Any] | Path | None,
    module: ModuleOp | None = None,
    ctx: StoreContext | None = None,
) -> tuple[str, WeightStore]:
    if module is None or ctx is None:
        module, ctx = parse(plain_text("layer_scale", "high-level"))
    options = LowerToIntOptions(**W4A4.given(), mean=IMAGENET.mean, std=IMAGENET.std)
    lower_to_int(module, ctx, options, calibration)
    return module_text(module), ctx.store


def test_the_same_images_give_the_same_bytes(tmp_path: Path) -> None:
    """Twice, and from a file."""
    np.savez(tmp_path / "images.npz", images=images())
    first = lowered(images())
    assert same(first, lowered(images()))
    assert same(first, lowered(tmp_path / "images.npz"))
    assert not same(first, lowered(images(5)))


def test_without_images_each_reader_tells_once(capsys: pytest.CaptureFixture[str]) -> None:
    lowered(None)
    lines = [line for line in capsys.readouterr().err.splitlines() if "no images given" in line]
    assert [line.split(" come ")[0] for line in lines] == [
        "calibrate: no images given: ranges",
        "quantize: no images given: fitted weights and ranges",
    ]


def test_dumped_levels_go_on_to_the_same_bytes() -> None:
    """The torch level, and the calibrated one, whose ranges of channels are in the store."""
    first = lowered(images())
    module, ctx = parse(plain_text("layer_scale", "high-level"))
    again = StoreContext(store=WeightStore(dict(ctx.store)))
    assert same(first, lowered(images(), parse_module(module_text(module), "torch.mlir", again), again))
    PassPipeline.parse_spec(get_passes(), "raise-torch,generalize-batch").apply(ctx, module)
    calibrate(module, ctx.store, images(), mean=IMAGENET.mean, std=IMAGENET.std)
    text, ctx = module_text(module), StoreContext(store=ctx.store)
    assert "ivit.query_channel_range" in text
    module = parse_module(text, "calibrated.mlir", ctx)
    quantize(module, ctx, resolve(W4A4), images(), mean=IMAGENET.mean, std=IMAGENET.std)
    PassPipeline.parse_spec(get_passes(), "slice-early").apply(ctx, module)
    assert same((module_text(module), ctx.store), first)


@pytest.mark.parametrize("bits", [4, 8])
def test_fake_quantize(bits: int) -> None:
    x, low = np.linspace(-3, 3, 1001, dtype=np.float32), -(1 << (bits - 1))
    scale = Scale(2.0**-3, 5)
    want = (np.clip(np.rint(x / scale.step) + 5, low, -low - 1) - 5) * scale.step
    got = fake_quantize(x, scale, bits)
    assert got.dtype == np.float32
    assert got.tolist() == want.tolist()


def rows() -> NDArray[np.float32]:
    e = np.exp(np.random.default_rng(0).normal(0, 2, (2, 30, 30)))
    return (e / e.sum(axis=-1, keepdims=True)).astype(np.float32)


@pytest.mark.parametrize("bits", [4, 8, 16])
def test_simulated_uniform_probabilities(bits: int) -> None:
    change = probability_change(replace(DEFAULT, probabilities="uniform", probability_bits=bits), None)
    p, step = rows(), 1 / (2**bits - 1)
    codes = change(p) / step
    np.testing.assert_allclose(codes, np.rint(codes), atol=2e-2)
    assert np.abs(change(p) - p).max() <= 0.5001 * step


@pytest.mark.parametrize("bits", [3, 4, 6, 8, 16])
def test_simulated_deferred_probabilities(bits: int) -> None:
    """Rows add up to 1, and hold no more levels than there are codes."""
    p = rows()
    got = probability_change(replace(DEFAULT, probability_bits=bits), None)(p)
    np.testing.assert_allclose(got.sum(axis=-1), 1.0, rtol=1e-5)
    for row in (got / got.max(axis=-1, keepdims=True)).reshape(-1, 30):
        assert len(np.unique(row)) <= 2 ** min(bits, 8)
    # Half a gap between levels: relative to the row's largest, and what its sum adds.
    assert np.abs(got - p).max() <= {3: 0.3, 4: 0.15, 6: 0.05, 8: 0.012, 16: 0.012}[bits]


@pytest.mark.parametrize("bits", range(2, 9))
def test_levels_of_few_bits(bits: int) -> None:
    levels = softmax_levels(bits).astype(int)
    assert levels.dtype.kind == "i"
    assert (len(levels), levels[0], levels[-1]) == (1 << bits, 255, 0)
    assert np.all(np.diff(levels) <= 0)
    if bits == 4:
        assert levels.tolist() == [255, 170, 128, 85, 64, 42, 32, 21, 16, 11, 8, 5, 4, 3, 2, 0]
