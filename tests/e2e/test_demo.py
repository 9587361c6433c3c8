"""``ivit demo`` as a user runs it, once."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ivit.commands.demo_command import NEXT_STEPS, Outcome, confusions, write_sheet
from ivit.images.picture_files import open_picture, pixels_of
from ivit.picture import GAP

LEAST_FP32_TOP1 = 90
MOST_LOST_POINTS = 0.2
LEAST_AGREEMENT = 99
KEYS = {"fp32_top1", "int_top1", "agreement", "images", "ms_per_image", "fp32_ms_per_image"}


def test_the_demo_keeps_the_accuracy_of_fp32(tmp_path: Path) -> None:
    sheet = tmp_path / "wrong.png"
    command = [sys.executable, "-m", "ivit", "demo", "--json", "--png", str(sheet)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, cwd=tmp_path, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.count("\n") == 1
    figures = json.loads(done.stdout)
    assert figures.keys() == KEYS
    assert figures["images"] == 1900
    assert figures["fp32_top1"] >= LEAST_FP32_TOP1
    assert abs(figures["int_top1"] - figures["fp32_top1"]) <= MOST_LOST_POINTS
    assert LEAST_AGREEMENT <= figures["agreement"] <= 100
    assert 0 < figures["ms_per_image"] < figures["fp32_ms_per_image"]
    assert read_sheet(sheet).size > 0
    assert [path.name for path in tmp_path.iterdir()] == ["wrong.png"]


def read_sheet(path: Path) -> NDArray[np.uint8]:
    return pixels_of(open_picture(path, 1))


def outcome(labels: list[int], answers: list[int]) -> Outcome:
    """Images of one pixel, as bright as their place."""
    logits = np.eye(10, dtype=np.float32)[answers]
    images = np.arange(len(labels), dtype=np.uint8).reshape(-1, 1, 1, 1)
    return Outcome(images, np.array(labels), logits, logits, 1, 1, 1)


def test_wrong_answers_are_listed_and_drawn_by_class(tmp_path: Path) -> None:
    some = outcome([4, 2, 2, 0, 2, 4, 2], [4, 6, 3, 0, 6, 2, 2])
    assert confusions(some) == ["pullover: 3 wrong (2 as shirt, 1 as dress)", "coat: 1 wrong (1 as pullover)"]
    write_sheet(some, tmp_path / "some.png")
    drawn = read_sheet(tmp_path / "some.png")[:: 1 + GAP, :: 1 + GAP, 0]
    assert drawn.tolist() == [[1, 4, 2, *[255] * 7], [5, *[255] * 9]]
    none = outcome([1, 2], [1, 2])
    assert confusions(none) == []
    write_sheet(none, tmp_path / "none.png")
    assert (read_sheet(tmp_path / "none.png") == 255).all()


def test_each_next_step_fits_a_line() -> None:
    assert all(len(line) <= 100 for line in NEXT_STEPS.splitlines())
    assert ";" not in NEXT_STEPS
