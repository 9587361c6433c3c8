"""Small images in the terminal, two pixels a character (upper half block), and as a PNG sheet."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.color import Color
from rich.style import Style
from rich.text import Text

HALF_BLOCK = "▀"
GAP = 2


def terminal_row(images: Sequence[NDArray[np.uint8]], captions: Sequence[Text]) -> Text:
    """uint8 [H, W, 1 or 3] images side by side, with a caption under each."""
    result = Text()
    colours = [_rgb(image) for image in images]
    for y in range(0, colours[0].shape[0] - 1, 2):
        for image in colours:
            for upper, lower in zip(image[y].tolist(), image[y + 1].tolist(), strict=True):
                result.append(HALF_BLOCK, Style(color=_colour(upper), bgcolor=_colour(lower)))
            result.append(" " * GAP)
        result.append("\n")
    for image, caption in zip(colours, captions, strict=True):
        line = caption.copy()
        line.truncate(image.shape[1] + GAP, pad=True)
        result.append_text(line)
    return result


def sheet(groups: Sequence[NDArray[np.uint8]], columns: int) -> NDArray[np.uint8]:
    """Groups of uint8 [N, H, W, C] as one image of ``columns`` columns with white lines between.

    Each group begins a row of its own; there is at least one group, perhaps of no images.
    """
    _, height, width, channels = groups[0].shape
    rows = [group[i : i + columns] for group in groups for i in range(0, len(group), columns)]
    count = max(1, len(rows))
    page = np.full((count * (height + GAP) - GAP, columns * (width + GAP) - GAP, channels), 255, np.uint8)
    for y, row in enumerate(rows):
        for x, image in enumerate(row):
            top, left = y * (height + GAP), x * (width + GAP)
            page[top : top + height, left : left + width] = image
    return page


def _rgb(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.broadcast_to(image, (*image.shape[:2], 3))


def _colour(levels: Any) -> Color:
    return Color.from_rgb(*levels)
