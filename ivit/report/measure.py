"""Every recorded tensor of an integer model against the float graph, on images, in batches."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from xdsl.dialects.builtin import IntegerType, ModuleOp
from xdsl.ir import SSAValue

from ivit.interface import boundary_of
from ivit.progress import Report, silent
from ivit.report.execution import Runner
from ivit.report.statistics import Codes, TensorStatistics
from ivit_dialect.store import WeightStore
from ivit_dialect.types import integer_range, tensor_types
from passes.emission.records import Record
from passes.graph.evaluate import Tensor, run_graph, softmax, split_heads
from passes.graph.nodes import AttentionNode, Graph, Node

MOST_BYTES = 1 << 28
"""Of float values at hand at once."""
PROBABILITIES = "probabilities"
FULL_RANGE = 16
"""Types up to so many bits are used over their whole range; wider ones are accumulators."""


@dataclass
class Measured:
    """Statistics by record, in the order of the program, and both models' outputs, float32 [N, ...]."""

    records: list[Record]
    statistics: dict[SSAValue, TensorStatistics]
    integer_outputs: NDArray[np.float32]
    float_outputs: NDArray[np.float32]


def measure(
    module: ModuleOp,
    store: WeightStore,
    records: Sequence[Record],
    graph: Graph,
    images: NDArray[np.float32],
    graph_images: NDArray[np.float32],
    report: Report = silent,
) -> Measured:
    """Run both models and compare.

    ``module`` is the integer one, with ``records`` of its values. ``graph`` is the float model, whose nodes
    have the names of the recorded ones; ``images`` [N, C, H, W] are in the source's convention,
    ``graph_images`` the same as the graph takes them, [N, H, W, C].
    """
    comparison = _Comparison(module, store, records, graph)
    boundary = boundary_of(module)
    integer: list[NDArray[Any]] = []
    exact: list[NDArray[Any]] = []
    done = 0
    for part in _parts(graph, len(images)):
        exact.append(comparison.run_float(graph_images[part]))
        integer.append(comparison.run_integers(boundary.to_integers(images[part])))
        comparison.run_local(boundary.to_integers(images[part]))
        done = part.stop
        report("measure", done, len(images))
    outputs = np.concatenate(exact).reshape(len(images), *boundary.output_shape)
    return Measured(
        comparison.records, comparison.statistics, boundary.to_floats(np.concatenate(integer)), outputs
    )


def _parts(graph: Graph, count: int) -> Iterator[slice]:
    """Places of ``count`` images, as many at a time as memory is meant for."""
    bytes_ = 4 * sum(node.tokens * node.channels for node in graph.live())
    size = max(1, MOST_BYTES // bytes_)
    for start in range(0, count, size):
        yield slice(start, min(start + size, count))


@dataclass
class _Comparison:
    module: ModuleOp
    store: WeightStore
    given: Sequence[Record]
    graph: Graph
    records: list[Record] = field(init=False)
    statistics: dict[SSAValue, TensorStatistics] = field(init=False)
    _nodes: dict[str, Node] = field(init=False)
    _by_value: dict[SSAValue, Record] = field(init=False)
    _exact: dict[str, Tensor] = field(default_factory=dict[str, Tensor])

    def __post_init__(self) -> None:
        self._nodes = {node.name: node for node in self.graph.live()}
        self._by_value = {record.value: record for record in self.given if record.node.name in self._nodes}
        self._runner = Runner(self.module, self.store)
        self.records = [self._by_value[value] for value in self._runner.results if value in self._by_value]
        self.statistics = {record.value: TensorStatistics(codes_of(record)) for record in self.records}

    def run_float(self, images: NDArray[np.float32]) -> Tensor:
        """Keep every node's value, and return the model's output."""
        result = self.graph.result
        assert result is not None
        self._exact = {node.name: value for node, value in run_graph(self.graph, images)}
        return self._exact[result.node.name][:, result.start : result.start + result.count]

    def run_integers(self, images: NDArray[Any]) -> NDArray[Any]:
        """Count the run that is integer from the input on; returns its output."""

        def visit(value: SSAValue, codes: NDArray[Any]) -> None:
            record = self._by_value.get(value)
            if record is not None:
                self.statistics[value].add(self._exact_like(record, codes), codes, record.reals(codes))

        return self._runner.run(images, visit)

    def run_local(self, images: NDArray[Any]) -> None:
        """Count the run in which each recorded value is put right before it is read."""

        def visit(value: SSAValue, codes: NDArray[Any]) -> NDArray[Any] | None:
            record = self._by_value.get(value)
            if record is None:
                return None
            exact, statistics = self._exact_like(record, codes), self.statistics[value]
            statistics.add_local(exact, record.reals(codes))
            if record.part == PROBABILITIES:  # they are read with their row's sum, which would not fit
                return None
            return record.integers(exact, statistics.codes.least, statistics.codes.most).astype(codes.dtype)

        self._runner.run(images, visit)

    def _exact_like(self, record: Record, codes: NDArray[Any]) -> NDArray[np.float64]:
        """The float value of what is recorded, in the shape of its integers."""
        node = self._nodes[record.node.name]
        if record.part and isinstance(node, AttentionNode):
            return self._attention(node, record.part)
        return self._exact[node.name].astype(np.float64).reshape(codes.shape)

    def _attention(self, node: AttentionNode, part: str) -> NDArray[np.float64]:
        """Scores or probabilities [N, H, T, T] of ``node``."""
        query, key = (self._exact[each.name] for each in (node.query, node.key))
        q, k = (split_heads(each, node.heads) for each in (query, key))
        scores = np.matmul(q, k.swapaxes(-1, -2)) * np.float32(node.scale)
        return (softmax(scores) if part == PROBABILITIES else scores).astype(np.float64)


def element_of(record: Record) -> IntegerType:
    """The element type of the recorded value."""
    (kind,) = tensor_types(record.value)
    return kind.element_type


def codes_of(record: Record) -> Codes:
    """The codes of the recorded value, and the reals that they reach."""
    least, most = integer_range(element_of(record))
    if record.part == PROBABILITIES:  # 0 and 1 are among them: neither end is a limit
        return Codes(least - 1, most + 1)
    if record.step.size > 1 or record.zero_point.size > 1 or most - least >= 1 << FULL_RANGE:
        return Codes(least, most)
    ends = record.reals(np.array([least - 0.5, most + 0.5]))
    return Codes(least, most, float(ends[0]), float(ends[1]))
