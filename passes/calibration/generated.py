"""Images to calibrate on where there are none: the statistics of natural images, deterministic.

Dead leaves (Lee, Mumford and Huang, 2001): discs with radii drawn from r^-3 cover one another, which gives
the edges, the spectrum and the occlusions of photographs; 1/f noise lies over them as texture.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

SEED = 20220704
LEAVES = 160
CHROMA = 0.35
"""Colour differences beside the brightness that channels share."""


def generated_images(count: int, height: int, width: int, channels: int) -> NDArray[np.uint8]:
    """uint8 [count, height, width, channels]; the same for the same arguments."""
    rng = np.random.default_rng(SEED)
    images = [_image(rng, height, width, channels) for _ in range(count)]
    return np.stack(images) if images else np.zeros((0, height, width, channels), np.uint8)


def _image(rng: np.random.Generator, height: int, width: int, channels: int) -> NDArray[np.uint8]:
    canvas = np.tile(_colour(rng, channels), (height, width, 1))
    rows, columns = np.mgrid[0:height, 0:width]
    size = max(height, width)
    for _ in range(LEAVES):
        radius = size * 0.02 / np.sqrt(rng.uniform(0.0016, 1.0))
        row, column = rng.uniform(0, height), rng.uniform(0, width)
        inside = (rows - row) ** 2 + (columns - column) ** 2 < radius**2
        canvas[inside] = _colour(rng, channels)
    texture = _pink_noise(rng, height, width) * rng.uniform(0.02, 0.15)
    exposure = rng.uniform(0.6, 1.4)
    return np.clip(np.rint(255 * exposure * (canvas + texture[:, :, None])), 0, 255).astype(np.uint8)


def _colour(rng: np.random.Generator, channels: int) -> NDArray[np.float64]:
    return np.clip(rng.beta(1.2, 1.6) + CHROMA * rng.normal(0, 0.3, channels), 0, 1)


def _pink_noise(rng: np.random.Generator, height: int, width: int) -> NDArray[np.float64]:
    """Noise with an amplitude spectrum of 1/f and a standard deviation of 1."""
    frequency = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width)[None, :])
    frequency[0, 0] = np.inf
    spectrum = np.fft.rfft2(rng.normal(size=(height, width))) / frequency
    noise = np.fft.irfft2(spectrum, s=(height, width))
    return noise / (noise.std() or 1.0)
