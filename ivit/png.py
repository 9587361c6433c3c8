"""PNG, the small part of it that photographs and test images use: 8 bits a channel, not interlaced.

Written here because an image library would be a heavy dependency for one format (ISO/IEC 15948).
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ivit_dialect.files import check_readable

SIGNATURE = b"\x89PNG\r\n\x1a\n"
MAX_PIXELS = 1 << 26
CHANNELS = {0: 1, 2: 3, 3: 1}
"""Samples a pixel by colour type: grey, RGB, palette."""
GREY, RGB, PALETTE = 0, 2, 3


def read_png(path: Path) -> NDArray[np.uint8]:
    """The image in ``path`` as uint8 [H, W, 1] (grey) or [H, W, 3].

    FileNotFoundError, or ValueError (one line) for a damaged file or a kind of PNG that is not read here.
    """
    check_readable(path)
    try:
        return _decode(path.read_bytes())
    except (ValueError, struct.error, zlib.error) as error:
        raise ValueError(f"{path}: {error}") from error


def png_bytes(image: NDArray[np.uint8]) -> bytes:
    """uint8 [H, W, 1] or [H, W, 3] as a PNG file."""
    height, width, channels = image.shape
    colour = GREY if channels == 1 else RGB
    rows = np.zeros((height, 1 + width * channels), np.uint8)
    rows[:, 1:] = image.reshape(height, -1)
    header = struct.pack(">IIBBBBB", width, height, 8, colour, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(rows.tobytes(), 9)), (b"IEND", b""))
    return SIGNATURE + b"".join(_chunk(kind, data) for kind, data in chunks)


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    position = len(SIGNATURE)
    while position < len(data):
        length, kind = struct.unpack_from(">I4s", data, position)
        body = data[position + 8 : position + 8 + length]
        (check,) = struct.unpack_from(">I", data, position + 8 + length)
        if check != zlib.crc32(kind + body):
            raise ValueError("damaged PNG: a checksum does not match")
        yield kind, body
        if kind == b"IEND":
            return
        position += 12 + length
    raise ValueError("truncated PNG: its end is missing")


def _decode(data: bytes) -> NDArray[np.uint8]:
    if not data.startswith(SIGNATURE):
        raise ValueError("not a PNG file")
    chunks = list(_chunks(data))
    found = dict(chunks)
    width, height, depth, colour, _, _, interlace = struct.unpack(">IIBBBBB", found.get(b"IHDR", b""))
    if depth != 8 or colour not in CHANNELS or interlace:
        raise ValueError("only 8-bit grey, RGB and palette PNG without interlacing or alpha is read")
    if not 0 < width * height <= MAX_PIXELS:
        raise ValueError(f"a PNG of {width} x {height} pixels is out of range")
    channels = CHANNELS[colour]
    size = height * (1 + width * channels)
    inflater = zlib.decompressobj()
    raw = inflater.decompress(b"".join(body for kind, body in chunks if kind == b"IDAT"), size)
    if len(raw) != size:
        raise ValueError("truncated PNG: pixels are missing")
    image = _unfilter(np.frombuffer(raw, np.uint8).reshape(height, -1), channels).reshape(
        height, width, channels
    )
    return _palette(found.get(b"PLTE", b""))[image[:, :, 0]] if colour == PALETTE else image


def _palette(colours: bytes) -> NDArray[np.uint8]:
    """256 colours; those that the file does not define are black."""
    table = np.zeros((256, 3), np.uint8)
    known = np.frombuffer(colours[: len(colours) // 3 * 3], np.uint8).reshape(-1, 3)[:256]
    table[: len(known)] = known
    return table


def _unfilter(rows: NDArray[np.uint8], channels: int) -> NDArray[np.uint8]:
    """Undo the filter of each row (clause 9); ``rows`` begin with its number."""
    result = np.zeros((rows.shape[0], rows.shape[1] - 1), np.uint8)
    above = np.zeros(rows.shape[1] - 1, np.uint8)
    for i, row in enumerate(rows):
        match int(row[0]):
            case 0:
                result[i] = row[1:]
            case 1:
                samples = row[1:].reshape(-1, channels)
                result[i] = np.cumsum(samples, axis=0, dtype=np.uint8).reshape(-1)
            case 2:
                result[i] = row[1:] + above
            case 3 | 4:
                result[i] = _predict(row[1:], above, channels, paeth=row[0] == 4)
            case other:
                raise ValueError(f"damaged PNG: unknown filter {other}")
        above = result[i]
    return result


def _predict(
    row: NDArray[np.uint8], above: NDArray[np.uint8], channels: int, paeth: bool
) -> NDArray[np.uint8]:
    """The filters Average and Paeth: each sample depends on the one to its left."""
    source, up = row.tolist(), above.tolist()
    out = [0] * len(source)
    for i, value in enumerate(source):
        left = out[i - channels] if i >= channels else 0
        corner = up[i - channels] if i >= channels else 0
        guess = _paeth(left, up[i], corner) if paeth else (left + up[i]) // 2
        out[i] = (value + guess) & 255
    return np.array(out, np.uint8)


def _paeth(left: int, up: int, corner: int) -> int:
    estimate = left + up - corner
    distances = (abs(estimate - left), abs(estimate - up), abs(estimate - corner))
    return (left, up, corner)[distances.index(min(distances))]
