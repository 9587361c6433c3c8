"""Host conversions: which integers images become, and what is refused."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from runtime.boundary import Boundary

PIXELS = Boundary(
    kind="pixels",
    input_shape=(4, 5, 3),
    output_shape=(7,),
    output_dtype="int32",
    output_scale=0.25,
    mean=(0.485, 0.456, 0.406),
    std=(0.229, 0.224, 0.225),
)
QUANTIZED = Boundary(
    kind="quantized",
    input_shape=(4, 5, 3),
    output_shape=(7,),
    output_dtype="int8",
    output_scale=1e-3,
    input_scale=0.02,
)


def pixels(batch: int) -> NDArray[np.uint8]:
    return np.random.default_rng(batch).integers(0, 256, (batch, 4, 5, 3), dtype=np.uint8)


def normalised(levels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """What a float model is fed: NCHW, normalised."""
    x = (levels / 255 - np.array(PIXELS.mean)) / np.array(PIXELS.std)
    return x.transpose(0, 3, 1, 2).astype(np.float32)


@pytest.mark.parametrize("batch", [0, 1, 3])
def test_pixels_pass_as_they_are(batch: int) -> None:
    levels = pixels(batch)
    result = PIXELS.to_integers(levels)
    assert result.dtype == np.uint8
    np.testing.assert_array_equal(result, levels)


def test_every_level_survives_normalisation() -> None:
    levels = np.arange(256, dtype=np.uint8).repeat(60).reshape(256, 4, 5, 3)
    np.testing.assert_array_equal(PIXELS.to_integers(normalised(levels)), levels)


def test_floats_outside_the_pixels_are_clipped() -> None:
    low, high = np.full((1, 3, 4, 5), -9, np.float32), np.full((1, 3, 4, 5), 9, np.float32)
    assert (PIXELS.to_integers(low) == 0).all()
    assert (PIXELS.to_integers(high) == 255).all()


def test_quantized_input_rounds_half_to_even_and_clips() -> None:
    boundary = replace(QUANTIZED, input_scale=0.5)
    x = np.zeros((1, 3, 4, 5), np.float32)
    x[0, :, 0, 0] = [0.25, 0.75, -0.25]
    x[0, :, 3, 4] = [1000, -1000, 63.5]
    result = boundary.to_integers(x)
    assert result.dtype == np.int8
    assert result.shape == (1, 4, 5, 3)
    assert result[0, 0, 0].tolist() == [0, 2, 0]
    assert result[0, 3, 4].tolist() == [127, -127, 127]
    assert result.flags.c_contiguous


def by_arrays(boundary: Boundary, images: NDArray[np.float32]) -> tuple[NDArray[Any], int]:
    """What ``to_integers`` promises, by array operations, and how many values are clipped."""
    with np.errstate(over="ignore"):
        if boundary.kind == "quantized":
            levels = images / np.float32(boundary.input_scale)
        else:
            std, mean = (
                np.array(v, np.float32).reshape(-1, 1, 1) * np.float32(255)
                for v in (boundary.std, boundary.mean)
            )
            levels = images * std + mean
    low, high = (0, 255) if boundary.kind == "pixels" else (-127, 127)
    rounded = np.rint(levels)
    clipped = np.clip(rounded, low, high).transpose(0, 2, 3, 1).astype(boundary.input_dtype)
    return clipped, int(np.count_nonzero((rounded < low) | (rounded > high)))


@pytest.mark.parametrize("kind", ["pixels", "quantized"])
@pytest.mark.parametrize("channels", [1, 2, 3, 4, 5, 7])
@pytest.mark.parametrize("extent", [(1, 1), (7, 9), (33, 31)])
def test_native_conversion_equals_array_operations(kind: Any, channels: int, extent: tuple[int, int]) -> None:
    rng = np.random.default_rng([channels, *extent])
    mean, std = rng.random(channels), rng.random(channels) + 0.1
    boundary = replace(
        PIXELS if kind == "pixels" else QUANTIZED,
        input_shape=(*extent, channels),
        input_scale=0.0173,
        mean=tuple(mean),
        std=tuple(std),
    )
    images = rng.normal(0, 1.3, (3, channels, *extent)).astype(np.float32)
    # Halves of levels, which round to even, what overflows, and the smallest numbers there are.
    images[1] = rng.integers(-300, 300, images[1].shape) * np.float32(boundary.input_scale) / 2
    extremes = [3e38, -3e38, 1e-45, -1e-45, 0.0, -0.0]
    images[2] = rng.choice(extremes, images[2].shape).astype(np.float32)
    shifted = np.frombuffer(b"x" + images.tobytes(), np.uint8)[1:].view(np.float32).reshape(images.shape)
    expected, clipped = by_arrays(boundary, images)
    for given in (images, np.asfortranarray(images), shifted, images[::-1]):
        told: list[str] = []
        result = boundary.to_integers(given, told.append)
        np.testing.assert_array_equal(result, expected[::-1] if given.strides[0] < 0 else expected)
        assert (told != []) == (clipped > 0.01 * images.size)


def test_layout_is_transposed() -> None:
    x = np.arange(60, dtype=np.float32).reshape(1, 3, 4, 5)
    result = replace(QUANTIZED, input_scale=1.0).to_integers(x)
    np.testing.assert_array_equal(result, x.transpose(0, 2, 3, 1).astype(np.int8))


def test_views_and_other_strides() -> None:
    wide = np.repeat(pixels(2), 2, axis=2)
    np.testing.assert_array_equal(PIXELS.to_integers(wide[:, :, ::2]), pixels(2))


def test_torch_tensors_come_through_dlpack() -> None:
    levels = pixels(2)
    np.testing.assert_array_equal(PIXELS.to_integers(torch.tensor(levels)), levels)
    x = torch.tensor(normalised(levels)).requires_grad_()
    np.testing.assert_array_equal(PIXELS.to_integers(x), levels)
    with pytest.raises(TypeError, match="got float64"):
        PIXELS.to_integers(x.double())
    with pytest.raises(TypeError, match="images of type Tensor cannot be read"):
        PIXELS.to_integers(torch.empty((1, 3, 4, 5), device="meta"))


def test_bfloat16_is_named() -> None:
    with pytest.raises(
        TypeError, match=r"of type bfloat16, which NumPy lacks: convert them to float32 first$"
    ):
        PIXELS.to_integers(torch.zeros((1, 3, 4, 5), dtype=torch.bfloat16))


@pytest.mark.parametrize(
    ("boundary", "at_most", "beyond", "message"),
    [
        (
            PIXELS,
            # a quarter of a level beyond white of the first channel is still white
            (255.25 / 255 - 0.485) / 0.229,
            -2.2,
            "50 % of the values lie outside what a pixel can be (-2.12..2.64); the model clips them:"
            " were the images normalised?",
        ),
        (
            QUANTIZED,
            127.25 * 0.02,
            127.75 * 0.02,
            "50 % of the values lie outside the range that was calibrated (-2.54..2.54);"
            " the model clips them: were the images prepared as those for calibration?",
        ),
    ],
)
def test_clipping_is_told(boundary: Boundary, at_most: float, beyond: float, message: str) -> None:
    told: list[str] = []
    images = np.zeros((5, 3, 4, 5), np.float32)
    images[:, 0] = at_most
    for count in (0, 3):  # of 300 values: 1 %
        images.reshape(-1)[100 : 100 + count] = beyond
        boundary.to_integers(images, told.append)
    assert told == []
    images.reshape(-1)[:150] = beyond
    integers = boundary.to_integers(images, told.append)
    assert told == [message]
    np.testing.assert_array_equal(boundary.to_integers(images), integers)
    if boundary.kind == "pixels":
        boundary.to_integers(pixels(2), told.append)
        assert told == [message]


def test_tensors_of_a_gpu_are_refused() -> None:
    class OnGpu:
        def __dlpack_device__(self) -> tuple[int, int]:
            return 2, 0

    with pytest.raises(TypeError, match="CPU's memory"):
        PIXELS.to_integers(OnGpu())


@pytest.mark.parametrize(
    ("boundary", "images", "error", "message"),
    [
        (PIXELS, pixels(1)[0], ValueError, r"must have shape \(N, 4, 5, 3\), got \(4, 5, 3\)"),
        (PIXELS, pixels(1).transpose(0, 3, 1, 2), ValueError, r"uint8 pixels are \(N, H, W, C\)"),
        (
            PIXELS,
            pixels(1).astype(np.float32),
            ValueError,
            r"\(N, 3, 4, 5\).*float32 images are \(N, C, H, W\)",
        ),
        (PIXELS, normalised(pixels(1)).astype(np.float64), TypeError, r"or uint8 .*got float64"),
        (QUANTIZED, pixels(1), TypeError, "compile it with mean and std"),
        (QUANTIZED, np.zeros((1, 3, 4, 5), np.int8), TypeError, "got int8"),
        (QUANTIZED, [[1.0]], TypeError, "NumPy array or a tensor, got list"),
        (QUANTIZED, "images.npz", TypeError, "got str"),
    ],
)
def test_wrong_images(boundary: Boundary, images: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        boundary.to_integers(images)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("boundary", [PIXELS, QUANTIZED])
def test_values_that_are_not_finite(boundary: Boundary, bad: float) -> None:
    x = np.zeros((3, 3, 4, 5), np.float32)
    x[1, 2, 3, 4] = bad
    with pytest.raises(ValueError, match="image 1 holds NaN or infinity"):
        boundary.to_integers(x)


def test_integers_become_floats_by_one_rounding() -> None:
    integers = np.array([[(1 << 31) - 1, -(1 << 31), 3, -1, 0, 1, 2]], np.int32)
    floats = replace(PIXELS, output_scale=1 / 3).to_floats(integers)
    assert floats.dtype == np.float32
    np.testing.assert_array_equal(floats, (integers.astype(np.float64) / 3).astype(np.float32))


@pytest.mark.parametrize("boundary", [PIXELS, QUANTIZED])
def test_json_round_trip(boundary: Boundary) -> None:
    assert Boundary.from_json(boundary.to_json()) == boundary


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"mean": ()}, "mean and std must have 3 values, got 0 and 3"),
        ({"std": (1.0, 1.0, -1.0)}, "is not positive"),
        ({"mean": (0.0, 0.0, float("nan"))}, "is not finite"),
        ({"input_shape": (0, 4, 3)}, "out of range"),
        ({"output_scale": 0.0}, "output scale 0.0 is not positive"),
    ],
)
def test_senseless_boundaries(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        replace(PIXELS, **changes)
