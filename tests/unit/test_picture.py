"""Pictures for the terminal and for PNG files."""

from __future__ import annotations

import numpy as np
import pytest
from rich.text import Text

from ivit.picture import GAP, sheet, terminal_row


@pytest.mark.parametrize("channels", [1, 3])
def test_images_side_by_side_in_half_blocks(channels: int) -> None:
    images = [np.full((4, 6, channels), level, np.uint8) for level in (0, 255)]
    images[1][1] = 7
    row = terminal_row(images, [Text("left", "green"), Text("a caption too long", "red")])
    lines = row.plain.split("\n")
    assert [len(line) for line in lines] == [2 * (6 + GAP)] * 3
    assert lines[2] == "left    a captio"
    first = next(span for span in row.spans if span.start == 6 + GAP)
    style = first.style
    assert not isinstance(style, str)
    assert style.color is not None
    assert style.bgcolor is not None
    assert (style.color.triplet, style.bgcolor.triplet) == ((255, 255, 255), (7, 7, 7))


def test_a_sheet_has_white_lines_between_images() -> None:
    images = np.zeros((3, 4, 5, 1), np.uint8)
    page = sheet([images], 2)
    assert page.shape == (2 * 4 + GAP, 2 * 5 + GAP, 1)
    assert (page == 0).sum() == images.size
    assert (page[4 : 4 + GAP] == 255).all()
    assert (page[:, 5 : 5 + GAP] == 255).all()


def test_each_group_of_a_sheet_begins_a_row() -> None:
    groups = [np.full((count, 1, 1, 1), count, np.uint8) for count in (1, 0, 3)]
    assert sheet(groups, 2)[:: 1 + GAP, :: 1 + GAP, 0].tolist() == [[1, 255], [3, 3], [3, 255]]


def test_a_sheet_of_no_images_is_white() -> None:
    page = sheet([np.zeros((0, 4, 5, 3), np.uint8)], 2)
    assert page.size > 0
    assert (page == 255).all()
