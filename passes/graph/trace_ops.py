"""What each torch op means in nodes; ``HANDLERS`` is the whole list of what ``quantize`` understands."""

from __future__ import annotations

import math
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray
from xdsl.ir import Operation

from ivit_dialect.torch.ops_nn import (
    AtenConv2dOp,
    AtenConvolutionOp,
    AtenGeluOp,
    AtenLayerNormOp,
    AtenLinearOp,
    AtenScaledDotProductAttentionOp,
)
from ivit_dialect.torch.ops_pointwise import (
    AtenAddTensorOp,
    AtenDivScalarOp,
    AtenDivTensorOp,
    AtenMulScalarOp,
    AtenMulTensorOp,
    AtenSubTensorOp,
)
from ivit_dialect.torch.ops_reduce import AtenMeanDimOp
from ivit_dialect.torch.ops_scalar import PrimListConstructOp
from ivit_dialect.torch.ops_shape import AtenCatOp
from passes.graph.derived import float64
from passes.graph.fold_layer_scale import scale
from passes.graph.layout import View, canonical, heads_index, read_heads
from passes.graph.nodes import (
    AttentionNode,
    ConvNode,
    GeluNode,
    ImageNode,
    JoinNode,
    LinearNode,
    MeanNode,
    NormNode,
    SumNode,
    Term,
    TokenSlice,
)
from passes.graph.trace import Handler, Tracer, Value
from passes.graph.trace_sums import add, concatenate
from passes.ranges import (
    KEY_RANGE,
    QUERY_RANGE,
    SCORE_RANGE,
    VALUE_RANGE,
    describe,
    read_channel_range,
    read_range,
)
from passes.wording import ATTENTION_DROPOUT, CAUSAL


def _vector(value: Value, size: int, default: float) -> NDArray[np.float64]:
    """A parameter [size], or ``default`` throughout for None."""
    return np.full(size, default) if value is None else float64(value)


def _convolution(tracer: Tracer, op: Operation, operands: tuple[Value, ...]) -> View:
    """(input, weight [O, C, KH, KW], bias, stride, padding, dilation, …); only a patch embedding is taken."""
    image, weight, bias, stride, padding, dilation, *rest = operands
    groups, transposed = rest[-1], isinstance(op, AtenConvolutionOp) and rest[0]
    outs, ins, *kernel = np.shape(weight)
    node = image.node
    if not isinstance(node, ImageNode) or image.index.shape[1:] != (node.channels, node.height, node.width):
        raise ValueError("a convolution is taken only on the image itself, as patch embedding")
    patches = list(stride) == kernel and not any(padding) and set(dilation) <= {1}
    if not patches or groups != 1 or transposed or ins != node.channels:
        raise ValueError("only a patch embedding is taken: stride = kernel, no padding, dilation or groups")
    rows, columns = node.height // kernel[0], node.width // kernel[1]
    if (rows * kernel[0], columns * kernel[1]) != (node.height, node.width):
        raise ValueError(f"the image {node.height}x{node.width} is not a whole number of {kernel} patches")
    conv = tracer.add(
        ConvNode(
            tokens=rows * columns,
            channels=outs,
            origin=describe(op),
            location=op.location,
            range=read_range(op),
            image=node,
            weight=float64(weight).transpose(0, 2, 3, 1),
            bias=_vector(bias, outs, 0.0),
        )
    )
    index = canonical(conv, tracer.batch).reshape(tracer.batch, rows, columns, outs)
    return View(conv, index.transpose(0, 3, 1, 2))


def _layer_norm(tracer: Tracer, op: Operation, operands: tuple[Value, ...]) -> View:
    x, normalized_shape, gamma, beta, eps = operands[:5]
    channels = x.index.shape[-1]
    if list(normalized_shape) != [channels]:
        raise ValueError(f"only the last dimension can be normalised, got {list(normalized_shape)}")
    tokens = tracer.plain_rows(x).tokens
    norm = NormNode(
        tokens=tokens.count,
        channels=channels,
        origin=describe(op),
        location=op.location,
        range=read_range(op),
        channel_range=read_channel_range(op, tracer.store),
        flat=tokens.node.flat,
        source=tokens,
        gamma=_vector(gamma, channels, 1.0),
        beta=_vector(beta, channels, 0.0),
        eps=float(eps),
    )
    return tracer.view(tracer.add(norm), x.index.shape)


def _linear(tracer: Tracer, op: Operation, operands: tuple[Value, ...]) -> View:
    x, weight, bias = operands
    if not isinstance(x, View) or isinstance(weight, View) or isinstance(bias, View):
        raise ValueError("linear takes an activation, and a weight and bias that are constants")
    rows = tracer.rows(x)
    outs = len(weight)
    ordered = _in_channel_order(float64(weight), rows.channels, rows.tokens.node.channels)
    flat = x.index.ndim == 2 and rows.tokens.count == 1
    node = _linear_node(tracer, op, rows.tokens, ordered, _vector(bias, outs, 0.0), flat)
    return tracer.view(node, (*x.index.shape[:-1], outs))


def _in_channel_order(
    weight: NDArray[np.float64], channels: NDArray[np.int64], count: int
) -> NDArray[np.float64]:
    """Columns of ``weight``, of which column ``j`` is for ``channels[j]``, one for each of ``count``."""
    own = np.arange(count)
    if np.array_equal(channels, own):
        return weight
    if np.array_equal(np.sort(channels), own):
        return weight[:, np.argsort(channels)]
    ordered = np.zeros((len(weight), count))
    for column, channel in enumerate(channels):
        ordered[:, channel] += weight[:, column]
    return ordered


def _linear_node(
    tracer: Tracer,
    op: Operation,
    source: TokenSlice,
    weight: NDArray[np.float64],
    bias: NDArray[np.float64],
    flat: bool,
) -> LinearNode | SumNode:
    """One linear; on joined channels the sum of one for each part, so that parts keep their own scales."""
    if not isinstance(source.node, JoinNode):
        return tracer.add(
            LinearNode(
                tokens=source.count,
                channels=len(weight),
                origin=describe(op),
                location=op.location,
                range=read_range(op),
                flat=flat,
                source=source,
                weight=weight,
                bias=bias,
            )
        )
    terms: list[Term] = []
    start = 0
    for part in source.node.parts:
        columns = weight[:, start : start + part.node.channels]
        terms.append(Term(_linear_node(tracer, op, part, columns, bias, flat)))
        start, bias = start + part.node.channels, np.zeros_like(bias)
    return tracer.add(
        SumNode(
            tokens=1,
            channels=len(weight),
            origin=describe(op),
            location=op.location,
            range=read_range(op),
            flat=flat,
            terms=tuple(terms),
        )
    )


def _gelu(tracer: Tracer, op: Operation, operands: tuple[Value, ...]) -> View:
    x, approximate = operands
    tokens = tracer.plain_rows(x).tokens
    source = tokens.node
    if not isinstance(source, LinearNode) or not tokens.whole:
        raise ValueError("gelu is taken only on the result of a linear")
    node = GeluNode(
        tokens=source.tokens,
        channels=source.channels,
        origin=describe(op),
        location=op.location,
        range=read_range(op),
        channel_range=read_channel_range(op, tracer.store),
        flat=source.flat,
        source=source,
        approximate=approximate,
    )
    return tracer.view(tracer.add(node), x.index.shape)


def _heads(tracer: Tracer, x: Value, what: str) -> tuple[LinearNode, int]:
    """The linear that computes ``x`` [N, H, T, D] in the order [T, H * D], and H."""
    if not isinstance(x, View):
        raise ValueError(f"the {what} is a constant")
    try:
        node, channels = read_heads(x)
    except ValueError as error:
        raise ValueError(f"the {what}: {error}") from error
    if not isinstance(node, LinearNode):
        raise ValueError(f"the {what} must be the result of a linear, not of {node.origin}")
    return tracer.select_channels(node, channels.reshape(-1)), len(channels)


def _attention(tracer: Tracer, op: Operation, operands: tuple[Value, ...]) -> View:
    query, key, value, mask, dropout, is_causal, factor = operands[:7]
    if is_causal:
        raise ValueError(CAUSAL)
    if dropout:
        raise ValueError(ATTENTION_DROPOUT)
    if mask is not None and not _is_all_visible(mask):
        raise ValueError("an attention mask that hides something is not supported")
    (q, heads), (k, _), (v, _) = (
        _heads(tracer, x, what) for x, what in ((query, "query"), (key, "key"), (value, "value"))
    )
    if not q.tokens == k.tokens == v.tokens or not q.channels == k.channels == v.channels:
        raise ValueError("query, key and value must have the same shape")
    for part, name in ((q, QUERY_RANGE), (k, KEY_RANGE), (v, VALUE_RANGE)):
        part.range = read_range(op, name)
        part.channel_range = read_channel_range(op, tracer.store, name)
    node = AttentionNode(
        tokens=q.tokens,
        channels=q.channels,
        origin=describe(op),
        location=op.location,
        range=read_range(op),
        channel_range=read_channel_range(op, tracer.store),
        query=q,
        key=k,
        value=v,
        heads=heads,
        scale=_attention_scale(factor, q.channels // heads),
        scores=read_range(op, SCORE_RANGE),
    )
    return View(tracer.add(node), heads_index(node, heads, tracer.batch))


def _attention_scale(factor: float | None, depth: int) -> float:
    """``factor``, or exactly 1/√depth where it is that but for rounding (exports spell it in many ways)."""
    default = 1.0 / math.sqrt(depth)
    return default if factor is None or math.isclose(factor, default, rel_tol=1e-6) else float(factor)


def _is_all_visible(mask: Value) -> bool:
    if not isinstance(mask, np.ndarray):
        return False
    array = cast(NDArray[Any], mask)
    return bool(array.all()) if array.dtype == np.bool_ else not array.any()


def _mean(tracer: Tracer, op: Operation, operands: tuple[Value, ...]) -> View:
    x, dims, keepdim, _ = operands
    if x.index.ndim != 3 or [dim % 3 for dim in dims or ()] != [1]:
        raise ValueError("mean is taken only over the tokens of [N, T, C]")
    tokens = tracer.plain_rows(x).tokens
    node = MeanNode(
        tokens=1,
        channels=tokens.node.channels,
        origin=describe(op),
        location=op.location,
        range=read_range(op),
        channel_range=read_channel_range(op, tracer.store),
        source=tokens,
    )
    shape = (tracer.batch, 1, node.channels) if keepdim else (tracer.batch, node.channels)
    return tracer.view(tracer.add(node), shape)


def _add(tracer: Tracer, op: Operation, operands: tuple[Value, ...]) -> View:
    lhs, rhs, alpha = operands
    return add(tracer, op, lhs, rhs, float(alpha))


def _sub(tracer: Tracer, op: Operation, operands: tuple[Value, ...]) -> View:
    lhs, rhs, alpha = operands
    return add(tracer, op, lhs, rhs, -float(alpha))


def _mul(tracer: Tracer, op: Operation, operands: tuple[Value, ...]) -> View:
    lhs, rhs = operands
    if isinstance(lhs, View) and isinstance(rhs, View):
        raise ValueError("the product of two activations is not supported")
    return scale(tracer, op, lhs, rhs) if isinstance(lhs, View) else scale(tracer, op, rhs, lhs)


def _div(tracer: Tracer, op: Operation, operands: tuple[Value, ...]) -> View:
    lhs, rhs = operands
    if not isinstance(lhs, View) or isinstance(rhs, View):
        raise ValueError("only the quotient of an activation by a constant is supported")
    if np.any(np.asarray(rhs) == 0):
        raise ValueError("division by zero")
    return scale(tracer, op, lhs, 1.0 / float64(rhs))


def _cat(tracer: Tracer, op: Operation, operands: tuple[Value, ...]) -> View:
    parts, dim = operands
    return concatenate(tracer, op, parts, dim)


def _list(tracer: Tracer, op: Operation, operands: tuple[Value, ...]) -> list[Value]:
    return list(operands)


HANDLERS: dict[type[Operation], Handler] = {
    AtenAddTensorOp: _add,
    AtenCatOp: _cat,
    AtenConv2dOp: _convolution,
    AtenConvolutionOp: _convolution,
    AtenDivScalarOp: _div,
    AtenDivTensorOp: _div,
    AtenGeluOp: _gelu,
    AtenLayerNormOp: _layer_norm,
    AtenLinearOp: _linear,
    AtenMeanDimOp: _mean,
    AtenMulScalarOp: _mul,
    AtenMulTensorOp: _mul,
    AtenScaledDotProductAttentionOp: _attention,
    AtenSubTensorOp: _sub,
    PrimListConstructOp: _list,
}
