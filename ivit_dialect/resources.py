"""The ``{-# dialect_resources … #-}`` section of MLIR text, cut off and read without an MLIR parser.

A blob is ``"0x"``, eight hex digits of alignment (little-endian) and the bytes in hex. Blobs are as
large as the model, so they stay where they are in the file's bytes until their type is known.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

_SECTION = re.compile(rb"^\{-#", re.MULTILINE)
_TOKEN = re.compile(
    rb"\s*(?:(?P<word>[A-Za-z_][\w$.\-]*)|(?P<text>\"[^\"\\]*(?:\\.[^\"\\]*)*\")|(?P<mark>#-\}|[{}:,\[\]])|$)"
)
_ALIGNMENT_DIGITS = 8


@dataclass
class Resources:
    """The blobs of one file by key, with what error messages need."""

    name: str = "<unknown>"
    text: bytes = b""
    spans: dict[str, tuple[int, int]] = field(default_factory=dict[str, tuple[int, int]])

    def decode(self, key: str, dtype: np.dtype[Any], shape: tuple[int, ...]) -> NDArray[Any]:
        """The array of blob ``key``; ValueError with file and line where the bytes do not fit."""
        start, end = self.spans[key]
        digits = memoryview(self.text)[start:end]
        prefix = 2 + _ALIGNMENT_DIGITS
        if bytes(digits[:2]).lower() != b"0x" or len(digits) < prefix:
            raise self.error(start, f"resource '{key}' is not a blob of the form 0x<alignment><bytes>")
        count = 1
        for size in shape:
            count *= size
        if len(digits) - prefix != 2 * count * dtype.itemsize:
            found = (len(digits) - prefix) / 2
            wanted = count * dtype.itemsize
            raise self.error(start, f"resource '{key}' holds {found:g} bytes where its type needs {wanted}")
        try:
            data = binascii.unhexlify(digits[prefix:])
        except binascii.Error as error:
            raise self.error(start, f"resource '{key}' is not hexadecimal") from error
        return np.frombuffer(data, dtype.newbyteorder("<")).astype(dtype, copy=False).reshape(shape)

    def error(self, position: int, message: str) -> ValueError:
        line = self.text.count(b"\n", 0, position) + 1
        return ValueError(f"{self.name}:{line}: {message}")


def split_resources(text: bytes, name: str) -> tuple[bytes, Resources]:
    """``text`` with the section blanked out (lines keep their numbers), and the builtin blobs in it.

    Raises ValueError, one line with file and line, where the section is malformed or cut short.
    """
    begin = _SECTION.search(text)
    if begin is None:
        return text, Resources(name)
    resources = Resources(name, text)
    end = _Section(resources).parse(begin.end())
    blank = b"\n" * text.count(b"\n", begin.start(), end)
    return text[: begin.start()] + blank + text[end:], resources


class _Section:
    """Recursive descent over ``{ word: value, … }``; nesting is at most three deep."""

    def __init__(self, resources: Resources) -> None:
        self.resources = resources
        self.text = resources.text
        self.position = 0

    def parse(self, position: int) -> int:
        """Read from behind ``{-#``; the position behind ``#-}``."""
        self.position = position
        for kind in self.entries(b"#-}"):
            self.mark(b"{")
            for dialect in self.entries(b"}"):
                self.mark(b"{")
                for key in self.entries(b"}"):
                    self.entry(key, is_blob=kind == "dialect_resources" and dialect == "builtin")
        return self.position

    def entries(self, closing: bytes) -> Iterator[str]:
        """The key of each ``key: value``; the caller reads the value before it asks for the next."""
        while True:
            match = self.token()
            if match["mark"] == closing:
                return
            yield self.key(match)
            match = self.token()
            if match["mark"] == closing:
                return
            if match["mark"] != b",":
                raise self.fail(match, f"expected ',' or '{closing.decode()}'")

    def entry(self, key: str, is_blob: bool) -> None:
        match = self.token()
        if match["text"] is None and match["word"] is None:
            raise self.fail(match, f"expected the value of resource '{key}'")
        if not is_blob:
            return
        if match["text"] is None:
            raise self.fail(match, f"expected a string as the value of resource '{key}'")
        if key in self.resources.spans:
            raise self.fail(match, f"resource '{key}' is given twice")
        self.resources.spans[key] = (match.start("text") + 1, match.end("text") - 1)

    def key(self, match: re.Match[bytes]) -> str:
        if match["word"] is None and match["text"] is None:
            raise self.fail(match, "expected a resource key")
        self.mark(b":")
        return (match["word"] or match["text"][1:-1]).decode("utf-8", "replace")

    def mark(self, expected: bytes) -> None:
        match = self.token()
        if match["mark"] != expected:
            raise self.fail(match, f"expected '{expected.decode()}'")

    def token(self) -> re.Match[bytes]:
        match = _TOKEN.match(self.text, self.position)
        if match is None or match.lastgroup is None:
            raise self.resources.error(
                self.position, "the resource section is malformed or cut short: '#-}' expected"
            )
        self.position = match.end()
        return match

    def fail(self, match: re.Match[bytes], message: str) -> ValueError:
        return self.resources.error(match.start(match.lastgroup or 0), f"{message} in the resource section")


def weights_as_resources(weights: Mapping[str, NDArray[Any]]) -> str:
    """The resource section that holds ``weights``, as ``split_resources`` reads it back."""
    blobs = (
        f'      "{key}": "0x40000000{np.ascontiguousarray(array).tobytes().hex().upper()}"'
        for key, array in weights.items()
    )
    return "{-#\n  dialect_resources: {\n    builtin: {\n" + ",\n".join(blobs) + "\n    }\n  }\n#-}\n"
