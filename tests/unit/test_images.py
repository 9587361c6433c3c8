"""Image files in and out: PNG with every filter, NumPy arrays, and damage to both."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from ivit.images import ImageSet, for_model, read_images
from ivit.png import SIGNATURE, png_bytes, read_png
from runtime.boundary import Boundary

GREY, RGB, PALETTE, RGBA = 0, 2, 3, 6


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(header: tuple[int, ...], raw: bytes, palette: bytes = b"") -> bytes:
    """``header``: width, height, depth, colour, compression, filter, interlace."""
    parts = [chunk(b"IHDR", struct.pack(">IIBBBBB", *header))]
    parts += [chunk(b"PLTE", palette)] if palette else []
    return b"".join([SIGNATURE, *parts, chunk(b"IDAT", zlib.compress(raw)), chunk(b"IEND", b"")])


def filtered(image: NDArray[np.uint8], kinds: list[int]) -> bytes:
    """The rows of ``image`` [H, W, C], each behind one of the five filters (clause 9), sample by sample."""
    height, width, channels = image.shape
    rows = image.reshape(height, -1).astype(int).tolist()
    out = bytearray()
    for y, kind in enumerate(kinds):
        out.append(kind)
        for x in range(width * channels):
            a = rows[y][x - channels] if x >= channels else 0
            b = rows[y - 1][x] if y else 0
            c = rows[y - 1][x - channels] if y and x >= channels else 0
            paeth = min((a, b, c), key=lambda value: abs(a + b - c - value))
            guess = (0, a, b, (a + b) // 2, paeth)[kind]
            out.append((rows[y][x] - guess) & 255)
    return bytes(out)


def picture(channels: int) -> NDArray[np.uint8]:
    return np.random.default_rng(channels).integers(0, 256, (10, 7, channels)).astype(np.uint8)


@pytest.mark.parametrize(("channels", "colour"), [(1, GREY), (3, RGB)])
def test_every_filter(tmp_path: Path, channels: int, colour: int) -> None:
    image, path = picture(channels), tmp_path / "image.png"
    path.write_bytes(png((7, 10, 8, colour, 0, 0, 0), filtered(image, [0, 1, 2, 3, 4, 4, 3, 2, 1, 0])))
    np.testing.assert_array_equal(read_png(path), image)
    path.write_bytes(png_bytes(image))
    np.testing.assert_array_equal(read_png(path), image)


def test_a_palette(tmp_path: Path) -> None:
    colours = picture(3)[:2, 0]
    path = tmp_path / "image.png"
    path.write_bytes(png((2, 1, 8, PALETTE, 0, 0, 0), b"\0\1\0", colours.tobytes()))
    np.testing.assert_array_equal(read_png(path), [colours[::-1]])


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"GIF89a", "not a PNG file"),
        (png((7, 10, 16, RGB, 0, 0, 0), b""), "only 8-bit grey, RGB and palette PNG"),
        (png((7, 10, 8, RGBA, 0, 0, 0), b""), "only 8-bit grey, RGB and palette PNG"),
        (png((7, 10, 8, RGB, 0, 0, 1), b""), "without interlacing"),
        (png((1 << 20, 1 << 20, 8, RGB, 0, 0, 0), b""), "is out of range"),
        (png((0, 10, 8, RGB, 0, 0, 0), b""), "is out of range"),
        (png((2, 1, 8, GREY, 0, 0, 0), b"\0\1"), "pixels are missing"),
        (png((2, 1, 8, GREY, 0, 0, 0), b"\7\1\1"), "unknown filter 7"),
        (png_bytes(picture(1))[:-12], "truncated PNG: its end is missing"),
        (png_bytes(picture(1)).replace(b"IDAT", b"IDAX"), "a checksum does not match"),
    ],
)
def test_other_png_files(tmp_path: Path, data: bytes, message: str) -> None:
    path = tmp_path / "image.png"
    path.write_bytes(data)
    with pytest.raises(ValueError, match=f"image\\.png: .*{message}"):
        read_png(path)


def test_a_cut_or_changed_png_is_refused(tmp_path: Path) -> None:
    data, path = png_bytes(picture(3)), tmp_path / "image.png"
    for end in range(len(data)):
        path.write_bytes(data[:end])
        with pytest.raises(ValueError, match=r"image\.png: "):
            read_png(path)
    for place in range(len(SIGNATURE) + 8, len(data) - 12):
        path.write_bytes(data[:place] + bytes([data[place] ^ 16]) + data[place + 1 :])
        with pytest.raises(ValueError, match=r"image\.png: "):
            read_png(path)


def test_png_files_of_one_size_are_stacked(tmp_path: Path) -> None:
    for i in (1, 3):
        (tmp_path / f"{i}.png").write_bytes(png_bytes(picture(i)))
    three = tmp_path / "3.png"
    np.testing.assert_array_equal(read_images([three, three]).images, np.stack([picture(3)] * 2))
    with pytest.raises(
        ValueError, match=r"1\.png: its size \(10, 7, 1\) is not that of .*3\.png, \(10, 7, 3\)"
    ):
        read_images([three, tmp_path / "1.png"])


def test_arrays(tmp_path: Path) -> None:
    images = np.stack([picture(3)] * 2)
    np.savez_compressed(tmp_path / "a.npz", images=images, labels=np.array([3, 1], np.uint8))
    found = read_images([tmp_path / "a.npz"])
    assert found.labels is not None
    assert (len(found), found.labels.tolist(), found.labels.dtype) == (2, [3, 1], np.int64)
    np.testing.assert_array_equal(found.images, images)
    np.save(tmp_path / "a.npy", images)
    np.testing.assert_array_equal(read_images([tmp_path / "a.npy"]).images, images)
    for labels in (np.array([1.0, 2.0]), np.array([1]), np.array([[1], [2]])):
        np.savez(tmp_path / "b.npz", images=images, labels=labels)
        with pytest.raises(ValueError, match=r"b\.npz: labels must be 2 integers, got"):
            read_images([tmp_path / "b.npz"])
    with pytest.raises(ValueError, match="no images given"):
        read_images([])


@pytest.mark.parametrize("suffix", ["npz", "npy"])
def test_a_cut_or_changed_array_file_is_refused_or_read(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a.{suffix}"
    if suffix == "npz":
        np.savez_compressed(path, images=picture(1))
    else:
        np.save(path, picture(1))
    data, refused = path.read_bytes(), 0
    cuts = [data[:end] for end in range(0, len(data), 3)]
    flips = [
        data[:i] + bytes([data[i] ^ bit]) + data[i + 1 :] for i in range(0, len(data), 2) for bit in (1, 64)
    ]
    for case in (*cuts, *flips):
        path.write_bytes(case)
        try:
            read_images([path])
        except ValueError as error:
            refused += str(error).startswith(f"{path}: ") and "\n" not in str(error)
    assert refused >= len(cuts)


def test_grey_pixels_get_their_channel() -> None:
    grey = Boundary("pixels", (10, 7, 1), (3,), "int32", 1.0, (0.5,), (0.5,))
    colour = Boundary("pixels", (10, 7, 3), (3,), "int32", 1.0, (0.5,) * 3, (0.5,) * 3)
    images = ImageSet(np.zeros((2, 10, 7), np.uint8))
    assert for_model(images, grey).images.shape == (2, 10, 7, 1)
    assert for_model(images, colour) is images
