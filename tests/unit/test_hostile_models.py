"""Weights that no training would give: the integers stay near FP32, or the model is refused in one line.

All with warnings as errors: a division by zero or an overflow in NumPy is no way to find out.
"""

from __future__ import annotations

import re
from functools import cache
from itertools import cycle
from pathlib import Path

import numpy as np
import pytest
from hostile import HELD_OUT, OPTIONS, Change, Hostile, fill, hostile, scale
from safetensors.numpy import save_file

from ivit import cli
from ivit_dialect.torch.kernels import floating
from passes.calibration.output_error import output_error
from passes.rounding.adaround import adaround
from passes.rounding.moments import input_moments, product
from tests.e2e.tiny_files import TEXT, random_weights

pytestmark = pytest.mark.filterwarnings("error")

FIRST, ODD = slice(0, 5), slice(1, None, 2)
Q, K, V = slice(0, 16), slice(16, 32), slice(32, 48)
HEAD_OF_Q, QK = slice(0, 8), slice(0, 32)
STREAM = ("patch_embed.weight", "patch_embed.bias", "pos_embed", "cls_token")


def zeroed(key: str, rows: slice = slice(None)) -> tuple[Change, Change]:
    """Weight and bias."""
    return fill(f"{key}.weight", 0.0, rows), fill(f"{key}.bias", 0.0, rows)


NEAR: dict[str, tuple[Change, ...]] = {
    "gamma 0": (fill("norm1.weight", 0.0), fill("norm2.weight", 0.0)),
    "gamma 0 in some channels": (fill("norm1.weight", 0.0, FIRST), fill("norm.weight", 0.0, FIRST)),
    "LayerNorms of 0": (*zeroed("norm1"), *zeroed("norm2")),
    "dead channels of LayerNorms": (*zeroed("norm1", FIRST), *zeroed("norm2", FIRST)),
    "negative gamma": (scale("norm1.weight", -1.0), scale("norm2.weight", -3.0, ODD)),
    "gamma too small for float32's squares": (scale("norm2.weight", 1e-30), fill("norm2.bias", 0.0)),
    "subnormal gamma": (fill("norm1.weight", 1e-40, FIRST), fill("norm1.bias", 0.0, FIRST)),
    "dead outputs": (*zeroed("qkv", FIRST), *zeroed("fc1", FIRST), *zeroed("proj", FIRST)),
    "dead inputs": (fill("fc2.weight", 0.0, columns=FIRST), fill("proj.weight", 0.0, columns=FIRST)),
    "branches of 0": (*zeroed("proj"), *zeroed("fc2")),
    "tiny weights": (scale("fc1.weight", 1e-20), scale("proj.weight", 1e-42)),
    "head of 0": zeroed("head"),
    "q of 0": zeroed("qkv", Q),
    "k of 0": zeroed("qkv", K),
    "a head of 0": zeroed("qkv", HEAD_OF_Q),
    "v of 0": zeroed("qkv", V),
    "constant v": (fill("qkv.weight", 0.0, V), fill("qkv.bias", 7.0, V)),
    "GELU of nothing but very negative inputs": (fill("fc1.bias", -50.0),),
    "GELU of all but infinite negative inputs": (fill("fc1.bias", -1e5),),
    "GELU of a constant below 0": (fill("fc1.weight", 0.0), fill("fc1.bias", -50.0)),
    "GELU of a constant": (fill("fc1.weight", 0.0), fill("fc1.bias", 5.0)),
    "rows of one value": (*(fill(key, 0.0) for key in STREAM), fill("pos_embed", 0.5)),
    "rows of 0": tuple(fill(key, 0.0) for key in STREAM),
    "everything 0": tuple(fill(key, 0.0) for key in random_weights()),
    "a patch embedding of 0": (fill("patch_embed.weight", 0.0),),
}
"""Whose relative error is at most ``NOISE``, or three times that of the plain model at the same options."""
NOISE = 0.1
COARSE: dict[str, tuple[Change, ...]] = {
    "huge gamma": (scale("norm1.weight", 1e4), scale("norm2.weight", 1e4)),
    "one huge gamma": (fill("norm2.weight", 1e6, slice(3, 4)),),
    "huge beta": (fill("norm1.bias", 1e6, slice(3, 4)), fill("norm2.bias", 1e6)),
    "tiny gamma under a large beta": (scale("norm2.weight", 1e-6), fill("norm2.bias", 100.0)),
    "one-hot attention": (scale("qkv.weight", 1e3, QK),),
    "scores beyond any exponential": (scale("qkv.weight", 1e6, QK),),
    "biases of 1e6": tuple(fill(f"{key}.bias", 1e6) for key in ("proj", "fc1", "fc2", "patch_embed")),
    "biases of -1e6": tuple(fill(f"{key}.bias", -1e6) for key in ("proj", "fc1", "fc2", "head")),
    "GELU of huge inputs": (fill("fc1.bias", 1e5),),
    "branches that drown the stream": (scale("fc2.weight", 1e20),),
    "an outlying channel": (fill("pos_embed", 1e4, columns=slice(3, 4)), scale("fc1.weight", 1e3, FIRST)),
}
"""What there is to see lies below the steps of 8 or 16 bits: bounded is only the range."""


@cache
def plain_error(name: str) -> float:
    """Relative error of the model as it was, by options."""
    return relative_error(name)[1]


def relative_error(name: str, *changes: Change) -> tuple[Hostile, float]:
    """Of the integers on images that were not calibrated on; absolute where FP32 gives 0."""
    model = hostile(*changes)
    want = model.floats(HELD_OUT)
    model.lower(name)
    got = model.integers(HELD_OUT)
    error, size = np.linalg.norm(got * model.step - want), np.linalg.norm(want)
    before = got.tolist()
    model.fuse()
    assert model.integers(HELD_OUT).tolist() == before
    return model, float(error / size if size else error)


def pairs(models: dict[str, tuple[Change, ...]], each: int) -> list[tuple[str, str]]:
    """Each model with ``each`` options in turn, so that each option meets some."""
    options = cycle(OPTIONS)
    return [(model, next(options)) for model in models for _ in range(each)]


@pytest.mark.parametrize(("model", "name"), pairs(NEAR, 2))
def test_the_integers_are_near_fp32(model: str, name: str) -> None:
    error = relative_error(name, *NEAR[model])[1]
    assert error <= NOISE or error <= 3 * plain_error(name)


@pytest.mark.parametrize(("model", "name"), pairs(COARSE, 1))
def test_what_is_below_a_step_leaves_results_of_the_right_size(model: str, name: str) -> None:
    lowered, _ = relative_error(name, *COARSE[model])
    want = np.abs(hostile(*COARSE[model]).floats(HELD_OUT)).max()
    assert np.abs(lowered.integers(HELD_OUT) * lowered.step).max() <= 3 * want


@pytest.mark.parametrize(
    ("model", "name"),
    [("everything 0", "paper W4A4"), ("scores beyond any exponential", "best")],
)
def test_native_code_gives_the_same_integers(model: str, name: str) -> None:
    lowered, _ = relative_error(name, *{**NEAR, **COARSE}[model])
    want = lowered.integers(HELD_OUT).tolist()
    assert lowered.native(HELD_OUT).tolist() == want


def test_one_class() -> None:
    text = TEXT.read_text(encoding="utf-8")
    for old, new in (("<5x", "<1x"), ("<5xf32>", "<1xf32>"), ("[5,16]", "[1,16]"), ("[5],", "[1],")):
        text = text.replace(old, new)
    text = re.sub(r"\[1,5\],f32", "[1,1],f32", text)
    model = hostile(
        lambda weights: weights.update({key: weights[key][:1] for key in ("head.weight", "head.bias")}),
        text=text,
    )
    want = model.floats(HELD_OUT)
    model.lower("default")
    model.fuse()
    got = model.integers(HELD_OUT)
    assert got.shape == (len(HELD_OUT), 1)
    assert np.abs(got * model.step - want).max() < 0.1


REFUSED: list[tuple[Change, str, str]] = [
    (
        fill("fc1.weight", np.nan, FIRST),
        "default",
        "torch.aten.linear at tiny.mlir:67: the float model gives NaN or infinity on the calibration images",
    ),
    (
        fill("norm1.bias", -np.inf, FIRST),
        "best W4A4",
        "torch.aten.layer_norm at tiny.mlir:50: the float model gives NaN or infinity",
    ),
    (
        scale("qkv.weight", 1e20, QK),
        "ibert",
        "torch.aten.scaled_dot_product_attention at tiny.mlir:59: the float model gives NaN or infinity",
    ),
]


@pytest.mark.parametrize(("change", "name", "message"), REFUSED)
def test_models_without_finite_results_are_refused(change: Change, name: str, message: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(message)}") as refusal:
        hostile(change).lower(name)
    assert "\n" not in str(refusal.value)


def test_a_stream_that_eps_drowns_is_refused() -> None:
    with pytest.raises(ValueError, match=r"^torch.aten.layer_norm at .*: layer_norm eps 1e-05 is too large"):
        hostile(*(scale(key, 1e-7) for key in STREAM)).lower("default")


def test_the_command_refuses_in_one_line_and_writes_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    weights = random_weights()
    weights["fc1.weight"][0] = np.nan
    save_file(weights, tmp_path / "bad.safetensors")
    (tmp_path / "bad.mlir").write_text(TEXT.read_text(encoding="utf-8"), encoding="utf-8")
    assert cli.run(["compile", str(tmp_path / "bad.mlir")]) == 1
    told = capsys.readouterr()
    assert told.out == ""
    assert "the float model gives NaN or infinity" in told.err.splitlines()[-1]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bad.mlir", "bad.safetensors"]


class TestPieces:
    """What keeps extreme values from overflowing on the way, alone."""

    rows = np.random.default_rng(0).standard_normal((6, 4)).astype(np.float32)

    @pytest.mark.parametrize("size", [1e-30, 1e-12, 1.0, 1e12, 1e30])
    def test_products_of_rows_of_any_size(self, size: float) -> None:
        rows = self.rows * np.float32(size)
        want = rows.astype(np.float64).T @ rows.astype(np.float64)
        assert np.allclose(product(rows, rows), want, rtol=1e-5, atol=1e-6 * size**2)

    def test_the_size_of_inputs_changes_no_rounding(self) -> None:
        weight, steps = np.linspace(-1, 1, 12).reshape(3, 4), np.full(3, 1 / 7)
        want, large = (
            adaround(weight, steps, 4, input_moments(x[None], x[None]).gram)
            for x in (self.rows, self.rows * np.float32(2.0**60))
        )
        assert want.tolist() == large.tolist()

    def test_the_size_of_weights_changes_no_range(self) -> None:
        weight = np.linspace(-1, 1, 12).reshape(3, 4)
        assert output_error(self.rows, weight, 4) == output_error(self.rows, weight * 2.0**100, 4)

    def test_gelu_of_very_negative_inputs_is_0_as_in_torch(self) -> None:
        x = np.array([-6.0, -50.0, -1e5, -1e30], np.float32)
        assert floating.gelu(x).tolist() == [0.0] * 4
