"""From counts to the rows of a report."""

from __future__ import annotations

import re

import numpy as np
from numpy.typing import NDArray

from ivit.metrics import agreement, cosines, sqnr_db
from ivit.report.content import CLIPPED_FORM, HistogramRow, OutputFigures, TensorRow
from ivit.report.measure import Measured, element_of
from ivit.report.statistics import TensorStatistics
from passes.emission.records import Record
from passes.graph.nodes import (
    AttentionNode,
    ConvNode,
    GeluNode,
    JoinNode,
    LinearNode,
    MeanNode,
    Node,
    NormNode,
    PrefixNode,
    SumNode,
)
from passes.quantization.activations import ActivationRules
from passes.quantization.recipes import Recipe

BLOCK = re.compile(r"block(\d+)\.")
OPS: dict[type[Node], str] = {
    ConvNode: "patch embedding",
    LinearNode: "linear",
    NormNode: "LayerNorm",
    GeluNode: "GELU",
    AttentionNode: "attention",
    SumNode: "sum",
    PrefixNode: "tokens",
    MeanNode: "mean",
    JoinNode: "join",
}
PARTS = {"scores": "scores", "probabilities": "softmax"}
SUM_BITS, STREAM_BITS = 32, 16
INNER = (LinearNode, GeluNode, AttentionNode)
"""Kinds whose 16-bit form is no part of the residual stream."""


def tensor_rows(measured: Measured, recipe: Recipe) -> list[TensorRow]:
    """A row for each record, in the order of the program."""
    rules = ActivationRules(recipe)
    return [_row(record, measured.statistics[record.value], rules) for record in measured.records]


def output_figures(integer: NDArray[np.float32], exact: NDArray[np.float32]) -> OutputFigures:
    """Of outputs [N, ...]."""
    cosine = cosines(exact, integer)
    return OutputFigures(
        sqnr_db=sqnr_db(exact, integer),
        cosine=float(cosine.mean()),
        worst_cosine=float(cosine.min()),
        agreement=agreement(integer, exact) if integer.ndim == 2 else None,
    )


def _form(node: Node, bits: int, recipe: Recipe) -> str:
    if bits == SUM_BITS:
        return "sums"
    if isinstance(node, LinearNode) and node.role == "fc1" and recipe.gelu == "exact":
        return CLIPPED_FORM
    return "stream" if bits == STREAM_BITS and not isinstance(node, INNER) else "activation"


def _row(record: Record, statistics: TensorStatistics, rules: ActivationRules) -> TensorRow:
    node, codes, steps = record.node, statistics.codes, record.step.ravel()
    element = element_of(record)
    bits = element.width.data
    block = BLOCK.match(node.name)
    form = _form(node, bits, rules.recipe)
    exact, integer = statistics.exact_histogram, statistics.integer_histogram
    assert exact is not None
    assert integer is not None
    weighs = isinstance(node, LinearNode | ConvNode) and form == "sums"
    return TensorRow(
        name=record.name,
        block=int(block[1]) if block else None,
        op=PARTS.get(record.part) or OPS.get(type(node), "other"),
        form=form,
        type=str(element),
        bits=bits,
        weight_bits=rules.weight_bits(node) if weighs else None,
        step=None if record.by_row or record.levels is not None else float(np.median(steps)),
        steps=steps.size,
        zero_point=int(record.zero_point) if record.zero_point.size == 1 else None,
        low=statistics.least,
        high=statistics.most,
        code_low=None if codes.low is None else float(record.reals(np.array(codes.least))),
        code_high=None if codes.high is None else float(record.reals(np.array(codes.most))),
        sqnr_db=statistics.accumulated.sqnr_db,
        local_sqnr_db=statistics.local.sqnr_db,
        cosine=statistics.accumulated.cosine,
        local_cosine=statistics.local.cosine,
        saturated=statistics.saturated / statistics.count,
        clipped=statistics.clipped / statistics.count,
        values=statistics.count,
        histogram=HistogramRow(exact.low, exact.high, exact.counts.tolist(), integer.counts.tolist()),
    )
