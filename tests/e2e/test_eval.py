"""``ivit eval`` and ``ivit run`` over folders of pictures: labels, damage, and going on after an end."""

from __future__ import annotations

import json
import os
import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from tiny_files import Command, pixels

from ivit import evaluation
from ivit.evaluation import Tally
from ivit.images.picture_files import png_bytes

CLASSES = ("ant", "bee", "cat", "dog", "eel")
PER_CLASS = 4
COUNT = len(CLASSES) * PER_CLASS
UNTIMED = {"ms_per_image"}


def val_images() -> NDArray[np.uint8]:
    return pixels(COUNT)


@pytest.fixture
def val(folder: Path) -> Path:
    """val/CLASS/N.png of the model's size, the same as val.npz."""
    images = val_images()
    for i, image in enumerate(images):
        path = folder / "val" / CLASSES[i // PER_CLASS] / f"{i:02}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(png_bytes(image))
    np.savez(folder / "val.npz", images=images, labels=np.arange(COUNT) // PER_CLASS)
    return Path("val")


def figures(ivit: Command, *arguments: object) -> dict[str, Any]:
    code, out, err = ivit("eval", "tiny.ivit", "--json", *arguments)
    assert code == 0, err
    return {name: value for name, value in json.loads(out).items() if name not in UNTIMED}


def test_a_folder_gives_the_figures_of_its_arrays(ivit: Command, val: Path) -> None:
    of_folder = figures(ivit, "--data", "val", "--reference", "tiny.mlir")
    assert of_folder == figures(ivit, "--data", "val.npz", "--reference", "tiny.mlir")
    assert of_folder["images"] == COUNT
    assert of_folder.keys() >= {"int_top1", "fp32_top5", "agreement", "sqnr_db", "cosine", "worst_cosine"}


def test_a_folder_without_classes_has_no_labels(ivit: Command, val: Path) -> None:
    assert figures(ivit, "--data", "val/bee").keys() == {"images"}
    assert figures(ivit, "--data", "val/bee", "--reference", "tiny.mlir").keys() == {
        "images", "agreement", "sqnr_db", "cosine", "worst_cosine",
    }  # fmt: skip


def test_as_many_classes_as_outputs(ivit: Command, val: Path) -> None:
    shutil.rmtree("val/eel")
    code, out, err = ivit("eval", "tiny.ivit", "--data", "val", "--json")
    assert code == 0
    assert err == (
        "ivit: val: 4 classes, but the model returns [5]: no accuracy"
        " (some of its classes? name all with --classes)\n"
    )
    assert "int_top1" not in json.loads(out)


def test_some_of_the_classes_in_the_order_of_the_outputs(ivit: Command, val: Path) -> None:
    """With the names turned round, the label of each is counted from the other end."""
    shutil.rmtree("val/eel")
    Path("names.txt").write_text("eel\ndog\n\ncat\nbee\nant\n")
    with np.load("val.npz") as arrays:
        labels = len(CLASSES) - 1 - arrays["labels"]
        np.savez("turned.npz", images=arrays["images"][labels > 0], labels=labels[labels > 0])
    found = figures(ivit, "--data", "val", "--classes", "names.txt", "--reference", "tiny.mlir")
    assert found == figures(ivit, "--data", "turned.npz", "--reference", "tiny.mlir")
    assert found["images"] == COUNT - PER_CLASS
    assert "int_top1" in found


@pytest.mark.parametrize(
    ("data", "names", "message"),
    [
        ("val", "", "names.txt: names no classes"),
        ("val", "ant\nbee\nant\n", "names.txt: names the class 'ant' more than once"),
        ("val", "ant\nbee\n", "val/cat: not the name of one of the 2 classes"),
        ("val.npz", "ant\n", "val.npz: names of classes go with a folder of folders"),
        ("val/ant", "ant\n", "val/ant: holds pictures, not the folders of classes"),
    ],
)
def test_names_of_classes_that_are_refused(
    ivit: Command, val: Path, data: str, names: str, message: str
) -> None:
    Path("names.txt").write_text(names)
    code, out, err = ivit("eval", "tiny.ivit", "--data", data, "--classes", "names.txt")
    assert (code, out, err) == (1, "", f"ivit: error: {message}\n")


def test_pictures_are_brought_to_the_models_size(ivit: Command, val: Path) -> None:
    Path("large").mkdir()
    for i, image in enumerate(val_images()[:3]):
        Image.fromarray(image).resize((40, 30)).save(f"large/{i}.jpg")
    code, out, _ = ivit("run", "tiny.ivit", "large", "-o", "large.npz")
    assert (code, out) == (0, "wrote large.npz: outputs float32 [3, 5]\n")
    code, out, _ = ivit("run", "tiny.ivit", "large/0.jpg", "large/2.jpg")
    assert [line.split()[0] for line in out.splitlines()] == ["large/0.jpg", "large/2.jpg"]
    with np.load("large.npz") as arrays:
        assert arrays["files"].tolist() == ["0.jpg", "1.jpg", "2.jpg"]
    assert figures(ivit, "--data", "large", "--crop-pct", 1, "--resize", "bilinear") == {"images": 3}
    code, _, err = ivit("eval", "tiny.ivit", "--data", "large", "--resize", "none")
    assert (code, err) == (
        1,
        "ivit: error: large/0.jpg: 40 x 30 pixels, the model takes 12 x 12: resize it\n",
    )


def test_calibration_from_a_folder(ivit: Command, val: Path) -> None:
    for name, source in (("a", "val"), ("b", "val.npz")):
        assert ivit("compile", "tiny.mlir", "--calibration", source, "-o", f"{name}.ivit")[0] == 0
        assert ivit("run", f"{name}.ivit", "val.npz", "-o", f"{name}.npz")[0] == 0
    assert Path("a.npz").read_bytes() == Path("b.npz").read_bytes()
    for i in range(40):
        shutil.copy("val/ant/00.png", f"val/ant/copy{i}.png")
    code, _, err = ivit("compile", "tiny.mlir", "--calibration", "val")
    assert code == 0
    assert "ivit: val: 32 of its 60 pictures, evenly spread, calibrate\n" in err
    some = ("compile", "tiny.mlir", "--calibration", "val", "--calibration-images")
    assert "evenly spread" not in ivit(*some, 7)[2]
    assert "ivit: val: all of its 60 images are taken, 61 were asked for\n" in ivit(*some, 61)[2]
    code, _, err = ivit(*some, 0)
    assert (code, err) == (1, "ivit: error: at least one image is needed, got 0\n")


def test_bad_pictures_end_it_or_are_told(ivit: Command, val: Path) -> None:
    bad = Path("val/bee/04.png")
    bad.write_bytes(bad.read_bytes()[:100])
    code, out, err = ivit("eval", "tiny.ivit", "--data", "val", "--resume", "state.json")
    assert (code, out, err.count("\n")) == (1, "", 1)
    assert err.startswith(f"ivit: error: {bad}: not a ")
    assert not Path("state.json").exists()
    code, out, err = ivit("eval", "tiny.ivit", "--data", "val", "--skip-bad", "--json")
    assert (code, err.count("\n")) == (0, 1)
    assert err.startswith(f"ivit: {bad}: not a ")
    assert (json.loads(out)["images"], json.loads(out)["skipped"]) == (COUNT - 1, 1)
    for path in Path("val").glob("*/*.png"):
        path.write_bytes(b"")
    code, out, err = ivit("eval", "tiny.ivit", "--data", "val", "--skip-bad")
    assert (code, out) == (1, "")
    assert err.endswith("ivit: error: val: holds no images that can be read\n")


class Ended(BaseException):
    """Stands for the end of the process, which nothing catches."""


def test_an_ended_evaluation_goes_on(ivit: Command, val: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evaluation, "BATCH", 3)
    Path("val/dog/13.png").write_bytes(b"no picture")
    arguments = ("--data", "val", "--reference", "tiny.mlir", "--skip-bad")
    whole = figures(ivit, *arguments)
    seen: list[int] = []
    add = Tally.add_reference

    def fails_later(tally: Tally, *outputs: Any) -> None:
        seen.append(tally.done)
        if len(seen) in (3, 5):
            raise Ended
        add(tally, *outputs)

    monkeypatch.setattr(Tally, "add_reference", fails_later)
    for done in (6, 9):
        with pytest.raises(Ended):
            ivit("eval", "tiny.ivit", *arguments, "--resume", "state.json")
        assert json.loads(Path("state.json").read_text(encoding="utf-8"))["tally"]["done"] == done
    assert figures(ivit, *arguments, "--resume", "state.json") == whole
    assert seen == [0, 3, 6, 6, 9, 9, 12, 15, 18]
    assert figures(ivit, *arguments, "--resume", "state.json") == whole
    assert len(seen) == 9
    assert not [name for name in os.listdir() if "partial" in name]


def test_states_of_other_evaluations_are_refused(ivit: Command, val: Path) -> None:
    run = ("eval", "tiny.ivit", "--data", "val", "--resume", "state.json")
    assert ivit(*run)[0] == 0
    kept = Path("state.json").read_bytes()
    shutil.copy("tiny.ivit", "other.ivit")
    assert ivit("compile", "tiny.mlir", "--calibration", "floats.npz", "-o", "other.ivit")[0] == 0
    for part, command in (
        ("model differs", ("eval", "other.ivit", *run[2:])),
        ("data differs", ("eval", "tiny.ivit", "--data", "val.npz", *run[4:])),
        ("data differs", (*run, "--crop-pct", 1)),
        ("reference differs: it had none", (*run, "--reference", "tiny.mlir")),
        ("--skip-bad differs", (*run, "--skip-bad")),
    ):
        code, out, err = ivit(*command)
        assert (code, out) == (1, "")
        assert err == (
            f"ivit: error: state.json: belongs to another evaluation ({part}):"
            " delete it, or name a new file\n"
        )
        assert Path("state.json").read_bytes() == kept
    with_reference = (*run[:-1], "with.json")
    assert ivit(*with_reference, "--reference", "tiny.mlir")[0] == 0
    code, _, err = ivit(*with_reference)
    assert (code, err.count("it had one, and now there is none")) == (1, 1)
    Path("cut.json").write_bytes(kept[: len(kept) // 2])
    Path("sums.json").write_bytes(kept.replace(b'"done": 20', b'"done": 200'))
    Path("list.json").write_text("[1]", encoding="utf-8")
    for name in ("cut.json", "sums.json", "list.json", "val.npz"):
        code, out, err = ivit(*run[:-1], name)
        assert (code, out, err) == (
            1,
            "",
            f"ivit: error: {name}: not a state of ivit eval: name a new file with --resume\n",
        )
    code, _, err = ivit(*run[:-1], "tiny.ivit")
    assert (code, err) == (1, "ivit: error: tiny.ivit: would overwrite what is read: name another file\n")
    code, _, err = ivit(*run[:-1], "no/state.json")
    assert (code, err) == (1, "ivit: error: no/state.json: there is no folder no: make it first\n")


def test_a_model_without_pixels_takes_no_pictures(ivit: Command, val: Path) -> None:
    text = Path("tiny.mlir").read_text(encoding="utf-8")
    Path("plain.mlir").write_text(
        re.sub(r" attributes {ivit.mean[^}]*}", "", text, count=1), encoding="utf-8"
    )
    shutil.copy("tiny.safetensors", "plain.safetensors")
    assert ivit("compile", "plain.mlir", "--calibration", "floats.npz")[0] == 0
    for command in (("eval", "plain.ivit", "--data", "val"), ("run", "plain.ivit", "val")):
        code, out, err = ivit(*command)
        assert (code, out) == (1, "")
        assert err == (
            "ivit: error: val: this model takes float32 (N, C, H, W):"
            " compile it with mean and std for uint8 pixels\n"
        )
