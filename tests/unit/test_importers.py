"""Sources of ``ivit import``: what they give, and how each refusal reads."""

from __future__ import annotations

import json
import logging
import sys
import tempfile
from pathlib import Path

import pytest
import torch
from hf_models import hugging_face
from torch_models import PlainViT

from ivit_dialect.load import load_module
from ivit_dialect.store import StoreContext
from passes.import_model import import_model, import_module
from passes.torch_entry import image_sizes, main_function, normalisation_of

FACTORIES = """
import torch
from torch import nn
from torch_models import PlainViT

def plain():
    torch.default_generator.manual_seed(0)
    return PlainViT(image=16, depth=1)

def example():
    return plain(), torch.zeros(4, 3, 16, 16)

def number():
    return 3

def broken():
    raise RuntimeError("the checkpoint\\nis not there")

def half():
    return plain().half()

class Fourier(nn.Module):
    image_size, in_channels = 16, 3
    def forward(self, x):
        return torch.fft.fft2(x).abs()

class Branch(Fourier):
    def forward(self, x):
        return x if x.sum() > 0 else -x

class Pair(Fourier):
    def forward(self, x):
        return x, x

class Shapeless(nn.Module):
    def forward(self, x):
        return x

class Layer(nn.Module):
    image_size, in_channels = 8, 4
    def __init__(self, layer):
        super().__init__()
        self.layer = layer
    def forward(self, x):
        return self.layer(x)

def causal(x):
    return nn.functional.scaled_dot_product_attention(x, x, x, is_causal=True)

LAYERS = {
    "batch_norm": nn.BatchNorm2d(4),
    "instance_norm": nn.InstanceNorm2d(4),
    "relu": nn.ReLU(),
    "relu_": nn.ReLU(inplace=True),
    "hardtanh": nn.ReLU6(),
    "silu": nn.SiLU(),
    "adaptive_avg_pool2d": nn.AdaptiveAvgPool2d(2),
    "cumsum": lambda x: x.cumsum(1),
    "scaled_dot_product_attention": causal,
}
for name, layer in LAYERS.items():
    globals()[name] = lambda layer=layer: Layer(layer)
"""


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current directory, with the module ``factories``, and a folder for temporary files in it."""
    (tmp_path / "factories.py").write_text(FACTORIES, encoding="utf-8")
    (tmp_path / "wrong.py").write_text("def (", encoding="utf-8")
    (tmp_path / "temporary").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    monkeypatch.delitem(sys.modules, "factories", raising=False)
    return tmp_path


def test_a_factory(home: Path) -> None:
    for source, shape in (("py:factories:plain", None), ("py:factories:example", None)):
        path = home / "model.mlir"
        assert import_model(source, path, input_shape=shape) == home / "model.safetensors"
        ctx = StoreContext()
        module = load_module(path, ctx)
        assert image_sizes(main_function(module)) == (1, 3, 16, 16)
        assert normalisation_of(module, None, None) is None
        assert {"cls_token", "blocks.0.attn.qkv.weight"} <= set(ctx.store)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("factories", "factories: a model source is py:package.module:factory, hf:PATH_OR_NAME or timm:NAME"),
        ("py:factories", "py:factories: expected py:package.module:factory"),
        ("py:nowhere:plain", "py:nowhere:plain: no module nowhere"),
        ("py:wrong:plain", r"py:wrong:plain: importing wrong failed: SyntaxError: invalid syntax"),
        ("py:factories:nothing", "py:factories:nothing: factories has no nothing"),
        ("py:factories:number", "py:factories:number: the factory must return an nn.Module .*, got int"),
        ("py:factories:broken", r"the factory failed: RuntimeError: the checkpoint \(.*/factories\.py:17\)"),
        ("py:factories:half", r"parameter cls_token is float16: convert the module with \.float\(\) first"),
        ("py:factories:Fourier", r"Fourier: torch\.aten\.fft_fft2 at .*/factories\.py:25 is not supported"),
        ("py:factories:Branch", r"torch\.export cannot export Branch .*data-dependent.*/factories\.py:29\)"),
        (
            "py:factories:Pair",
            "Pair returns 2 values: wrap it in a module that returns the one tensor wanted",
        ),
        ("py:factories:Shapeless", "the input shape is not known: Shapeless has .*give --input-shape C,"),
        ("hf:./nowhere", r"hf:\./nowhere: no such directory"),
    ],
)
def test_refusals(home: Path, capfd: pytest.CaptureFixture[str], source: str, message: str) -> None:
    before = sorted(home.rglob("*.*"))
    with pytest.raises(ValueError, match=message) as caught:
        import_model(source, home / "model.mlir")
    assert "\n" not in str(caught.value)
    assert capfd.readouterr() == ("", "")
    assert [path for path in sorted(home.rglob("*.*")) if path.suffix != ".pyc"] == before


@pytest.mark.parametrize(
    ("layer", "advice"),
    [
        ("batch_norm", "fold it into the layer before it with torch.nn.utils.fusion.fuse_conv_bn_eval, "),
        ("instance_norm", "use torch.nn.LayerNorm, and train again"),
        ("relu", "use torch.nn.GELU, and train again"),
        ("relu_", "use torch.nn.GELU, and train again"),
        ("hardtanh", "this is torch.nn.ReLU6 or Hardtanh; use torch.nn.GELU, and train again"),
        ("silu", "use torch.nn.GELU, and train again"),
        ("adaptive_avg_pool2d", "take the mean over the tokens"),
        ("cumsum", "replace it in the model"),
        ("scaled_dot_product_attention", "only attention that sees every token is taken"),
    ],
)
def test_layers_without_an_integer_form_keep_their_names(home: Path, layer: str, advice: str) -> None:
    with pytest.raises(ValueError, match="has no integer form") as caught:
        import_model(f"py:factories:{layer}", home / "model.mlir")
    message = str(caught.value)
    assert message.startswith(f"Layer: torch.aten.{layer} at {home / 'factories.py'}:"), message
    assert advice in message


def test_pixels_without_mean_and_std_are_remarked_on(home: Path) -> None:
    remarks: list[str] = []
    path = home / "model.mlir"
    import_model("py:factories:plain", path, remark=remarks.append)
    import_model("py:factories:plain", path, mean=[0.5] * 3, std=[0.5] * 3, remark=remarks.append)
    assert remarks == [
        "no mean and std found: the model will take float32 only; --mean and --std make it take uint8 pixels"
    ]


def test_normalisation_is_checked(home: Path) -> None:
    for mean, std, message in (
        ([0.5], [0.5], "mean has 1 values, the model's input 3 channels"),
        ([0.5] * 3, None, "give both or neither"),
        ([0.5] * 3, [0.0] * 3, "mean must be finite and std positive"),
        ([float("nan")] * 3, [1.0] * 3, "mean must be finite and std positive"),
    ):
        with pytest.raises(ValueError, match=message):
            import_model("py:factories:plain", home / "model.mlir", mean=mean, std=std)
    assert not (home / "model.mlir").exists()


@pytest.mark.parametrize("name", ["vit", "deit teacher", "dinov2"])
def test_a_saved_model_of_transformers(home: Path, capfd: pytest.CaptureFixture[str], name: str) -> None:
    hugging_face(name).save_pretrained(home / "saved")
    processor = {"do_normalize": True, "image_mean": [0.5] * 3, "image_std": [0.25] * 3}
    (home / "saved" / "preprocessor_config.json").write_text(json.dumps(processor), encoding="utf-8")
    capfd.readouterr()
    import_model("hf:saved", home / "model.mlir")
    assert capfd.readouterr() == ("", "")
    assert logging.root.manager.disable == logging.NOTSET
    module = load_module(home / "model.mlir", StoreContext())
    normalisation = normalisation_of(module, None, None)
    assert normalisation is not None
    assert (normalisation.mean, normalisation.std) == ((0.5,) * 3, (0.25,) * 3)


def test_a_saved_model_that_is_not_whole(home: Path) -> None:
    saved = home / "saved"
    hugging_face("vit").save_pretrained(saved)
    config = json.loads((saved / "config.json").read_text(encoding="utf-8"))
    weights = (saved / "model.safetensors").read_bytes()

    def refusal(**changes: object) -> str:
        (saved / "config.json").write_text(json.dumps(config | changes), encoding="utf-8")
        with pytest.raises(ValueError, match=r"^hf:saved: ") as caught:
            import_model("hf:saved", home / "model.mlir")
        assert "\n" not in str(caught.value)
        return str(caught.value)

    # transformers would fill in random numbers
    assert "the checkpoint lacks 16 weights, vit." in refusal(num_hidden_layers=2)
    assert "classifier.bias is [3] in the checkpoint, the config wants [7]" in refusal(
        id2label={str(i): str(i) for i in range(7)}, label2id={str(i): i for i in range(7)}
    )
    assert "model type bert is not supported: use one of vit, deit, dinov2" in refusal(model_type="bert")
    (saved / "preprocessor_config.json").write_text("[", encoding="utf-8")
    assert "its preprocessor_config.json is not JSON" in refusal()
    (saved / "model.safetensors").write_bytes(weights[:-100])
    assert "its weights cannot be loaded: SafetensorError: " in refusal()
    (saved / "model.safetensors").unlink()
    assert "its weights cannot be loaded: OSError: Error no file named model.safetensors" in refusal()
    (saved / "config.json").write_text("{", encoding="utf-8")
    with pytest.raises(ValueError, match="hf:saved: no model there: "):
        import_model("hf:saved", home / "model.mlir")


def test_timm_is_asked_for_in_one_line(home: Path) -> None:
    with pytest.raises(
        ImportError, match=r"importing a model needs timm \(.*\): pip install timm torchvision"
    ):
        import_model("timm:vit_tiny_patch16_224", home / "model.mlir")


def test_what_is_no_module() -> None:
    with pytest.raises(TypeError, match=r"must be a torch\.nn\.Module, got Tensor"):
        import_module(torch.zeros(1), None, StoreContext())  # pyright: ignore[reportArgumentType]  # the point
    for example in (torch.zeros(0, 3, 32, 32), torch.zeros(3, 32, 32)):
        with pytest.raises(ValueError, match="the example input must be a torch tensor"):
            import_module(PlainViT(depth=1), example, StoreContext())
