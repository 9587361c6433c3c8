"""Calibration images that say little or nothing, and images at run time that calibration never saw.

All with warnings as errors: a division by zero or an overflow in NumPy is no way to find out.
"""

from __future__ import annotations

import re
from itertools import cycle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hostile import CALIBRATION, HELD_OUT, OPTIONS, hostile
from numpy.typing import NDArray
from safetensors.numpy import save_file

import ivit
from ivit import cli
from tests.e2e.tiny_files import TEXT, random_weights

pytestmark = pytest.mark.filterwarnings("error")


def floats(size: float, count: int = 4) -> NDArray[np.float32]:
    """Images in the model's own convention, [N, 3, 12, 12]."""
    images = np.random.default_rng(0).standard_normal((count, 3, 12, 12)).astype(np.float32)
    return images * np.float32(size)


def with_pixel(value: float) -> NDArray[np.float32]:
    images = floats(1.0)
    images[2, 0, 3, 4] = value
    return images


REFUSED: dict[str, tuple[NDArray[Any], str]] = {
    "none": (floats(1.0, 0), "there are no calibration images: the array is empty"),
    "none, of pixels": (CALIBRATION[:0], "there are no calibration images: the array is empty"),
    "no dimensions": (np.array(1.0), "calibration images have shape []; this model takes float32"),
    "one image without its batch": (floats(1.0)[0], "calibration images have shape [3, 12, 12]; this model"),
    "another width": (floats(1.0)[..., :11], "calibration images have shape [4, 3, 12, 11]; this model"),
    "channels last": (floats(1.0).transpose(0, 2, 3, 1), "calibration images have shape [4, 12, 12, 3];"),
    "pixels with channels first": (
        np.ascontiguousarray(CALIBRATION.transpose(0, 3, 1, 2)),
        "calibration images have shape [8, 3, 12, 12]; this model takes uint8 [N, H, W, C] of [N, 12, 12, 3]",
    ),
    "NaN": (with_pixel(np.nan), "calibration image 2 holds NaN or infinity"),
    "infinity": (with_pixel(-np.inf), "calibration image 2 holds NaN or infinity"),
    "beyond float32": (np.full((1, 3, 12, 12), 1e300), "calibration image 0 holds NaN or infinity"),
    "int32": (np.zeros((2, 3, 12, 12), np.int32), "calibration images must be float32 NCHW or uint8 NHWC,"),
    "bool": (np.zeros((2, 12, 12, 3), np.bool_), "calibration images must be float32 NCHW or uint8 NHWC,"),
    "complex": (np.zeros((2, 3, 12, 12), np.complex64), "calibration images must be float32 NCHW or uint8"),
    "objects": (np.array([None] * 3), "calibration images must be float32 NCHW or uint8 NHWC, got object"),
    "at float32's end": (
        np.full((2, 3, 12, 12), 3e38, np.float32),
        "torch.aten.convolution at tiny.mlir:42: the float model gives NaN or infinity on the calibration",
    ),
}
TAKEN: dict[str, NDArray[Any]] = {
    "black": np.zeros((3, 12, 12, 3), np.uint8),
    "white": np.full((3, 12, 12, 3), 255, np.uint8),
    "one colour": np.full((3, 3, 12, 12), 0.7, np.float32),
    "negative zeros": np.full((1, 3, 12, 12), -0.0, np.float32),
    "one image": CALIBRATION[:1],
    "the same image twice": np.repeat(CALIBRATION[:1], 2, axis=0),
    "tiny": floats(1e-30),
    "subnormal": floats(1e-42),
    "huge": floats(1e4),
    "near float32's end": floats(1e37),
    "one huge pixel": with_pixel(1e6),
}
SAME: dict[str, NDArray[Any]] = {
    "float64": floats(1.0).astype(np.float64),
    "in Fortran's order": np.asfortranarray(floats(1.0)),
    "backwards": np.ascontiguousarray(floats(1.0)[::-1, :, ::-1])[::-1, :, ::-1],
}
"""Other arrays of the same images."""
EXTREMES = np.stack(
    [
        np.zeros((12, 12, 3)),
        np.full((12, 12, 3), 255),
        np.indices((12, 12)).sum(0)[..., None] % 2 * 255 * np.ones(3),
    ]
).astype(np.uint8)
"""Black, white, and every other pixel white."""


@pytest.mark.parametrize("what", REFUSED)
def test_images_that_are_of_no_use_are_refused_in_one_line(what: str) -> None:
    images, message = REFUSED[what]
    with pytest.raises(ValueError, match=f"^{re.escape(message)}") as refusal:
        hostile().lower("best W4A4", images)
    assert "\n" not in str(refusal.value)


def pairs() -> list[tuple[str, str]]:
    """Each kind of images with two options in turn."""
    options = cycle(OPTIONS)
    return [(what, next(options)) for what in TAKEN for _ in range(2)]


@pytest.mark.parametrize(("what", "name"), pairs())
def test_images_that_say_little_make_a_model_that_runs(what: str, name: str) -> None:
    """On pictures unlike those of its calibration too: activations saturate, nothing overflows."""
    model = hostile()
    model.lower(name, TAKEN[what])
    seen = np.concatenate([HELD_OUT[:1], EXTREMES])
    want = model.integers(seen)
    model.fuse()
    assert model.integers(seen).tolist() == want.tolist()


def test_native_code_of_a_model_that_saw_black() -> None:
    model = hostile()
    model.lower("W4A4", TAKEN["black"])
    model.fuse()
    want = model.integers(EXTREMES).tolist()
    assert model.native(EXTREMES).tolist() == want


@pytest.mark.parametrize("name", ["paper", "default", "best", "adaround"])
def test_one_image_is_enough_for_that_image(name: str) -> None:
    model = hostile()
    want = model.floats(CALIBRATION[:1])
    model.lower(name, CALIBRATION[:1])
    error = np.linalg.norm(model.integers(CALIBRATION[:1]) * model.step - want)
    assert error < 0.1 * np.linalg.norm(want)


@pytest.mark.parametrize("what", SAME)
def test_the_type_and_the_layout_of_images_change_nothing(what: str) -> None:
    integers: list[Any] = []
    for images in (floats(1.0), SAME[what]):
        model = hostile()
        model.lower("W4A4", images)
        integers.append((model.integers(HELD_OUT).tolist(), model.step))
    assert integers[0] == integers[1]


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    """A folder with the tiny model."""
    save_file(random_weights(), tmp_path / "tiny.safetensors")
    (tmp_path / "tiny.mlir").write_text(TEXT.read_text(encoding="utf-8"), encoding="utf-8")
    return tmp_path / "tiny.mlir"


def test_a_constant_image_is_told_and_pictures_beyond_it_run(
    tiny: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = ivit.compile(tiny, TAKEN["black"])
    assert "calibrate: the calibration images have the same value everywhere" in capsys.readouterr().err
    assert np.all(np.isfinite(model(EXTREMES)))
    assert np.all(np.isfinite(model(np.full((1, 3, 12, 12), 3e38, np.float32))))


@pytest.mark.parametrize("what", ["none", "NaN", "another width", "int32", "at float32's end"])
def test_the_command_refuses_in_one_line_and_writes_nothing(
    what: str, tiny: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    images, message = REFUSED[what]
    np.savez(tiny.with_name("images.npz"), images=images)
    before = sorted(path.name for path in tiny.parent.iterdir())
    assert cli.run(["compile", str(tiny), "--calibration", str(tiny.with_name("images.npz"))]) == 1
    told = capsys.readouterr()
    assert told.out == ""
    assert message.split(" at ")[0] in told.err.splitlines()[-1]
    assert sorted(path.name for path in tiny.parent.iterdir()) == before
