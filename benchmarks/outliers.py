"""A model with outliers: the same function, with channels and offsets that are hard to quantise.

    python -m benchmarks.outliers model.mlir -o outliers.mlir --seed 0

Every change undoes itself in exact arithmetic, and in float32 but for the rounding of the offsets:

    LayerNorm          gamma_c, beta_c -> * 2^e, the next linears' column c -> / 2^e
                       beta_c -> + d, the next linears' bias -> - W[:, c] d
    q and k            q_c -> * 2^e, k_c -> / 2^e
                       k_c's bias -> + d: all scores of a row grow alike, which softmax ignores
    v and projection   v_c -> * 2^e, the projection's column c -> / 2^e
                       v_c's bias -> + d, the projection's bias -> - W[:, c] d: probabilities add up to 1

A few channels, drawn with a seed, get factors of many octaves and large offsets, like the massive activations
of trained models (arXiv 2402.17762). GELU is not homogeneous: between fc1 and fc2 nothing can be changed.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from xdsl.dialects.builtin import ModuleOp

from benchmarks.parameters import Parameters, own_literals
from ivit.baseline import FloatModel
from ivit_dialect.load import load_module, save_module
from ivit_dialect.store import StoreContext, WeightStore
from ivit_dialect.torch.entry import main_function
from passes.graph.nodes import AttentionNode, LinearNode, NormNode
from passes.graph.readers import readers_of
from passes.graph.trace import trace
from passes.graph.trace_ops import HANDLERS
from passes.raise_torch import RaiseTorchPass
from passes.torch_entry import image_sizes

TOLERANCE = 1e-5
"""Of the outputs' root mean square: what the two float models may differ by."""
IMAGES = 4


@dataclass(frozen=True)
class OutlierOptions:
    """``share`` of the channels get outliers: 2^``least`` to 2^``most``, and offsets of so many deviations.

    Offsets are on the same share of the channels of LayerNorms, keys and values, drawn apart.
    """

    seed: int = 0
    share: float = 0.06
    least: int = 3
    most: int = 6
    attention_octaves: int = 2
    norm_offset: float = 4.0
    key_offset: float = 12.0
    value_offset: float = 6.0

    def factors(self, rng: np.random.Generator, channels: int) -> NDArray[np.float64]:
        """Factors: 1 for most channels, else 2^``least`` to 2^``most``, fewer of the large."""
        exponents = np.zeros(channels, np.int64)
        chosen = self._chosen(rng, channels)
        tail = np.minimum(self.least + rng.exponential(1.0, len(chosen)).astype(np.int64), self.most)
        exponents[chosen] = tail
        exponents[chosen[0]] = self.most
        return power_of_two(exponents)

    def offsets(
        self, rng: np.random.Generator, sizes: NDArray[np.float64], times: float
    ) -> NDArray[np.float64]:
        """For channels of the deviations ``sizes``: 0 for most, else ``times`` these, up or down."""
        result = np.zeros(len(sizes))
        chosen = self._chosen(rng, len(sizes))
        result[chosen] = times * sizes[chosen] * rng.choice([-1.0, 1.0], len(chosen))
        return result

    def _chosen(self, rng: np.random.Generator, channels: int) -> NDArray[np.int64]:
        return rng.choice(channels, max(1, round(self.share * channels)), replace=False)


def power_of_two(exponents: NDArray[np.int64]) -> NDArray[np.float64]:
    """2^e: multiplying by it and its inverse changes no float, in the range of float32."""
    return np.ldexp(1.0, exponents)


def add_outliers(module: ModuleOp, ctx: StoreContext, options: OutlierOptions) -> None:
    """Change the weights of ``module`` (torch level), in place; it comes out raised.

    ValueError (one line) for a model that ``quantize`` would not take either.
    """
    RaiseTorchPass().apply(ctx, module)
    own_literals(main_function(module), ctx.store)
    parameters = Parameters(ctx.store)
    graph = trace(module, main_function(module), WeightStore(parameters.leaves()), HANDLERS)
    rng = np.random.default_rng(options.seed)
    for node, readers in readers_of(graph).items():
        linears = [reader for reader in readers if isinstance(reader, LinearNode)]
        if isinstance(node, NormNode) and len(linears) == len(readers):
            _norm(parameters, node, linears, options, rng)
        if isinstance(node, AttentionNode) and len(linears) == len(readers):
            _attention(parameters, node, linears, options, rng)
    parameters.write(ctx.store)


def _norm(
    parameters: Parameters,
    norm: NormNode,
    linears: list[LinearNode],
    options: OutlierOptions,
    rng: np.random.Generator,
) -> None:
    offsets = options.offsets(rng, np.abs(parameters.value(norm.gamma)), options.norm_offset)
    _shift(parameters, norm.beta, offsets, linears)
    factors = options.factors(rng, norm.channels)
    parameters.multiply(norm.gamma, factors)
    parameters.multiply(norm.beta, factors)
    _divide_columns(parameters, linears, factors)


def _attention(
    parameters: Parameters,
    node: AttentionNode,
    projections: list[LinearNode],
    options: OutlierOptions,
    rng: np.random.Generator,
) -> None:
    query, key, value = node.query, node.key, node.value
    parameters.add(key.bias, options.offsets(rng, _deviations(parameters, key), options.key_offset))
    exponents = rng.integers(-options.attention_octaves, options.attention_octaves + 1, node.channels)
    _multiply_rows(parameters, query, power_of_two(exponents))
    _multiply_rows(parameters, key, power_of_two(-exponents))
    if not all(parameters.known(projection.weight) for projection in projections):
        return  # LayerScale has been multiplied into it: no one parameter holds a column
    offsets = options.offsets(rng, _deviations(parameters, value), options.value_offset)
    _shift(parameters, value.bias, offsets, projections)
    factors = options.factors(rng, node.channels)
    _multiply_rows(parameters, value, factors)
    _divide_columns(parameters, projections, factors)


def _deviations(parameters: Parameters, linear: LinearNode) -> NDArray[np.float64]:
    """About the standard deviation of each output, if inputs are what a LayerNorm of the same gamma gives."""
    source = linear.source.node
    gamma = parameters.value(source.gamma) if isinstance(source, NormNode) else np.ones(source.channels)
    return np.linalg.norm(parameters.value(linear.weight) * gamma, axis=1)


def _shift(
    parameters: Parameters,
    array: NDArray[np.float64],
    offsets: NDArray[np.float64],
    linears: list[LinearNode],
) -> None:
    """``array`` + ``offsets``, taken back by the biases behind; nothing where one of these has no bias."""
    if parameters.known(array) and all(parameters.known(linear.bias) for linear in linears):
        parameters.add(array, offsets)
        for linear in linears:
            parameters.add(linear.bias, -parameters.value(linear.weight) @ offsets)


def _multiply_rows(parameters: Parameters, linear: LinearNode, factors: NDArray[np.float64]) -> None:
    parameters.multiply(linear.weight, factors[:, None])
    parameters.multiply(linear.bias, factors)


def _divide_columns(parameters: Parameters, linears: list[LinearNode], factors: NDArray[np.float64]) -> None:
    for linear in linears:
        parameters.multiply(linear.weight, 1 / factors)


def difference(before: FloatModel, after: FloatModel, images: NDArray[np.float32]) -> float:
    """Root mean square of the difference of the outputs over that of the outputs."""
    reference, changed = before(images), after(images)
    return float(np.sqrt(np.mean((changed - reference) ** 2) / np.mean(reference**2)))


def write_outliers(source: Path, target: Path, options: OutlierOptions) -> float:
    """``source`` with outliers as ``target``, its weights beside it; how much the outputs differ.

    ValueError where that is more than ``TOLERANCE``: then weights are shared in a way that is not known.
    """
    ctx = StoreContext()
    module = load_module(source, ctx)
    add_outliers(module, ctx, options)
    save_module(module, ctx.store, target)
    _, channels, height, width = image_sizes(main_function(module))
    shape = (IMAGES, channels, height, width)
    images = np.random.default_rng(options.seed).standard_normal(shape, np.float32)
    found = difference(FloatModel.open(source), FloatModel.open(target), images)
    if not found <= TOLERANCE:
        raise ValueError(f"{target}: its outputs differ from those of {source} by {found:.1e} of their size")
    return found


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("model", type=Path, help="a .mlir file at torch level")
    parser.add_argument("-o", "--output", type=Path, required=True, help="the .mlir file to write")
    parser.add_argument("--seed", type=int, default=OutlierOptions.seed)
    options = parser.parse_args()
    found = write_outliers(options.model, options.output, OutlierOptions(seed=options.seed))
    print(f"{options.output}: the same function to {found:.1e} of the size of its outputs")


if __name__ == "__main__":
    main()
