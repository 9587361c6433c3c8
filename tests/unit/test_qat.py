"""Quantisation-aware training: the bits of the compiled model, gradients, checkpoints."""

# pyright: strict, reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# (torch is only partly typed)

from __future__ import annotations

import copy
import subprocess
import sys
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
import torch
from hf_models import Features, hugging_face
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F
from torch_models import plain

import ivit
import ivit.qat
from ivit.interface import boundary_of
from ivit.qat.straight_through import Clipped, RoundedWeight
from ivit_dialect.interpreter import run
from ivit_dialect.store import StoreContext, WeightStore
from passes.import_model import import_module
from passes.lower_to_int import LowerToIntOptions, lower_to_int

PAPER: dict[str, Any] = {"recipe": "paper"}
FEW_BITS: dict[str, Any] = {"weight_bits": 4, "activation_bits": 4}
PIXELS: dict[str, Any] = {"mean": [0.5, 0.4, 0.3], "std": [0.2, 0.3, 0.25]}


def images(count: int = 6, size: int = 32, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(count, 3, size, size, generator=generator)


def prepared(name: str = "vit", **options: Any) -> ivit.qat.QatModel:
    model = plain(name)
    size = int(model.image_size)
    return ivit.qat.prepare(model, images(1, size), images(size=size), **options)


def interpreted(model: ivit.qat.QatModel, x: Tensor) -> NDArray[Any]:
    """What the NumPy reference of each op makes of ``x``."""
    module, weights = model.integer_module()
    return run(module, WeightStore(weights), model.boundary.to_integers(x))


def assert_all_agree(model: ivit.qat.QatModel, x: Tensor) -> None:
    """In evaluation, in training, and in the interpreter."""
    integers, scale = model.integers(x)
    np.testing.assert_array_equal(integers, interpreted(model, x))
    want = model.boundary.to_floats(integers)
    with torch.no_grad():
        np.testing.assert_array_equal(model.eval()(x).numpy(), want)
    np.testing.assert_array_equal(model(x).detach().numpy(), want)
    np.testing.assert_array_equal(model.train()(x).detach().numpy(), want)
    assert scale == model.boundary.output_scale


def trained(model: ivit.qat.QatModel, x: Tensor, steps: int = 4) -> list[float]:
    """The losses of some steps that learn ``x`` by heart."""
    optimizer = torch.optim.AdamW(model.parameters(), 1e-3)
    losses: list[float] = []
    for _ in range(steps):
        optimizer.zero_grad()
        loss = F.cross_entropy(model.train()(x), torch.arange(len(x)) % 5)
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    return losses


@pytest.mark.parametrize("options", [{}, PAPER, FEW_BITS], ids=["default", "paper", "few bits"])
def test_the_forward_is_the_interpreters_before_and_after_training(options: dict[str, Any]) -> None:
    model = prepared("layer_scale", **options, **PIXELS)
    x = images(5, 28, seed=1)
    assert_all_agree(model, x)
    losses = trained(model, x)
    assert losses[-1] < losses[0]
    assert_all_agree(model, x)


@pytest.mark.parametrize("options", [{}, PAPER], ids=["default", "paper"])
def test_the_forward_is_the_native_codes(options: dict[str, Any], tmp_path: Path) -> None:
    """By way of the file that ``ivit compile`` takes as it is."""
    model = prepared("avg_pool", **options, **PIXELS)
    trained(model, images(5))
    model.export(tmp_path / "trained.mlir")
    with pytest.raises(ValueError, match=r"trained\.onnx: what is exported is MLIR text"):
        model.export(tmp_path / "trained.onnx")
    compiled = ivit.compile(tmp_path / "trained.mlir")
    for seed in range(3):
        pixels = np.random.default_rng(seed).integers(0, 256, (3, 32, 32, 3), np.uint8)
        got, scale = model.integers(torch.from_numpy(pixels))
        want, other_scale = compiled.integers(pixels)
        np.testing.assert_array_equal(got, want)
        assert scale == other_scale
    x = images(4, seed=3)
    np.testing.assert_array_equal(model.eval()(x).detach().numpy(), compiled(x))


@pytest.mark.parametrize(
    "options",
    [
        {"probabilities": "log2", "probability_bits": 6, "qkv_scales": "per_head"},
        {"qkv_scales": "per_head", "gelu_channels": True, "gelu_input_bits": 12, "context_bits": 12},
        {"softmax": "ibert", "gelu": "ibert", "layernorm": "ibert"},
        {"softmax": "fqvit", "layernorm": "l1", "activations": "symmetric"},
    ],
    ids=["log2", "per channel", "ibert", "fqvit and l1"],
)
def test_every_family_and_form_trains_in_the_interpreters_bits(options: dict[str, Any]) -> None:
    model = prepared("avg_pool", **options)
    x = images(4, seed=1)
    assert_all_agree(model, x)
    trained(model, x, steps=1)
    assert_all_agree(model, x)


@pytest.mark.parametrize("name", ["deit_distilled", "no_qkv_bias"])
def test_every_architecture_trains_as_it_compiles(name: str) -> None:
    model = prepared(name, range_training="learned")
    x = images(3, int(plain(name).image_size), seed=1)
    logits = model(x)
    F.cross_entropy(logits, torch.arange(3)).backward()
    idle = [key for key, p in model.model.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0]
    assert [key for key in idle if not key.endswith("k.bias")] == []
    assert all(torch.isfinite(p.grad).all() for p in model.parameters() if p.grad is not None)
    want = model.boundary.to_floats(interpreted(model, x))
    np.testing.assert_array_equal(logits.detach().numpy(), want)


@pytest.mark.parametrize("name", ["deit", "dinov2 classifier"])
def test_hugging_face_models_train_as_they_compile(name: str) -> None:
    source = Features(hugging_face(name))
    with torch.no_grad():
        for parameter in source.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    x = images(4, 28)
    model = ivit.qat.prepare(source, x[:1], x, recipe="paper")
    logits = model(x)
    F.cross_entropy(logits, torch.zeros(4, dtype=torch.int64)).backward()
    want = model.boundary.to_floats(interpreted(model, x))
    np.testing.assert_array_equal(logits.detach().numpy(), want)
    idle = [key for key, p in source.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0]
    assert all("mask_token" in key or "key.bias" in key for key in idle), idle


@pytest.mark.parametrize("options", [PAPER, {"weight_bits": 4}], ids=["paper", "w4"])
def test_training_starts_from_what_calibration_alone_gives(options: dict[str, Any]) -> None:
    source, x = plain("layer_scale"), images(size=28)
    ctx = StoreContext()
    module = import_module(source, x[:1], ctx)
    lower_to_int(module, ctx, LowerToIntOptions(**options), x.numpy())
    model = ivit.qat.prepare(source, x[:1], x, **options)
    got, scale = model.integers(x)
    np.testing.assert_array_equal(got, run(module, ctx.store, model.boundary.to_integers(x)))
    assert scale == boundary_of(module).output_scale


@pytest.mark.parametrize("gelu_channels", [False, True])
def test_gradients_are_those_of_the_float_model_where_quantisation_is_fine(gelu_channels: bool) -> None:
    source = plain("vit")
    x = images(8)
    twin = copy.deepcopy(source)
    model = ivit.qat.prepare(
        source, x[:1], x, activation_bits=12, residual_bits=16, gelu_channels=gelu_channels
    )
    for each in (model, twin):
        F.cross_entropy(each(x), torch.arange(8) % 5).backward()
    for (name, parameter), other in zip(source.named_parameters(), twin.parameters(), strict=True):
        assert parameter.grad is not None
        assert other.grad is not None
        if name.endswith("qkv.bias"):
            continue  # its middle, the keys' bias, has no gradient but rounding
        cosine = F.cosine_similarity(parameter.grad.flatten(), other.grad.flatten(), dim=0)
        assert cosine > 0.9, name


def test_a_parameter_that_is_zero_throughout_is_trained() -> None:
    source: Any = plain("layer_scale")
    with torch.no_grad():
        source.pos_embed.zero_()
        source.blocks[0].ls1.gamma.fill_(1.0)
    x = images(4, 28)
    model = ivit.qat.prepare(source, x[:1], x)
    F.cross_entropy(model(x), torch.arange(4)).backward()
    gradients = [source.pos_embed.grad, source.blocks[0].ls1.gamma.grad]
    assert all(gradient is not None and gradient.abs().sum() > 0 for gradient in gradients)


def another(name: str, options: dict[str, Any], calibration: Tensor) -> ivit.qat.QatModel:
    """Prepared with other parameters, whose columns differ, and other images."""
    fresh = plain(name)
    generator = torch.Generator().manual_seed(5)
    with torch.no_grad():
        for parameter in fresh.parameters():
            parameter.mul_(0.5 + torch.rand(parameter.shape, generator=generator))
    return ivit.qat.prepare(fresh, calibration[:1], calibration, **options)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("layer_scale", {"recipe": "best"}),
        ("layer_scale", {**FEW_BITS, "gelu_channels": True}),
        ("no_qkv_bias", {"recipe": "best"}),
        ("no_qkv_bias", {**FEW_BITS, "bias_correction": True}),
    ],
    ids=["best", "few bits", "best without biases", "corrected without biases"],
)
def test_a_checkpoint_has_all_that_calibration_found(name: str, options: dict[str, Any]) -> None:
    size = int(plain(name).image_size)
    model, x = prepared(name, **options), images(4, size)
    trained(model, x, steps=1)
    other = another(name, options, 3.0 * images(3, size, seed=9))
    assert not np.array_equal(other.integers(x)[0], model.integers(x)[0])
    other.load_state_dict(model.state_dict())
    np.testing.assert_array_equal(other.integers(x)[0], model.integers(x)[0])
    np.testing.assert_array_equal(other(x).detach().numpy(), model(x).detach().numpy())
    module, weights = other.integer_module()
    for key, array in model.integer_module()[1].items():
        np.testing.assert_array_equal(weights[key], array, err_msg=key)
    assert str(module) == str(model.integer_module()[0])


@pytest.mark.parametrize("range_training", ["ema", "learned"])
def test_a_checkpoint_gives_the_same_bits_in_another_model(tmp_path: Path, range_training: str) -> None:
    x = images(4, 28)
    model = prepared("layer_scale", range_training=range_training, **FEW_BITS)
    trained(model, x, steps=2)
    torch.save(model.state_dict(), tmp_path / "qat.pt")
    fresh = plain("layer_scale")
    with torch.no_grad():
        for parameter in fresh.parameters():
            parameter.mul_(1.5)
    other = ivit.qat.prepare(fresh, x[:1], images(3, 28, seed=9), range_training=range_training, **FEW_BITS)
    assert not np.array_equal(other.integers(x)[0], model.integers(x)[0])
    other.load_state_dict(torch.load(tmp_path / "qat.pt"))
    np.testing.assert_array_equal(other.integers(x)[0], model.integers(x)[0])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (PIXELS, r"mean=None \(here \[0.5, 0.4, 0.3\]\), std=None \(here \[0.2, 0.3, 0.25\]\)"),
        ({"range_training": "learned"}, r"range_training=frozen \(here learned\)"),
        ({"gelu_bits": 6, "range_training": "frozen"}, r"gelu_bits=8 \(here 6\)"),
    ],
    ids=["mean and std", "ranges", "bits"],
)
def test_a_state_of_other_options_names_them(options: dict[str, Any], message: str) -> None:
    state, other = prepared("avg_pool").state_dict(), prepared("avg_pool", **options)
    before = {key: value.clone() for key, value in other.state_dict().items()}
    with pytest.raises(ValueError, match="^the state was prepared with other options: .*" + message) as error:
        other.load_state_dict({key: value * 2 if "model." in key else value for key, value in state.items()})
    assert "\n" not in str(error.value)
    assert all(torch.equal(value, before[key]) for key, value in other.state_dict().items())


def test_a_state_of_an_average_loads_where_ranges_are_frozen() -> None:
    model, x = prepared("avg_pool", range_training="ema"), images(3)
    model.train()(4 * x)
    other = prepared("avg_pool")
    other.load_state_dict(model.state_dict())
    np.testing.assert_array_equal(other.integers(x)[0], model.integers(x)[0])


def test_parameters_written_behind_their_versions_are_seen() -> None:
    model: Any = prepared("avg_pool").eval()
    x = images(2)
    with torch.no_grad():
        before = model(x)
        model.model.head.weight.data.mul_(2.0)
        after = model(x)
    assert not torch.equal(before, after)


def test_parameters_that_change_places_are_seen() -> None:
    model = prepared()
    x = images(2, seed=3)
    before, _ = model.integers(x)
    for parameter in model.model.parameters():
        parameter.data = parameter.data.flip(0)
    after, _ = model.integers(x)
    assert (after != before).any()
    np.testing.assert_array_equal(after, interpreted(model, x))


def test_images_may_be_arrays() -> None:
    model, x = prepared("avg_pool", **PIXELS), images(2)
    pixels = np.random.default_rng(0).integers(0, 256, (2, 32, 32, 3), np.uint8)
    for tensor in (x, torch.from_numpy(pixels)):
        array = tensor.numpy()
        array.setflags(write=False)
        np.testing.assert_array_equal(model.integers(array)[0], model.integers(tensor)[0])
        assert torch.equal(model(array), model(tensor))
    with pytest.raises(TypeError, match="float64"):
        model(x.double().numpy())


def test_a_copy_goes_its_own_way() -> None:
    model, x = prepared("avg_pool", **FEW_BITS), images(4)
    before = model.integers(x)[0]
    other = copy.deepcopy(model)
    np.testing.assert_array_equal(other.integers(x)[0], before)
    trained(other, x, steps=1)
    assert not np.array_equal(other.integers(x)[0], before)
    np.testing.assert_array_equal(model.integers(x)[0], before)
    logits = model(x)
    other.integers(x)
    logits.sum().backward()
    assert_all_agree(model, x)


def test_ranges_follow_the_data_in_training_only() -> None:
    model = prepared("avg_pool", range_training="ema")
    before = {key: value.clone() for key, value in model.quantizer.named_buffers()}
    model.eval()(10 * images(4))
    assert all(torch.equal(value, before[key]) for key, value in model.quantizer.named_buffers())
    model.train()(10 * images(4))
    changed = [key for key, value in model.quantizer.named_buffers() if not torch.equal(value, before[key])]
    assert any("fc1" in key for key in changed)
    assert any("scores" in key for key in changed)
    frozen = prepared("avg_pool")
    assert not list(frozen.quantizer.parameters())


def test_clipped_values_have_the_gradient_of_their_bound() -> None:
    surrogate = torch.tensor([-3.0, -0.9, 0.2, 5.0], requires_grad=True)
    exact, gain = torch.tensor([-1.0, -1.0, 0.0, 1.0]), torch.zeros((), requires_grad=True)
    value = Clipped.apply(surrogate, exact, torch.tensor(-1.0), torch.tensor(1.0), gain)
    assert torch.equal(value, exact)
    (value * torch.tensor([1.0, 2.0, 3.0, 4.0])).sum().backward()
    assert surrogate.grad is not None
    assert gain.grad is not None
    assert surrogate.grad.tolist() == [0.0, 2.0, 3.0, 0.0]
    # -1 and 1 move with the scale where it clips, the rounding error with it elsewhere
    assert gain.grad.item() == pytest.approx((1 * -1.0 + 2 * -0.1 + 3 * -0.2 + 4 * 1.0) / 2)


def test_weights_beyond_their_steps_get_no_gradient() -> None:
    weight = torch.tensor([[0.4, -2.0], [0.9, 0.1]], requires_grad=True)
    gains = torch.zeros(2, requires_grad=True)
    exact, limits = torch.tensor([[0.5, -1.0], [1.0, 0.0]]), torch.tensor([[1.0], [1.0]])
    RoundedWeight.apply(weight, exact, limits, gains).sum().backward()
    assert weight.grad is not None
    assert gains.grad is not None
    assert weight.grad.tolist() == [[1.0, 0.0], [1.0, 1.0]]
    torch.testing.assert_close(gains.grad, torch.tensor([0.1 - 1.0, 0.1 - 0.1]) / 2**0.5)


def test_distillation_is_zero_for_equal_logits_and_gives_the_teacher_no_gradient() -> None:
    logits, teacher = torch.randn(3, 5, requires_grad=True), torch.randn(3, 5, requires_grad=True)
    assert ivit.qat.distillation_loss(logits, logits).item() == pytest.approx(0.0, abs=1e-6)
    ivit.qat.distillation_loss(logits, teacher, 2.0).backward()
    assert teacher.grad is None
    expected = (F.softmax(logits / 2, -1) - F.softmax(teacher / 2, -1)).detach() * 2 / 3
    torch.testing.assert_close(logits.grad, expected)
    with pytest.raises(ValueError, match="temperature must be positive, got 0"):
        ivit.qat.distillation_loss(logits, teacher, 0.0)


class Relu(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.patch_embed = nn.Conv2d(3, 8, 8, 8)

    def forward(self, x: Tensor) -> Tensor:
        return self.patch_embed(x).flatten(2).transpose(1, 2).relu()


class Scalar(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.vit, self.temperature = plain("avg_pool"), nn.Parameter(torch.tensor(3.0))

    def forward(self, x: Tensor) -> Tensor:
        return self.vit(x) * self.temperature


@pytest.mark.parametrize(
    ("source", "calibration", "options", "message"),
    [
        (Relu(), images(2), {}, "relu"),
        (plain("avg_pool"), None, {}, "calibration: give images that set the ranges"),
        (plain("avg_pool"), images(2, 16), {}, r"calibration images have shape \[2, 3, 16, 16\]"),
        (plain("avg_pool"), images(2), {"range_training": "wild"}, "range_training='wild' is not known"),
        (plain("avg_pool"), images(2), {"softmax": "wild"}, "softmax=wild is not known"),
        (plain("avg_pool"), images(2), {"gelu": "float"}, "gelu=float is floating point, simulated"),
        (Scalar(), images(2), {}, "the parameter temperature"),
    ],
)
def test_refusals_are_one_line(
    source: nn.Module, calibration: Any, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message) as error:
        ivit.qat.prepare(source, images(1), calibration, **options)
    assert "\n" not in str(error.value)


def test_an_unknown_option_is_named() -> None:
    with pytest.raises(TypeError, match=r"^prepare\(\) has no option 'rangs' \(options: recipe, "):
        ivit.qat.prepare(plain("avg_pool"), images(1), images(2), rangs=1)


def test_without_torch_the_extra_is_named() -> None:
    code = "import sys; sys.modules['torch'] = None\nimport ivit\nimport ivit.qat"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.stderr.splitlines()[-1] == "ImportError: ivit.qat needs torch: pip install 'ivit[train]'"


def test_what_is_no_module_is_refused() -> None:
    with pytest.raises(TypeError, match=r"prepare\(\) takes a torch.nn.Module, got tuple"):
        ivit.qat.prepare(cast("nn.Module", (plain("avg_pool"), images(1))), images(1), images(2))
