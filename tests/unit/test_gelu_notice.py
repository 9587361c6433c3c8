"""Users of ShiftGELU hear of inputs for which it is far off, once a module."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ivit_dialect.load import parse_module
from ivit_dialect.store import StoreContext
from passes.emission.gelu import paper_error, paper_notice
from passes.graph.nodes import GeluNode, ImageNode, LinearNode, TokenSlice
from passes.quantization.scales import Range
from passes.quantize import QuantizePass

BLOCK = Path(__file__).parents[1] / "filecheck" / "passes" / "quantize" / "quantize.mlir"
CALIBRATED = "%10 = torch.aten.linear %9, %w, %none {ivit.range = [-6.0, 6.0]}"


def gelu_of(low: float, high: float) -> GeluNode:
    image = ImageNode(tokens=1, channels=1, origin="image", height=1, width=1, centre=np.zeros(1))
    linear = LinearNode(
        tokens=1,
        channels=1,
        origin="linear",
        range=Range(low, high),
        source=TokenSlice(image, 0, 1),
        weight=np.zeros((1, 1)),
        bias=np.zeros(1),
    )
    return GeluNode(tokens=1, channels=1, origin="gelu", source=linear, approximate="none")


@pytest.mark.parametrize(
    ("largest", "error"), [(4, 0.04), (8, 0.6), (9, 2.5), (10, 4.9), (12, 5.9), (16, 7.9), (24, 11.8)]
)
def test_the_figures_of_the_documents(largest: float, error: float) -> None:
    assert paper_error(Range(-largest, largest)) == pytest.approx(error, abs=0.05)


def test_inputs_that_calibration_did_not_see_do_not_count() -> None:
    assert paper_error(Range(-3, 12)) < 2 < paper_error(Range(-12, 12))


def test_the_largest_of_several_is_named() -> None:
    nodes = [gelu_of(-4, 8), gelu_of(-2, 14.25), gelu_of(-9, 9), gelu_of(-20, 3)]
    assert paper_notice(nodes) == (
        "gelu=ivit: 2 of 4 GELUs see inputs above 8 (largest 14.2), where ShiftGELU is off by up to"
        f" {paper_error(Range(-9, 9)):.1f}; gelu=exact has no such limit"
    )
    assert paper_notice([nodes[0], nodes[3]]) is None
    assert paper_notice([]) is None


@pytest.mark.parametrize(("family", "high", "told"), [("ivit", 8.5, 1), ("ivit", 8.0, 0), ("exact", 8.5, 0)])
def test_one_line_per_module(family: str, high: float, told: int, capsys: pytest.CaptureFixture[str]) -> None:
    text = BLOCK.read_text(encoding="utf-8")
    assert CALIBRATED in text
    ctx = StoreContext()
    module = parse_module(text.replace(CALIBRATED, CALIBRATED.replace("6.0]", f"{high}]")), "block", ctx)
    QuantizePass(gelu=family).apply(ctx, module)
    lines = capsys.readouterr().err.splitlines()
    assert [line.startswith("quantize: gelu=ivit: 1 of 1 GELUs") for line in lines] == [True] * told
