"""Files of calibration images that cannot be read."""

from __future__ import annotations

from pathlib import Path

import pytest

from passes.calibration.images import load_images


def test_a_folder_is_told_where_it_is_taken(tmp_path: Path) -> None:
    told = r"is a folder: give an \.npz or \.npy file; ivit compile --calibration takes folders$"
    with pytest.raises(ValueError, match=told):
        load_images(tmp_path)
    with pytest.raises(FileNotFoundError, match=r"no such calibration file$"):
        load_images(tmp_path / "none.npz")
