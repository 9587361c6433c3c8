"""Images from files: pictures of every kind, their sizes, folders, arrays, and damage to each."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from ivit.images.arrays import read_arrays
from ivit.images.folder import scan
from ivit.images.picture_files import open_picture, pixels_of, png_bytes
from ivit.images.preparation import Preparation, centre, resized_size
from ivit.images.prepared import read_prepared
from ivit.images.source import ArrayImages, PictureImages, open_images, read_all

SIGNATURE = b"\x89PNG\r\n\x1a\n"
GREY, RGB = 0, 2


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(header: tuple[int, ...], raw: bytes) -> bytes:
    """``header``: width, height, depth, colour, compression, filter, interlace."""
    parts = [chunk(b"IHDR", struct.pack(">IIBBBBB", *header))]
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


def picture(channels: int, height: int = 10, width: int = 7) -> NDArray[np.uint8]:
    return np.random.default_rng(channels).integers(0, 256, (height, width, channels)).astype(np.uint8)


def saved(path: Path, image: Image.Image, kind: str | None = None) -> Path:
    image.save(path, kind, **({"lossless": True} if path.suffix == ".webp" else {}))
    return path


def read(path: Path, channels: int) -> NDArray[np.uint8]:
    return pixels_of(open_picture(path, channels))


@pytest.mark.parametrize(("channels", "colour"), [(1, GREY), (3, RGB)])
def test_every_filter_of_png(tmp_path: Path, channels: int, colour: int) -> None:
    image, path = picture(channels), tmp_path / "image.png"
    path.write_bytes(png((7, 10, 8, colour, 0, 0, 0), filtered(image, [0, 1, 2, 3, 4, 4, 3, 2, 1, 0])))
    np.testing.assert_array_equal(read(path, channels), image)
    path.write_bytes(png_bytes(image))
    np.testing.assert_array_equal(read(path, channels), image)


@pytest.mark.parametrize("suffix", [".png", ".webp", ".bmp"])
def test_formats_without_loss(tmp_path: Path, suffix: str) -> None:
    path = saved(tmp_path / f"a{suffix}", Image.fromarray(picture(3)))
    np.testing.assert_array_equal(read(path, 3), picture(3))


def test_the_content_decides_not_the_name(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.jpeg", Image.fromarray(picture(3)), "PNG")
    np.testing.assert_array_equal(read(path, 3), picture(3))


def test_modes_become_what_the_model_takes(tmp_path: Path) -> None:
    rgb = Image.fromarray(picture(3))
    grey = saved(tmp_path / "grey.png", rgb.convert("L"))
    np.testing.assert_array_equal(read(grey, 3), np.repeat(read(grey, 1), 3, axis=2))
    np.testing.assert_array_equal(read(grey, 1)[..., 0], np.asarray(rgb.convert("L")))
    colour = saved(tmp_path / "colour.png", rgb)
    np.testing.assert_array_equal(read(colour, 1), read(grey, 1))
    palette = rgb.quantize(8)
    np.testing.assert_array_equal(
        read(saved(tmp_path / "p.png", palette), 3), np.asarray(palette.convert("RGB"))
    )
    transparent = rgb.copy()
    transparent.putalpha(7)
    np.testing.assert_array_equal(read(saved(tmp_path / "a.png", transparent), 3), picture(3))
    bilevel = Image.fromarray(picture(1)[..., 0] > 99)
    np.testing.assert_array_equal(
        read(saved(tmp_path / "1.png", bilevel), 1)[..., 0], 255 * (picture(1)[..., 0] > 99)
    )
    cmyk = saved(tmp_path / "cmyk.jpg", rgb.convert("CMYK"))
    assert read(cmyk, 3).shape == (10, 7, 3)


def test_pictures_that_are_refused(tmp_path: Path) -> None:
    deep = saved(tmp_path / "deep.png", Image.fromarray(np.full((4, 4), 40000, np.uint16)))
    with pytest.raises(ValueError, match=r"deep\.png: more than 8 bits a channel .*convert it first"):
        read(deep, 3)
    with pytest.raises(ValueError, match=r"deep\.png: pictures have 1 or 3 channels, the model takes 4"):
        read(deep, 4)
    gif = saved(tmp_path / "gif.png", Image.fromarray(picture(3)), "GIF")
    with pytest.raises(ValueError, match=r"gif\.png: not a JPEG, PNG, WebP or BMP picture"):
        read(gif, 3)
    vast = tmp_path / "vast.png"
    vast.write_bytes(png((1 << 14, 1 << 14, 8, RGB, 0, 0, 0), b""))
    with pytest.raises(ValueError, match=r"vast\.png: not a whole picture: .*"):
        read(vast, 3)
    with pytest.raises(FileNotFoundError, match=r"no\.png: no such file"):
        read(tmp_path / "no.png", 3)


def test_a_cut_or_changed_png_is_refused(tmp_path: Path) -> None:
    data, path = png_bytes(picture(3)), tmp_path / "image.png"
    for end in range(len(data) - 12):  # without its last chunk, which says only that it ends, it is whole
        path.write_bytes(data[:end])
        with pytest.raises(ValueError, match=r"image\.png: "):
            read(path, 3)
    for place in range(len(SIGNATURE) + 8, len(data) - 12):
        path.write_bytes(data[:place] + bytes([data[place] ^ 16]) + data[place + 1 :])
        with pytest.raises(ValueError, match=r"image\.png: "):
            read(path, 3)


@pytest.mark.parametrize("suffix", [".jpg", ".webp", ".bmp"])
def test_a_cut_picture_is_refused(tmp_path: Path, suffix: str) -> None:
    whole = saved(tmp_path / f"a{suffix}", Image.fromarray(picture(3, 40, 40))).read_bytes()
    path = tmp_path / f"cut{suffix}"
    for end in range(0, len(whole) - 3, 41):
        path.write_bytes(whole[:end])
        with pytest.raises(ValueError, match=rf"cut\{suffix}: not a "):
            read(path, 3)


def test_sizes_are_those_of_torchvision() -> None:
    """Resize(256) and CenterCrop(224) of torchvision on these sizes."""
    assert resized_size((500, 375), (224, 224), 0.875) == (341, 256)
    assert resized_size((375, 500), (224, 224), 0.875) == (256, 341)
    assert resized_size((100, 100), (224, 224), 0.9) == (248, 248)
    assert resized_size((300, 400), (224, 448), 0.875) == (384, 512)
    assert centre((341, 256), (224, 224)) == (58, 16, 282, 240)
    assert centre((257, 256), (224, 224)) == (16, 16, 240, 240)


@pytest.mark.parametrize("resize", ["bicubic", "bilinear"])
def test_preparation(tmp_path: Path, resize: str) -> None:
    image = Image.fromarray(picture(3, 30, 50))
    path = saved(tmp_path / "a.png", image)
    found = read_prepared(path, (14, 14, 3), Preparation(resize))
    filters = {"bicubic": Image.Resampling.BICUBIC, "bilinear": Image.Resampling.BILINEAR}
    wanted = np.asarray(image.resize((26, 16), filters[resize]))[1:15, 6:20]
    np.testing.assert_array_equal(found, wanted)
    np.testing.assert_array_equal(read_prepared(path, (30, 50, 3), Preparation(resize)), picture(3, 30, 50))
    with pytest.raises(ValueError, match=r"a\.png: 50 x 30 pixels, the model takes 14 x 14: resize it"):
        read_prepared(path, (14, 14, 3), Preparation("none"))
    strip = saved(tmp_path / "strip.png", Image.fromarray(picture(1, 1, 60000)[..., 0]))
    with pytest.raises(ValueError, match=r"strip\.png: 60000 x 1 pixels: too long a strip"):
        read_prepared(strip, (224, 224, 3), Preparation(resize))


def test_preparations_that_make_no_sense() -> None:
    for share in (0.0, -1.0, 1.1, float("nan")):
        with pytest.raises(ValueError, match=r"crop-pct must lie in \(0, 1\]"):
            Preparation(crop_pct=share)
    with pytest.raises(ValueError, match="resize must be one of bicubic, bilinear, none, got 'lanczos'"):
        Preparation("lanczos")


def tree(root: Path, names: list[str]) -> Path:
    for i, name in enumerate(names):
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(png_bytes(np.full((4, 4, 3), i, np.uint8)))
    return root


def test_a_folder_of_classes(tmp_path: Path) -> None:
    names = [
        "b/2.png",
        "b/1.PNG",
        "a/z/0.png",
        "a/9.png",
        "c/x.jpeg",
        "c/notes.txt",
        ".hidden/1.png",
        "c/.x.png",
    ]
    root = tree(tmp_path, names)
    found = scan(root)
    assert [str(path.relative_to(root)) for path in found.paths] == [
        "a/9.png", "a/z/0.png", "b/1.PNG", "b/2.png", "c/x.jpeg",
    ]  # fmt: skip
    assert found.labels is not None
    assert (found.classes, found.labels.tolist()) == (("a", "b", "c"), [0, 0, 1, 1, 2])
    assert [file.name for file in found.others] == ["notes.txt"]


def test_a_folder_of_pictures(tmp_path: Path) -> None:
    found = scan(tree(tmp_path, ["2.png", "10.bmp", "1.webp"]))
    assert [path.name for path in found.paths] == ["1.webp", "10.bmp", "2.png"]
    assert (found.classes, found.labels) == ((), None)


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ([], r"holds no pictures \(\.jpg, \.jpeg, \.png, \.webp, \.bmp\)"),
        (["notes.txt"], "holds no pictures"),
        (["a/1.png", "b/notes.txt"], "b: holds no pictures .*: a class without any"),
        (["a/1.png", "1.png"], r"holds pictures \(1\.png\) and folders \(a\)"),
    ],
)
def test_folders_that_are_refused(tmp_path: Path, names: list[str], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        scan(tree(tmp_path, names))


@pytest.mark.parametrize("size", [1, 2, 5, 9])
def test_batches_of_a_folder(tmp_path: Path, size: int) -> None:
    root = tree(tmp_path, ["a/0.png", "a/1.png", "b/2.png", "b/3.png", "b/4.png"])
    images = open_images([root], (4, 4, 3))
    assert (len(images), images.classes, images.title(2)) == (5, ("a", "b"), str(Path("b", "2.png")))
    for start in (0, 2, 5):
        batches = list(images.batches(size, start))
        values = [int(image[0, 0, 0]) for batch in batches for image in batch.images]
        assert values == [int(place) for batch in batches for place in batch.places] == list(range(start, 5))
        assert [batch.end for batch in batches] == [
            min(end, 5) for end in range(start + size, 5 + size, size)
        ]
        labels = [int(label) for batch in batches if batch.labels is not None for label in batch.labels]
        assert labels == [0, 0, 1, 1, 1][start:]
    np.testing.assert_array_equal(read_all(images)[:, 0, 0, 0], np.arange(5))
    np.testing.assert_array_equal(read_all(images, np.array([1, 4]))[:, 0, 0, 0], [1, 4])


def test_bad_pictures_of_a_batch(tmp_path: Path) -> None:
    root = tree(tmp_path, ["0.png", "1.png", "2.png", "3.png"])
    for name in ("1.png", "2.png"):
        (root / name).write_bytes((root / name).read_bytes()[:40])
    images = open_images([root], (4, 4, 3))
    with pytest.raises(ValueError, match=r"1\.png: not a "):
        list(images.batches(4))
    told: list[str] = []
    batches = list(images.batches(2, on_bad=told.append))
    assert [batch.places.tolist() for batch in batches] == [[0], [3]]
    assert [batch.images[:, 0, 0, 0].tolist() for batch in batches] == [[0], [3]]
    assert [line.partition(": ")[0][-5:] for line in told] == ["1.png", "2.png"]
    (root / "3.png").write_bytes(b"")
    assert next(iter(images.batches(2, 2, told.append))).images.shape == (0, 4, 4, 3)


def test_fingerprints(tmp_path: Path) -> None:
    def marks() -> list[str]:
        images = open_images([tmp_path], (4, 4, 3))
        other = open_images([tmp_path], (4, 4, 3), Preparation("bilinear"))
        small = open_images([tmp_path], (3, 4, 3))
        return [images.fingerprint(), other.fingerprint(), small.fingerprint()]

    tree(tmp_path, ["a/0.png", "b/1.png"])
    first = marks()
    assert len(set(first)) == 3
    assert marks() == first
    tree(tmp_path, ["a/0.png", "b/1.png", "b/2.png"])
    assert not set(marks()) & set(first)


def test_what_may_be_named(tmp_path: Path) -> None:
    tree(tmp_path, ["0.png", "1.png"])
    np.save(tmp_path / "a.npy", np.zeros((2, 4, 4), np.uint8))
    pictures = open_images([tmp_path / "1.png", tmp_path / "0.png"], (4, 4, 1))
    assert isinstance(pictures, PictureImages)
    assert [pictures.title(i) for i in range(2)] == [str(tmp_path / "1.png"), str(tmp_path / "0.png")]
    np.testing.assert_array_equal(read_all(pictures)[:, 0, 0, 0], [1, 0])
    arrays = open_images([tmp_path / "a.npy"], (4, 4, 1))
    assert isinstance(arrays, ArrayImages)
    assert read_all(arrays).shape == (2, 4, 4, 1)
    assert read_all(open_images([tmp_path / "a.npy"], (4, 4, 3))).shape == (2, 4, 4)
    told: list[str] = []
    open_images([tmp_path], (4, 4, 3), on_other=told.append)
    assert told == [f"{tmp_path}: a.npy is no picture by its name: left out"]
    (tmp_path / "b.txt").touch()
    open_images([tmp_path], (4, 4, 3), on_other=told.append)
    assert told[1:] == [f"{tmp_path}: 2 files are no pictures by their names (a.npy is the first): left out"]
    with pytest.raises(ValueError, match="no images given"):
        open_images([], (4, 4, 3))
    with pytest.raises(
        ValueError, match=r"give one \.npz or \.npy file, one folder, or any number of pictures"
    ):
        open_images([tmp_path, tmp_path], (4, 4, 3))
    with pytest.raises(FileNotFoundError, match=r"no\.png: no such file"):
        open_images([tmp_path / "no.png"], (4, 4, 3))


def test_arrays(tmp_path: Path) -> None:
    images = np.stack([picture(3)] * 2)
    np.savez_compressed(tmp_path / "a.npz", images=images, labels=np.array([3, 1], np.uint8))
    found = read_arrays(tmp_path / "a.npz")
    assert found.labels is not None
    assert (len(found), found.labels.tolist(), found.labels.dtype) == (2, [3, 1], np.int64)
    np.testing.assert_array_equal(found.images, images)
    np.save(tmp_path / "a.npy", images)
    np.testing.assert_array_equal(read_arrays(tmp_path / "a.npy").images, images)
    for labels in (np.array([1.0, 2.0]), np.array([1]), np.array([[1], [2]])):
        np.savez(tmp_path / "b.npz", images=images, labels=labels)
        with pytest.raises(ValueError, match=r"b\.npz: labels must be 2 integers, got"):
            read_arrays(tmp_path / "b.npz")
    np.savez(tmp_path / "b.npz", images=np.int64(3))
    with pytest.raises(ValueError, match=r"b\.npz: holds one number, not images"):
        read_arrays(tmp_path / "b.npz")


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
            read_arrays(path)
        except ValueError as error:
            refused += str(error).startswith(f"{path}: ") and "\n" not in str(error)
    assert refused >= len(cuts)


def test_pictures_may_be_read_by_many_threads(tmp_path: Path) -> None:
    names = [f"{i:03}.jpg" for i in range(64)]
    for i, name in enumerate(names):
        saved(tmp_path / name, Image.fromarray(picture(3, 20 + i, 30)))
    images = open_images([tmp_path], (8, 8, 3))
    one_by_one = [read_prepared(tmp_path / name, (8, 8, 3), Preparation()) for name in names]
    np.testing.assert_array_equal(read_all(images), np.stack(one_by_one))
