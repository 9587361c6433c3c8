"""``ivit demo`` as a user runs it, once."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from ivit.png import read_png

LEAST_FP32_TOP1 = 90
MOST_LOST_POINTS = 0.5
LEAST_AGREEMENT = 98
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
    assert read_png(sheet).size > 0
    assert [path.name for path in tmp_path.iterdir()] == ["wrong.png"]
