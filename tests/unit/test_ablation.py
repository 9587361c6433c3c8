"""The ablation: its rows, what is shown of them, and a run that goes on where it was ended."""

from __future__ import annotations

import gzip
import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch_models import plain

from benchmarks.ablation import __main__ as ablation
from benchmarks.ablation.measure import Effort, Row, calibration_sets, measure
from benchmarks.ablation.plot import plot
from benchmarks.ablation.show import COLUMNS, figures, markdown
from benchmarks.ablation.subjects import demo_subjects, subject_of
from benchmarks.ablation.variants import GROUPS, VARIANTS, chosen
from ivit_dialect.load import save_module
from ivit_dialect.store import StoreContext
from passes.import_model import import_module
from passes.quantization.options import QuantizeOptions
from passes.quantization.recipes import resolve

ROW = Row("demo", "group", "name", {}, 10, top1=90.0, float_top1=91.0, agreement=99.0, sqnr_db=float("inf"))


@pytest.fixture
def model(tmp_path: Path) -> Path:
    path, ctx = tmp_path / "model.mlir", StoreContext()
    save_module(import_module(plain("gelu_tanh"), torch.zeros(1, 3, 32, 32), ctx), ctx.store, path)
    images = np.random.default_rng(0).standard_normal((24, 3, 32, 32)).astype(np.float32)
    np.savez(tmp_path / "data.npz", images=images, labels=np.zeros(24, np.uint8))
    return path


def run(*arguments: str, monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr(sys, "argv", ["ablation", *arguments])
    return ablation.main()


def test_variants_are_distinct_and_their_options_are_options() -> None:
    keys = [variant.key for variant in VARIANTS]
    assert len(set(keys)) == len(keys)
    for variant in VARIANTS:
        resolve(QuantizeOptions(**variant.options))


def test_variants_by_words() -> None:
    assert chosen([]) == VARIANTS
    assert {variant.group for variant in chosen(["table 2"])} == {GROUPS[0]}
    assert {variant.name for variant in chosen(["Recipe"])} == {"recipe"}
    assert [variant.key for variant in chosen([VARIANTS[3].key.upper()])] == [VARIANTS[3].key]
    with pytest.raises(ValueError, match="no variant is called like 'nothing'"):
        chosen(["gptq", "nothing"])


def test_figures_of_a_row() -> None:
    assert figures(ROW) == ("90.00", "1.00", "99.00", "–", "–", "–", "–")
    assert len(figures(ROW)) == len(COLUMNS)
    lines = markdown([ROW, Row("demo", "group", "wrong", {}, 10, error="no")]).splitlines()
    assert lines[0] == "### group: demo"
    assert lines[-1].startswith("| name | 90.00 | 1.00 |")
    assert not any("wrong" in line for line in lines)


def test_a_run_goes_on_where_it_was(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = [str(model), "--data", str(tmp_path / "data.npz"), "--calibration", "16", "--threads", "1"]
    arguments += ["--json", str(tmp_path / "rows.json"), "--only", "w8a8, and what each change does: recipe"]
    assert run(*arguments, monkeypatch=monkeypatch) == 0
    (row,) = json.loads((tmp_path / "rows.json").read_text())
    assert (row["images"], row["error"], row["model"]) == (8, None, "model")
    line = "1/1 model: The recipe at W8A8, and what each change does: recipe"
    assert f"{line}: measured" in capsys.readouterr().err.splitlines()
    assert row["sqnr_db"] > 20
    row["sqnr_db"] = 123.4
    (tmp_path / "rows.json").write_text(json.dumps([row]))
    arguments += ["--markdown", str(tmp_path / "tables.md")]
    assert run(*arguments, monkeypatch=monkeypatch) == 0
    assert "123.4" in (tmp_path / "tables.md").read_text()
    told = capsys.readouterr()
    assert "123.4" in told.out
    assert f"{line}: kept" in told.err.splitlines()


def test_the_whole_test_split_but_the_images_that_calibrate(tmp_path: Path) -> None:
    shown, outliers = demo_subjects(tmp_path, None, 300)
    assert [len(s.images) for s in (shown, outliers)] == [300, 300]
    images = np.concatenate([shown.images[:7, :, :, 0], shown.calibration[3:5, :, :, 0]])
    for kind, array, header in (("images", images, 16), ("labels", np.arange(9, dtype=np.uint8), 8)):
        with gzip.open(tmp_path / f"t10k-{kind}-idx{array.ndim}-ubyte.gz", "wb") as file:
            file.write(bytes(header) + array.tobytes())
    whole = demo_subjects(tmp_path, tmp_path, None)[0]
    np.testing.assert_array_equal(whole.images, shown.images[:7])
    np.testing.assert_array_equal(whole.calibration, shown.calibration)
    assert whole.labels is not None
    assert whole.labels.tolist() == list(range(7))


def test_repeats_leave_out_another_tenth_each() -> None:
    images = np.arange(20)
    first, second, third = calibration_sets(images, 3)
    assert [len(images) - len(kept) for kept in (first, second, third)] == [2, 2, 2]
    assert set(images) - set(second) == {1, 11}
    assert calibration_sets(images, 1)[0] is images
    assert [kept.tolist() for kept in calibration_sets(np.arange(2), 2)] == [[1], [0]]
    with pytest.raises(ValueError, match="3 repeats need as many calibration images at least, got 2"):
        calibration_sets(np.arange(2), 3)


def test_repeats_give_means_and_spreads(model: Path, tmp_path: Path) -> None:
    subject = subject_of(model, tmp_path / "data.npz", 16, None)
    (variant,) = chosen(["w8a8, and what each change does: recipe"])
    row = measure(subject, variant, Effort(interpreted=1, repeats=3, threads=1))
    single = [
        measure(replace(subject, calibration=part), variant, Effort(1, threads=1))
        for part in calibration_sets(subject.calibration, 3)
    ]
    found = [one.sqnr_db for one in single if one.sqnr_db is not None]
    assert (row.repeats, row.sqnr_db, row.sqnr_spread) == (3, np.mean(found), np.std(found))
    assert row.sqnr_spread
    assert row.cosine_worst == min(one.cosine_worst for one in single if one.cosine_worst is not None)
    assert figures(row)[3] == f"{row.sqnr_db:.1f} ± {row.sqnr_spread:.1f}"
    assert {one.sqnr_spread for one in single} == {None}


def test_a_picture_is_drawn(tmp_path: Path) -> None:
    plot([replace(ROW, sqnr_db=30.0), Row("demo", "group", "wrong", {}, 10, error="no")], tmp_path / "a.png")
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")
    with pytest.raises(ValueError, match="nothing to draw"):
        plot([Row("demo", "group", "wrong", {}, 10, error="no")], tmp_path / "none.png")


def test_variants_are_listed(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--list", "--only", "table 2", monkeypatch=monkeypatch) == 0
    assert capsys.readouterr().out.splitlines() == [variant.key for variant in chosen(["table 2"])]
    assert run("--list", "--only", "nothing", monkeypatch=monkeypatch) == 1
    assert "no variant is called like 'nothing'" in capsys.readouterr().err


def test_what_cannot_be_run_is_said_in_one_line(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(str(model), monkeypatch=monkeypatch) == 1
    assert capsys.readouterr().err == "ablation: error: models need images: give --data FILE.npz\n"
    assert run(str(model), "--whole-split", monkeypatch=monkeypatch) == 1
    assert "--whole-split is of the demo's models" in capsys.readouterr().err
    assert run("--whole-split", str(tmp_path), monkeypatch=monkeypatch) == 1
    missing = tmp_path / "t10k-images-idx3-ubyte.gz"
    assert capsys.readouterr().err.startswith(f"ablation: error: {missing}: no test split of Fashion-MNIST")
    with pytest.raises(ValueError, match="none left"):
        subject_of(model, tmp_path / "data.npz", 24, 100)
    rows = tmp_path / "rows.json"
    rows.write_text('[{"a": 1}]')
    data = ["--data", str(tmp_path / "data.npz"), "--calibration", "16", "--json", str(rows)]
    assert run(str(model), *data, monkeypatch=monkeypatch) == 1
    assert "rows.json: not the rows of an ablation" in capsys.readouterr().err
