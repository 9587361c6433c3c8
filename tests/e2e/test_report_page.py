"""``ivit report``: a page that stands alone, a table, and figures that hold of the compiled model."""

from __future__ import annotations

import html
import json
import math
import re
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tiny_files import COUNT, Command, float_images, pixels, random_weights

from ivit import load
from ivit.baseline import FloatModel
from ivit.metrics import agreement, sqnr_db
from ivit.report.collect import Request, measure_source
from ivit.report.content import TensorRow
from ivit.report.rows import tensor_rows
from ivit.report.words import db_text
from ivit.source import open_source
from passes.lower_to_int import LowerToIntOptions

BROWSERS = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
NODES = (
    "norm1", "q", "k", "v", "scores", "probabilities", "attention", "proj", "residual1",
    "norm2", "fc1", "gelu", "fc2", "residual2",
)  # fmt: skip
LEAST_DB = {"stream": 60, "activation": 25, "GELU input": 15, "sums": 25}


class Page(HTMLParser):
    """Every tag closed in order; the tags with their attributes, and the text of table cells."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.cells: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] == "td":
            self.cells.append(data)


@pytest.fixture(scope="module")
def report(made: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with r.html, r.json and out.txt, what the command printed, of the tiny model."""
    folder = tmp_path_factory.mktemp("report")
    command = [sys.executable, "-m", "ivit", "report", "tiny.mlir", "--calibration", "pixels.npz", "--all"]
    command += ["-o", str(folder / "r.html"), "--json", str(folder / "r.json")]
    done = subprocess.run(command, cwd=made, capture_output=True, text=True, timeout=120, check=True)
    (folder / "out.txt").write_text(done.stdout, encoding="utf-8")
    return folder


@pytest.fixture
def content(report: Path) -> dict[str, Any]:
    """What ``--json`` has."""
    return json.loads((report / "r.json").read_text(encoding="utf-8"))


def measured(folder: Path, options: LowerToIntOptions) -> dict[tuple[str, str], TensorRow]:
    """The rows of the tiny model by name and form, without compiling it."""
    source = open_source(folder / "tiny.mlir")
    request = Request(options, pixels(), pixels(), "pixels")
    quantized, found = measure_source(source, request)
    return {(row.name, row.form): row for row in tensor_rows(found, quantized.recipe)}


def test_the_page_stands_alone_and_has_every_op(report: Path, content: dict[str, Any]) -> None:
    text = (report / "r.html").read_text(encoding="utf-8")
    page = Page(text)
    assert page.open == []
    assert not [given for _, given in page.tags if given.keys() & {"src", "href", "xlink:href"}]
    assert not re.search(r"https?:|@import|url\(|fetch\(|XMLHttpRequest|<link|<iframe", text)
    names, count = {row["name"] for row in content["tensors"]}, len(content["tensors"])
    assert names >= {"patch_embed", "tokens", "norm", "head", *(f"block0.{node}" for node in NODES)}
    assert names <= set(page.cells)
    assert sum(tag == "tr" and "data-row" in given for tag, given in page.tags) == count
    assert sum(tag == "circle" for tag, _ in page.tags) == 2 * count
    assert sum(given.get("class") == "spark" for _, given in page.tags) == count


def test_the_terminal_has_every_op_in_80_columns(report: Path, content: dict[str, Any]) -> None:
    lines = (report / "out.txt").read_text(encoding="utf-8").splitlines()
    assert max(len(line) for line in lines if not line.startswith("wrote ")) <= 80
    for row in content["tensors"]:
        assert any(line.split()[:2] == [row["name"], row["type"]] for line in lines), row["name"]
    assert any(line.split()[:1] == ["LayerNorm"] for line in lines)


def test_the_figures_are_those_of_the_compiled_model(made: Path, content: dict[str, Any]) -> None:
    model = load(made / "tiny.ivit")
    exact, integer = FloatModel.open(made / "tiny.mlir")(pixels()), model(pixels())
    assert (content["images"], content["asked"], content["changed"]) == (COUNT, {}, {})
    assert content["output"]["sqnr_db"] == pytest.approx(sqnr_db(exact, integer), abs=0.01)
    assert content["output"]["agreement"] == agreement(exact, integer)
    assert content["sizes"]["packed"] == model.artifact.program.weights.size
    assert content["sizes"]["float_weights"] == sum(array.nbytes for array in random_weights().values())
    rows = {(row["name"], row["form"]): row for row in content["tensors"]}
    first = rows["patch_embed", "sums"]
    assert first["sqnr_db"] == pytest.approx(first["local_sqnr_db"], abs=1e-9)
    assert rows["head", "sums"]["sqnr_db"] == pytest.approx(content["output"]["sqnr_db"], abs=0.5)
    for row in rows.values():
        assert row["local_sqnr_db"] > LEAST_DB[row["form"]], row["name"]
        assert row["local_sqnr_db"] >= row["sqnr_db"] - 6, row["name"]
        assert sum(row["histogram"]["exact"]) == sum(row["histogram"]["integer"]) == row["values"]
        assert 0 <= row["clipped"] <= 1
    # five tokens of 16 channels, MLP of 32; the last block keeps the class token alone from the projection on
    macs = {row["group"]: row["macs"] for row in content["costs"]}
    assert macs["MLP: fc2"] == macs["MLP: fc1, GELU"] > 0
    assert macs["head"] == 16 * 5
    assert [launch["kernel"] for launch in content["launches"]][-1] == "linear"
    assert all(launch["microseconds"] >= 0 for launch in content["launches"])


def test_an_error_is_seen_where_it_enters(made: Path) -> None:
    """Two bits in the MLPs: their sums lose much by themselves, what is before them nothing."""
    fine, coarse = (
        measured(made, LowerToIntOptions(mlp_weight_bits=bits, rounding="nearest")) for bits in (8, 2)
    )
    assert coarse["block0.fc1", "sums"].weight_bits == 2
    for name in ("patch_embed", "block0.q", "block0.proj", "head"):
        own = coarse[name, "sums"].local_sqnr_db
        assert own == pytest.approx(fine[name, "sums"].local_sqnr_db, abs=3), name
    for name in ("block0.fc1", "block0.fc2"):
        assert coarse[name, "sums"].local_sqnr_db < fine[name, "sums"].local_sqnr_db - 15, name
    assert coarse["head", "sums"].sqnr_db < fine["head", "sums"].sqnr_db - 10


def test_every_recipe_can_be_measured(made: Path) -> None:
    options = (
        LowerToIntOptions(recipe="paper"),
        LowerToIntOptions(recipe="best"),
        LowerToIntOptions(weight_bits=4, activation_bits=4),
        LowerToIntOptions(softmax="ivit", gelu_channels=True),
        LowerToIntOptions(qkv_scales="per_head", layernorm="l1"),
    )
    for each in options:
        found = measured(made, each)
        assert {name for name, _ in found} >= {f"block0.{node}" for node in NODES}
        for row in found.values():
            assert row.local_sqnr_db > (3 if each.activation_bits else 15), (each, row.name, row.form)


def test_floating_point_is_measured_but_not_timed(ivit: Command, folder: Path) -> None:
    code, out, err = ivit("report", "tiny.mlir", "--calibration", "pixels.npz", "--softmax", "float")
    assert code == 0, err
    assert "one image, one thread" not in out
    page = Page(Path("tiny.report.html").read_text(encoding="utf-8"))
    assert page.open == []
    assert "block0.attention" in page.cells
    assert not any(given.get("id") == "launches" for _, given in page.tags)


def test_a_report_in_batches_is_the_same(made: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = measured(made, LowerToIntOptions())
    monkeypatch.setattr("ivit.report.measure.MOST_BYTES", 1)
    for key, row in measured(made, LowerToIntOptions()).items():
        assert row.sqnr_db == pytest.approx(whole[key].sqnr_db, abs=1e-3)
        assert row.saturated == whole[key].saturated
        assert row.low == pytest.approx(whole[key].low, rel=1e-5)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("no.mlir --calibration pixels.npz", "no.mlir: no such file"),
        ("tiny.mlir --calibration no.npz", "no.npz: no such file"),
        ("tiny.mlir --calibration none.npz", "there are no calibration images"),
        ("tiny.mlir --calibration nan.npz", "image 4 holds NaN or infinity"),
        ("tiny.mlir --calibration pixels.npz --data nan.npz", "image 4 holds NaN or infinity"),
        ("tiny.mlir --calibration pixels.npz --images 0", "at least one image is needed, got 0"),
        ("tiny.mlir --calibration pixels.npz -o r.txt", "r.txt: a page's name ends in .html"),
        (
            "tiny.mlir --calibration pixels.npz -o no/r.html",
            "no/r.html: there is no folder no: make it first",
        ),
        ("tiny.mlir --calibration pixels.npz -o r.html --json r.html", "r.html: would overwrite the page"),
        ("tiny.mlir --calibration pixels.npz --json tiny.mlir", "tiny.mlir: would overwrite what is read"),
        ("tiny.mlir --calibration pixels.npz --weight-bits 1", "weight_bits=1 is out of range: 2 to 8"),
        ("tiny.ivit --calibration pixels.npz", "tiny.ivit"),
    ],
)
def test_bad_input_is_one_line_and_leaves_nothing(
    ivit: Command, folder: Path, arguments: str, message: str
) -> None:
    nan = float_images()
    nan[4, 0, 1, 2] = np.nan
    np.savez("nan.npz", images=nan)
    np.savez("none.npz", images=pixels(0))
    before = sorted(folder.iterdir())
    code, out, err = ivit("report", *arguments.split())
    assert (code, out) == (1, "")
    assert message in err.splitlines()[-1]
    assert err.splitlines()[-1].startswith("ivit: error: ")
    assert sorted(folder.iterdir()) == before


PROBE = """<script>
const click = (node) => node.dispatchEvent(new MouseEvent("click", { bubbles: true }));
const seen = { shown: document.getElementById("shown").textContent };
const cells = (column) => [...document.querySelectorAll("#tensors tbody tr:not([hidden])")]
  .map((row) => row.cells[column].textContent);
const names = () => cells(0);
seen.all = names();
const buttons = [...document.querySelectorAll("#tensors th button")];
const sorting = buttons.find((button) => button.textContent === "of its own");
click(sorting);
seen.lowest = cells(5)[0];
click(sorting);
seen.highest = cells(5)[0];
const find = document.getElementById("find");
find.value = "BLOCK0 fc1";
find.dispatchEvent(new Event("input"));
seen.found = names();
click(document.querySelector(".dot[data-row='0']"));
seen.chosen = document.querySelector("#tensors tr.chosen td.name").textContent;
seen.afterwards = names().length;
click(document.getElementById("theme"));
seen.theme = document.documentElement.dataset.theme;
seen.wide = document.documentElement.scrollWidth <= innerWidth;
document.body.dataset.seen = JSON.stringify(seen);
</script></body>"""
"""What a reader does with the page, and what there is to see of it."""


def test_the_page_in_a_browser(report: Path, content: dict[str, Any]) -> None:
    browser = next((found for name in BROWSERS if (found := shutil.which(name))), None)
    if browser is None:
        pytest.skip(f"no browser: none of {', '.join(BROWSERS)} is installed")
    text = (report / "r.html").read_text(encoding="utf-8")
    probed = report / "probed.html"
    probed.write_text(text.replace("</body>", PROBE), encoding="utf-8")
    command = [
        browser,
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--enable-logging=stderr",
        "--dump-dom",
    ]
    done = subprocess.run(
        [*command, "--dump-dom", "--window-size=1280,900", probed.as_uri()],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0
    assert "CONSOLE" not in done.stderr
    found = re.search(r'data-seen="([^"]*)"', done.stdout)
    assert found
    seen = json.loads(html.unescape(found[1]))
    rows = content["tensors"]
    names = [row["name"] for row in rows]
    own = sorted(math.inf if row["local_sqnr_db"] is None else row["local_sqnr_db"] for row in rows)
    assert seen["all"] == names
    assert seen["shown"] == f"{len(rows)} of {len(rows)} tensors"
    assert [seen["lowest"], seen["highest"]] == [db_text(own[i]).removesuffix(" dB") for i in (0, -1)]
    assert seen["found"] == ["block0.fc1", "block0.fc1"]
    assert (seen["chosen"], seen["afterwards"]) == (names[0], len(rows))
    assert (seen["theme"], seen["wide"]) == ("dark", True)
