"""From a raised torch function to ``graph``: one small handler an op, layouts by index tracing.

Every tensor is a ``View`` of a node or a constant array. Ops that only move data, and ops on constants, are
run by the float interpreter on positions and on values; all others have a handler in ``trace_ops``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeAlias, TypeVar, cast

import numpy as np
from numpy.typing import NDArray
from xdsl.dialects.builtin import ModuleOp
from xdsl.dialects.func import FuncOp, ReturnOp
from xdsl.interpreter import Interpreter
from xdsl.ir import Operation, SSAValue

from ivit_dialect.store import WeightStore
from ivit_dialect.torch.interpreter import TorchFunctions
from ivit_dialect.torch.kernels import KERNELS
from passes.graph.derived import float64
from passes.graph.layout import Rows, View, canonical, read_rows
from passes.graph.movement import MOVEMENT
from passes.graph.nodes import Graph, ImageNode, LinearNode, Node, TokenSlice
from passes.ranges import describe, read_range
from passes.torch_entry import image_sizes
from passes.wording import NO_INTEGER_FORM

TRACED_BATCH = 2
"""Images in a traced batch of unknown size: two, so that a layout that mixes images is seen."""

Value: TypeAlias = Any
"""A View, a constant NumPy array, a Python number, bool, string or None, or a list of these."""
NodeT = TypeVar("NodeT", bound=Node)
Handler: TypeAlias = Callable[["Tracer", Operation, tuple[Value, ...]], Value]


@dataclass
class Tracer:
    """State of one trace; handlers use its methods."""

    graph: Graph
    batch: int
    store: WeightStore
    interpreter: Interpreter
    handlers: dict[type[Operation], Handler]
    values: dict[SSAValue, Value] = field(default_factory=dict[SSAValue, Value])

    def run(self, function: FuncOp) -> None:
        """Trace every op; ValueError (one line: op, location, what to do) for one that is not supported."""
        uses = Counter(operand for op in function.body.block.ops for operand in op.operands)
        for op in function.body.block.ops:
            if isinstance(op, ReturnOp):
                self._finish(op)
                return
            try:
                results = self._trace(op)
            except ValueError as error:
                place, line = describe(op), str(error)
                raise ValueError(line if line.startswith(place) else f"{place}: {line}") from error
            for ssa, value in zip(op.results, results, strict=True):
                self.values[ssa] = value
            uses.subtract(op.operands)
            for ssa in op.operands:
                if uses[ssa] == 0:
                    self.values.pop(ssa, None)

    def _trace(self, op: Operation) -> tuple[Value, ...]:
        operands = tuple(self.values[operand] for operand in op.operands)
        views = [operand for operand in _leaves(operands) if isinstance(operand, View)]
        if not views:
            return self.interpreter.run_op(op, operands)
        if isinstance(op, MOVEMENT):
            return self._move(op, operands, views[0].node)
        handler = self.handlers.get(type(op))
        if handler is None:
            raise ValueError(NO_INTEGER_FORM)
        return (handler(self, op, operands),)

    def _move(self, op: Operation, operands: tuple[Value, ...], node: Node) -> tuple[Value, ...]:
        """Run a shape op on positions. (Its own type does not bound them, so no typed interpreter.)"""
        moved = KERNELS[type(op)](op, *(_positions(operand) for operand in operands))
        results = cast(tuple[Value, ...], moved) if isinstance(moved, tuple) else (moved,)
        return tuple(_as_view(node, result) for result in results)

    def _finish(self, op: ReturnOp) -> None:
        if len(op.arguments) != 1:
            raise ValueError(
                f"@main returns {len(op.arguments)} values; export a model that returns one tensor"
            )
        value = self.values[op.arguments[0]]
        if not isinstance(value, View):
            raise ValueError("@main returns a constant: nothing to compute")
        try:
            rows = self.plain_rows(value)
        except ValueError as error:
            raise ValueError(f"the result of @main: {error}") from error
        self.graph.result = rows.tokens
        self.graph.result_rank = value.index.ndim

    def add(self, node: NodeT) -> NodeT:
        """Append ``node`` to the graph."""
        self.graph.nodes.append(node)
        return node

    def view(self, node: Node, shape: tuple[int, ...] | None = None) -> View:
        """All of ``node`` as a torch tensor of ``shape``, by default [N, T, C], [N, C] if it is flat."""
        index = canonical(node, self.batch)
        if shape is not None:
            index = index.reshape(shape)
        elif node.flat:
            index = index.reshape(self.batch, node.channels)
        return View(node, index)

    def rows(self, view: View) -> Rows:
        """``view`` as a run of tokens; see ``read_rows``."""
        return read_rows(view)

    def plain_rows(self, view: View) -> Rows:
        """The same, with channels in the node's own order."""
        rows = read_rows(view)
        if rows.plain:
            return rows
        node = rows.tokens.node
        if isinstance(node, LinearNode) and rows.tokens.whole:
            chosen = self.select_channels(node, rows.channels)
            return Rows(TokenSlice(chosen, 0, chosen.tokens), np.arange(chosen.channels))
        raise ValueError("its channels are not in the order in which they were made")

    def select_channels(self, node: LinearNode, channels: NDArray[np.int64]) -> LinearNode:
        """The linear that computes only ``channels`` of ``node``, in that order."""
        if np.array_equal(channels, np.arange(node.channels)):
            return node
        return self.add(
            LinearNode(
                tokens=node.tokens,
                channels=len(channels),
                origin=node.origin,
                location=node.location,
                range=node.range,
                flat=node.flat,
                source=node.source,
                weight=node.weight[channels],
                bias=node.bias[channels],
            )
        )

    def unbatched(self, array: NDArray[Any]) -> NDArray[np.float64]:
        """A constant with a leading batch dimension, without it; ValueError where images differ."""
        if np.any(array != array[:1]):
            raise ValueError("a constant that differs between the images of a batch is not supported")
        return float64(array[0])


def _leaves(values: tuple[Value, ...]) -> list[Value]:
    found: list[Value] = []
    for value in values:
        if isinstance(value, list):
            found += _leaves(tuple(cast(list[Value], value)))
        else:
            found.append(value)
    return found


def _positions(value: Value) -> Value:
    if isinstance(value, list):
        return [_positions(item) for item in cast(list[Value], value)]
    return value.index if isinstance(value, View) else value


def _as_view(node: Node, result: Value) -> Value:
    if isinstance(result, list):
        return [_as_view(node, item) for item in cast(list[Value], result)]
    return View(node, cast(NDArray[np.int64], result)) if isinstance(result, np.ndarray) else result


def trace(
    module: ModuleOp, function: FuncOp, store: WeightStore, handlers: dict[type[Operation], Handler]
) -> Graph:
    """The graph of ``function``: image float32 [N, C, H, W] -> one tensor. ValueError where that fails."""
    static_batch, channels, height, width = image_sizes(function)
    batch = static_batch or TRACED_BATCH
    image = ImageNode(
        tokens=height * width,
        channels=channels,
        origin="the input of @main",
        location=function.location,
        range=read_range(function),
        height=height,
        width=width,
        centre=np.zeros(channels),
    )
    interpreter = Interpreter(module)
    interpreter.register_implementations(TorchFunctions(store))
    tracer = Tracer(Graph(image), batch, store, interpreter, handlers)
    pixels = canonical(image, batch).reshape(batch, height, width, channels)
    tracer.values[function.body.block.args[0]] = View(image, pixels.transpose(0, 3, 1, 2))
    tracer.run(function)
    for node in tracer.graph.nodes:
        _check_channels(node)
    return tracer.graph


def _check_channels(node: Node) -> None:
    """ValueError for ranges of more or fewer channels than ``node`` has."""
    if node.channel_range is not None and len(node.channel_range.low) != node.channels:
        count = len(node.channel_range.low)
        raise ValueError(
            f"{node.origin}: its range of each channel is that of {count} channels, it has {node.channels}:"
            " calibrate again"
        )
