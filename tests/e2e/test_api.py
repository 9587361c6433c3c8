"""``ivit.compile``, the model it returns, ``save`` and ``load``: as a Python user meets them."""

from __future__ import annotations

import copy
import os
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tiny_files import float_images, pixels, random_weights
from tiny_vit import make
from xdsl.dialects.builtin import ModuleOp

import ivit
from ivit.baseline import FloatModel
from ivit.metrics import cosines
from ivit_dialect.load import load_module
from ivit_dialect.store import StoreContext


@pytest.fixture(scope="module")
def model(made: Path) -> ivit.Model:
    return ivit.load(made / "tiny.ivit")


@pytest.fixture(scope="module")
def quantized(made: Path) -> ivit.Model:
    """Of a source that knows no mean and std: the input is int8."""
    ctx = StoreContext()
    return ivit.compile(
        without_normalisation(load_module(made / "tiny.mlir", ctx)), float_images(), weights=ctx.store
    )


def without_normalisation(module: ModuleOp) -> ModuleOp:
    for name in ("ivit.mean", "ivit.std"):
        del module.attributes[name]
    return module


def assert_interpreted(model: ivit.Model, images: Any) -> None:
    integers, scale = model.integers(images)
    interpreted, same_scale = model.interpret(images)
    assert integers.dtype == interpreted.dtype
    assert scale == same_scale
    np.testing.assert_array_equal(integers, interpreted)
    np.testing.assert_array_equal(model(images), (integers * scale).astype(np.float32))


@pytest.mark.parametrize("count", [0, 1, 3])
def test_any_batch_of_floats_and_pixels(model: ivit.Model, count: int) -> None:
    for images in (float_images(count), pixels(count)):
        assert_interpreted(model, images)
        logits = model(images)
        assert (logits.shape, logits.dtype) == ((count, 5), np.float32)
        np.testing.assert_array_equal(logits, model(np.concatenate([images, images]))[:count])


def test_the_integers_are_near_fp32(model: ivit.Model, made: Path) -> None:
    images = pixels(50)
    assert cosines(FloatModel.open(made / "tiny.mlir")(images), model(images)).mean() > 0.99


def test_pixels_are_the_floats_that_they_stand_for(model: ivit.Model) -> None:
    images = pixels()
    mean, std = (np.array(values, np.float32) for values in (model.boundary.mean, model.boundary.std))
    floats = ((images / np.float32(255) - mean) / std).astype(np.float32).transpose(0, 3, 1, 2)
    np.testing.assert_array_equal(model.integers(floats)[0], model.integers(images)[0])


def test_tensors_through_dlpack(model: ivit.Model) -> None:
    for images in (float_images(), pixels()):
        expected, tensor = model(images), torch.asarray(images)
        np.testing.assert_array_equal(model(tensor), expected)
        np.testing.assert_array_equal(model(tensor.flip(0))[::-1], expected)
    floats = torch.asarray(float_images())
    np.testing.assert_array_equal(model(floats.clone().requires_grad_()), model(float_images()))
    np.testing.assert_array_equal(model(floats.to(memory_format=torch.channels_last)), model(float_images()))


def test_any_layout_in_memory(model: ivit.Model) -> None:
    for images in (float_images(), pixels()):
        frozen = images.copy()
        frozen.setflags(write=False)
        for same in (
            np.asfortranarray(images),
            images[::-1][::-1],
            np.repeat(images, 2, axis=0)[::2],
            frozen,
        ):
            np.testing.assert_array_equal(model(same), model(images))


def test_huge_floats_saturate(model: ivit.Model, quantized: ivit.Model) -> None:
    images = float_images()
    for each in (model, quantized):
        with np.errstate(all="raise"):
            huge = each(np.copysign(np.float32(3e38), images))
        np.testing.assert_array_equal(huge, each(np.copysign(np.float32(1e6), images)))


class NoArray:
    def __array__(self) -> object:
        raise TypeError("not today")


@pytest.mark.parametrize(
    ("images", "error", "message"),
    [
        (None, TypeError, "images must be a NumPy array or a tensor, got NoneType"),
        (float_images().tolist(), TypeError, "images must be a NumPy array or a tensor, got list"),
        (NoArray(), TypeError, "not today"),
        (float_images().astype(np.float64), TypeError, "got float64: convert them first"),
        (float_images().astype(">f4"), TypeError, "got >f4: convert them first"),
        (np.array([None]), TypeError, "got object: convert them first"),
        (np.zeros(2, [("a", "f4")]), TypeError, "convert them first"),
        (float_images() > 0, TypeError, "got bool: convert them first"),
        (torch.zeros(1, 3, 12, 12, dtype=torch.bfloat16), TypeError, "convert them to float32 first"),
        (torch.zeros(1, 3, 12, 12, device="meta"), TypeError, "cannot be read"),
        (torch.zeros(1, 3, 12, 12).to_sparse(), TypeError, "cannot be read"),
        (np.ma.masked_array(float_images(), mask=False), TypeError, "must not be a masked array"),
        (np.float32(3), ValueError, r"shape \(N, 3, 12, 12\), got \(\)"),
        (float_images()[0], ValueError, r"got \(3, 12, 12\)"),
        (float_images()[:, :, :0], ValueError, r"got \(6, 3, 0, 12\)"),
        (float_images().transpose(0, 2, 3, 1), ValueError, r"float32 images are \(N, C, H, W\)"),
        (pixels().transpose(0, 3, 1, 2), ValueError, r"uint8 pixels are \(N, H, W, C\)"),
        (np.full((2, 3, 12, 12), np.inf, np.float32), ValueError, "image 0 holds NaN or infinity"),
    ],
)
def test_what_are_no_images(model: ivit.Model, images: object, error: type[Exception], message: str) -> None:
    for call in (model, model.integers, model.interpret):
        with pytest.raises(error, match=message) as caught:
            call(images)
        assert "\n" not in str(caught.value)


def test_a_model_without_mean_and_std_takes_no_pixels(quantized: ivit.Model) -> None:
    assert quantized.boundary.kind == "quantized"
    assert_interpreted(quantized, float_images(3))
    with pytest.raises(TypeError, match="compile it with mean and std for uint8 pixels"):
        quantized(pixels())


def test_what_a_caller_passes_is_shown(model: ivit.Model, quantized: ivit.Model) -> None:
    floats = "float32 [N, 3, 12, 12]"
    for each, given, inside in (
        (model, f"uint8 [N, 12, 12, 3] or {floats}", "uint8"),
        (quantized, floats, "int8"),
    ):
        assert repr(each).startswith(f"<ivit.Model {given} -> float32 [N, 5] ({inside} -> int32 inside) on ")


def test_clipping_is_told_once(made: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = ivit.load(made / "tiny.ivit")
    not_normalised = pixels().transpose(0, 3, 1, 2).astype(np.float32)
    for call in (lambda: model(pixels()), lambda: model.interpret(not_normalised[:1])):
        assert capsys.readouterr().err == ""
        call()
    model(not_normalised)
    error = capsys.readouterr().err
    assert error.startswith("ivit: ")
    assert "% of the values lie outside what a pixel can be (" in error
    assert error.endswith("; the model clips them: were the images normalised?\n")
    assert error.count("\n") == 1


def test_copies_share_the_artifact_and_are_not_pickled(model: ivit.Model) -> None:
    for other in (copy.copy(model), copy.deepcopy(model), copy.deepcopy([model])[0]):
        assert other.artifact is model.artifact
        np.testing.assert_array_equal(other(pixels()), model(pixels()))
    with pytest.raises(TypeError, match=r"not pickled: save\(\) it and ivit\.load\(\) it in each process"):
        pickle.dumps(model)


def test_save_and_load(quantized: ivit.Model, tmp_path: Path) -> None:
    quantized.save(tmp_path / "q.ivit")
    again = ivit.load(str(tmp_path / "q.ivit"))
    assert again.boundary == quantized.boundary
    assert repr(again) == repr(quantized)
    for other in (again, ivit.load(tmp_path / "q.ivit", recompile=True)):
        np.testing.assert_array_equal(
            other.integers(float_images())[0], quantized.integers(float_images())[0]
        )
    assert_interpreted(again, float_images(2))
    with pytest.raises(FileNotFoundError, match=r"q\.ivit: there is no folder .*/no: make it first"):
        quantized.save(tmp_path / "no" / "q.ivit")
    with pytest.raises(IsADirectoryError, match="is a folder"):
        quantized.save(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["q.ivit"]


def test_another_process_writes_the_same_bytes(folder: Path) -> None:
    first = Path("tiny.ivit").read_bytes()
    subprocess.run(
        [sys.executable, "-m", "ivit", "compile", "tiny.mlir", "--calibration", "pixels.npz"],
        env={**os.environ, "PYTHONHASHSEED": "1"},
        check=True,
        capture_output=True,
        timeout=60,
    )
    assert Path("tiny.ivit").read_bytes() == first


def test_threads(made: Path) -> None:
    expected = ivit.load(made / "tiny.ivit", threads=1).integers(pixels())[0]
    for threads in (2, 3):
        model = ivit.load(made / "tiny.ivit", threads=threads)
        assert model.threads == threads
        for count in (1, 5, 6):
            np.testing.assert_array_equal(model.integers(pixels()[:count])[0], expected[:count])
    for threads, error in (
        (0, ValueError),
        (-1, ValueError),
        (1 << 20, ValueError),
        (1.5, TypeError),
        ("2", TypeError),
    ):
        with pytest.raises(error, match=r"threads must (be an integer|lie in \[1, 1024\]), got "):
            ivit.load(made / "tiny.ivit", threads=threads)  # pyright: ignore[reportArgumentType]  # refused types


def test_a_pytorch_module(capsys: pytest.CaptureFixture[str]) -> None:
    module, images = make(), float_images()
    stages: list[str] = []
    model = ivit.compile(
        (module, torch.zeros(2, 3, 12, 12)),
        torch.asarray(images),
        threads=2,
        mean=np.array([0.5, 0.5, 0.5]),  # pyright: ignore[reportArgumentType]  # any sequence of numbers
        std=(0.5, 0.5, 0.5),
        softmax="ivit",
        gelu="ivit",
        layernorm="ivit",
        report=lambda stage, done, total: stages.append(stage),
    )
    assert {"read", "calibrate", "quantize", "native code"} <= set(stages)
    error = capsys.readouterr().err
    assert "calibrate" not in error
    assert "fuse" not in error
    for each in (images, pixels()):
        assert_interpreted(model, each)
    with torch.no_grad():
        logits = module(torch.asarray(images)).numpy()
    assert cosines(logits, model(images)).min() > 0.97


def test_calibration_images_of_little_use_are_told(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    raw = pixels().transpose(0, 3, 1, 2).astype(np.float32)
    for images, message in (
        (raw, "ivit: calibration images: "),
        (np.zeros_like(raw), "calibrate: the calibration images have the same value everywhere: "),
    ):
        ivit.compile("tiny.mlir", images)
        told = [line for line in capsys.readouterr().err.splitlines() if "calibration" in line]
        assert len(told) == 1
        assert told[0].startswith(message)


def test_a_module_op_is_left_as_it_was(made: Path, model: ivit.Model) -> None:
    ctx = StoreContext()
    module = load_module(made / "tiny.mlir", ctx)
    before = str(module)
    compiled = ivit.compile(module, made / "pixels.npz", weights=random_weights())
    assert str(module) == before
    np.testing.assert_array_equal(compiled.integers(pixels())[0], model.integers(pixels())[0])
    with pytest.raises(ValueError, match=r"weight 'head\.bias' is neither"):
        ivit.compile(module, weights={})


@pytest.mark.parametrize(
    ("source", "options", "error", "message"),
    [
        (None, {}, TypeError, "a model is a path to a .mlir file, an xDSL ModuleOp, or .*; got NoneType"),
        (make(), {}, TypeError, "a model is a path .*; got TinyViT"),
        ((torch.zeros(1, 3, 12, 12), make()), {}, TypeError, r"must be a torch\.nn\.Module, got Tensor"),
        ((make(), float_images()), {}, ValueError, "the example input must be a torch tensor"),
        (
            (make(), torch.zeros(1, 4, 12, 12)),
            {},
            ValueError,
            r"torch\.export cannot export TinyViT .* channels",
        ),
        ("tiny.mlir", {"weights": {}}, TypeError, "weights go with an xDSL ModuleOp"),
        ("tiny.mlir", {"target": None}, ValueError, "unknown target None: choose cpu"),
        ("tiny.mlir", {"gelu": "tanh"}, ValueError, "gelu=tanh is not known; choose one of exact, ivit"),
        (
            "tiny.mlir",
            {"softmax": "float"},
            ValueError,
            "softmax=float is floating point, simulated and not compiled: choose one of exact, ivit, .*;"
            " or simulate: ivit-opt --lower-to-int='softmax=float' MODEL.mlir -o SIM.mlir",
        ),
        (
            "tiny.mlir",
            {"mean": "abc", "std": "abc"},
            ValueError,
            "mean must be numbers, one a channel, got 'abc'",
        ),
        ("tiny.mlir", {"mean": 0.5, "std": 0.5}, ValueError, "mean and std have 1 channels"),
        ("tiny.mlir", {"calibration": float_images().tolist()}, TypeError, "got list"),
        ("tiny.mlir", {"calibration": float_images()[:0]}, ValueError, "there are no calibration images"),
        ("tiny.mlir", {"calibration": 1e300 * np.ones((1, 3, 12, 12))}, ValueError, "holds NaN or infinity"),
        ("tiny.mlir", {"threads": "2"}, TypeError, "threads must be an integer, got '2'"),
    ],
)
def test_what_cannot_be_compiled(
    folder: Path, source: Any, options: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message) as caught:
        ivit.compile(source, **options)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("what", [".", "no.ivit", "tiny.mlir", "tiny.safetensors"])
def test_what_cannot_be_loaded(folder: Path, what: str) -> None:
    with pytest.raises((OSError, ValueError), match=f"^{what}: "):
        ivit.load(what)


def test_loading_and_running_needs_no_compiler(made: Path) -> None:
    """And importing ivit loads neither the compiler nor PyTorch."""
    code = f"""
import sys, numpy, ivit
heavy = ("torch", "torch_mlir", "transformers", "xdsl", "passes", "lowering")
assert not [name for name in heavy if name in sys.modules]
model = ivit.load({str(made / "tiny.ivit")!r})
assert model(numpy.zeros((2, 12, 12, 3), numpy.uint8)).shape == (2, 5)
assert not [name for name in heavy if name in sys.modules]
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
