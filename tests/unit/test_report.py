"""The pieces of a report: statistics in batches, records, costs, charts."""

from __future__ import annotations

import math
import xml.etree.ElementTree as ElementTree
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from xdsl.dialects.builtin import TensorType, i8
from xdsl.ir import Block

from ivit.metrics import cosines, sqnr_db
from ivit.report.charts import bar_chart, spark
from ivit.report.content import HistogramRow
from ivit.report.costs import GROUPS, OTHER, group_of
from ivit.report.statistics import Codes, ErrorPower, Histogram, TensorStatistics
from ivit.report.svg import element, number, text, ticks
from ivit.report.words import count_text, db_text, range_text, share_text, time_text
from passes.emission.records import Record
from passes.graph.nodes import MeanNode, PrefixNode, TokenSlice


def values(*shape: int) -> NDArray[np.float64]:
    return np.random.default_rng(sum(shape)).standard_normal(shape)


def test_error_power_in_parts() -> None:
    exact, noisy = values(6, 5, 4), values(6, 5, 4) + 0.1 * values(5, 4, 6).reshape(6, 5, 4)
    power = ErrorPower()
    for part in (slice(0, 1), slice(1, 4), slice(4, 6)):
        power.add(exact[part], noisy[part])
    assert power.sqnr_db == pytest.approx(sqnr_db(exact, noisy), rel=1e-12)
    assert power.cosine == pytest.approx(cosines(exact.reshape(1, -1), noisy.reshape(1, -1))[0], rel=1e-12)


def test_error_power_of_zeros() -> None:
    nothing, zero, one = ErrorPower(), np.zeros(3), np.ones(3)
    nothing.add(zero, zero)
    assert (nothing.sqnr_db, nothing.cosine) == (math.inf, 1.0)
    invented = ErrorPower()
    invented.add(zero, one)
    assert (invented.sqnr_db, invented.cosine) == (-math.inf, 0.0)


def test_histograms_count_every_value() -> None:
    histogram = Histogram(-1.0, 1.0, 4)
    histogram.add(np.array([-9.0, -1.0, -0.5, -0.0001, 0.0, 0.49, 0.5, 0.9999, 1.0, 7.0]))
    assert histogram.counts.tolist() == [1, 1, 2, 2, 2, 2]


def test_statistics_of_a_tensor() -> None:
    """int4 of step 0.5: codes -8..7 stand for -4..3.5, and values beyond -4.25 and 3.75 are clipped."""
    statistics = TensorStatistics(Codes(-8, 7, -4.25, 3.75))
    exact = np.array([-5.0, -4.2, -1.0, 0.1, 3.6, 3.8])
    codes = np.array([-8, -8, -2, 0, 7, 7])
    statistics.add(exact, codes, codes * 0.5)
    statistics.add(np.array([9.0]), np.array([7]), np.array([3.5]))
    assert (statistics.count, statistics.saturated, statistics.clipped) == (7, 5, 3)
    assert (statistics.least, statistics.most) == (-5.0, 9.0)
    histogram = statistics.exact_histogram
    assert histogram is not None
    assert histogram.bins == 16
    assert (histogram.counts[0], histogram.counts[-1], histogram.counts.sum()) == (1, 2, 7)
    integers = statistics.integer_histogram
    assert integers is not None
    assert integers.counts[1:-1].tolist() == [2, 0, 0, 0, 0, 0, 1, 0, 1, 0, 0, 0, 0, 0, 0, 3]


@pytest.mark.parametrize("value", [0.0, -2.5, 1e-30, 1e30])
def test_a_constant_tensor_has_a_histogram(value: float) -> None:
    statistics = TensorStatistics(Codes(-(1 << 31), (1 << 31) - 1))
    constant = np.full(5, value)
    statistics.add(constant, np.zeros(5, np.int32), constant)
    assert statistics.exact_histogram is not None
    assert statistics.exact_histogram.counts.sum() == 5
    assert statistics.exact_histogram.counts[[0, -1]].tolist() == [0, 0]
    assert statistics.clipped == 0


def record(step: Any, zero_point: Any = 0, offset: float = 0.0) -> Record:
    node = PrefixNode(tokens=1, channels=1, origin="x", prefix=np.zeros((1, 1)), body=MEAN)
    value = Block(arg_types=[TensorType(i8, [1])]).args[0]
    return Record(node, value, np.asarray(step, np.float64), np.asarray(zero_point), np.asarray(offset))


MEAN = MeanNode(tokens=1, channels=1, origin="x", source=TokenSlice(None, 0, 1))  # pyright: ignore[reportArgumentType]  # nothing reads it


def test_records_there_and_back() -> None:
    codes = np.arange(-128, 128)
    for known in (record(0.25), record(0.1, 7), record(0.3, -5, 1.5), record(np.full(256, 0.2), 3)):
        np.testing.assert_array_equal(known.integers(known.reals(codes), -128, 127), codes)
    assert record(0.5, 2, 1.0).reals(np.array([4])).tolist() == [2.0]
    assert record(0.5).integers(np.array([-99.0, 99.0]), -8, 7).tolist() == [-8, 7]
    assert record([0.5, 0.0]).integers(np.array([3.0, 3.0]), -8, 7).tolist() == [6, 0]


def test_records_of_probabilities() -> None:
    codes = np.array([[255, 0, 255], [1, 2, 1], [0, 0, 0]], np.uint8)
    shares = replace(record(1.0), part="probabilities", by_row=True)
    np.testing.assert_array_equal(shares.reals(codes), [[0.5, 0, 0.5], [0.25, 0.5, 0.25], [0, 0, 0]])
    coded = replace(record(1.0), part="probabilities", levels=np.array([1.0, 0.5, 0.0]))
    np.testing.assert_array_equal(coded.reals(np.array([[2, 1], [0, 2]], np.uint8)), [[0, 0.5], [1, 0]])
    assert (coded.name, record(1.0).name) == ("probabilities", "")


def test_kinds_of_ops() -> None:
    known = {
        "block11_q": "q, k, v",
        "block0.attention_codes": "attention: softmax(q kᵀ) v",
        "block3_fc1_acc": "MLP: fc1, GELU",
        "patch_embed_acc": "patch embedding",
        "norm": "LayerNorm",
        "head_1": "head",
        "": OTHER,
        "tokens_1": OTHER,
    }
    assert {name: group_of(name) for name in known} == known
    assert OTHER not in GROUPS.values()


def test_words() -> None:
    assert [db_text(value) for value in (math.inf, -math.inf, 12.345)] == ["no error", "-∞ dB", "12.3 dB"]
    assert [time_text(value) for value in (0.5, 12.3, 1234.0)] == ["0.5 µs", "12.3 µs", "1.23 ms"]
    assert [count_text(value) for value in (0, 12, 1500, 2e6, 3.5e9)] == ["0", "12", "1.5 k", "2 M", "3.5 G"]
    ranges = ((-2.857, 2.4), (1.3e-8, 0.99913), (-0.00123, 0.02), (-12345.0, 3.0), (0.0, 0.0), (-120.4, 7.26))
    assert [range_text(*each) for each in ranges] == [
        "-2.86 … 2.4",
        "0.000 … 0.999",
        "-0.0012 … 0.0200",
        "-1.23e+04 … 3",
        "0 … 0",
        "-120 … 7",
    ]
    assert [share_text(value) for value in (0.0, 0.5, 0.00012, 1e-9)] == ["0", "50 %", "0.012 %", "<0.01 %"]
    assert [number(value) for value in (0.0, -0.001, 1.0, 1.25, 100.0)] == ["0", "-0", "1", "1.25", "100"]


def test_svg_is_well_formed_whatever_the_names() -> None:
    name = "<b & 'c' \"d\">"
    for markup in (
        text(1, 2, name),
        element("rect", "", class_=name, stroke_width=1.5, x=None),
        bar_chart([(name, 3.0, name), ("zero", 0.0, "")], name, "time"),
        spark(HistogramRow(0, 1, [0, 4, 9, 1], [0, 4, 10, 0])),
        spark(HistogramRow(0, 1, [0, 0, 0], [0, 0, 0])),
    ):
        ElementTree.fromstring(markup)
    assert element("rect", "", stroke_width=1.5, x=None) == '<rect stroke-width="1.5"/>'
    assert ElementTree.fromstring(text(1, 2, name)).text == name


def test_ticks_are_round_and_inside() -> None:
    assert ticks(0, 100) == [0, 20, 40, 60, 80, 100]
    assert ticks(-7, 43) == [0, 10, 20, 30, 40]
    assert ticks(3, 3) == [3]
    for low, high in ((0.001, 0.0072), (-5e6, 3e6), (19.5, 20.5)):
        found = ticks(low, high)
        assert 3 <= len(found) <= 12
        assert low <= found[0] <= found[-1] <= high
