"""The compiler's graph of a torch module, and how the graph's arrays follow from the module's parameters."""

# pyright: strict, reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# (torch is only partly typed)

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves
from xdsl.dialects.builtin import ModuleOp
from xdsl.dialects.func import FuncOp

from ivit.calibration import read_calibration
from ivit.source import Source
from ivit_dialect.store import StoreContext, WeightStore
from ivit_dialect.torch.entry import main_function
from ivit_dialect.torch.interpreter import run
from passes.calibrate import calibrate
from passes.calibration.inputs import calibration_inputs
from passes.fitting.sweep import fit
from passes.generalize_batch import GeneralizeBatchPass
from passes.graph.derived import Leaf, Recipe, Step, leaf, recipe_of
from passes.graph.nodes import Graph, LinearNode, Node
from passes.import_model import import_module
from passes.quantization import recipes
from passes.quantize import equalize, float_graph, graph_images
from passes.raise_torch import RaiseTorchPass
from passes.torch_entry import Normalisation, normalisation_of

ARRAYS = ("weight", "bias", "gamma", "beta", "constant", "prefix")
"""Fields of nodes that hold what a model has learned."""
CONSTANT = "constant of step "
"""Stem of the names of constants in recipes (smoothing factors and such), beside those of parameters."""
MOST_DIFFERENCE = 1e-2
"""Between the module and its graph, both in float32, relative to the largest output."""


@dataclass(frozen=True)
class Binding:
    """``node``'s array ``name``: ``recipe`` of the parameters, plus what fitting added (or None)."""

    node: Node
    name: str
    recipe: Recipe
    added: NDArray[np.float64] | None

    @property
    def key(self) -> str:
        return f"{self.node.name}.{self.name}"


@dataclass
class BoundGraph:
    """A calibrated graph with everything that ``QatModel`` trains, keeps or emits."""

    function: FuncOp
    graph: Graph
    recipe: recipes.Recipe
    pixels: Normalisation | None
    bindings: list[Binding]
    parameters: dict[str, str]
    """Key of each literal -> name of the module's parameter."""
    constants: dict[str, NDArray[np.float64]] = field(default_factory=dict[str, NDArray[np.float64]])
    """Numbers in recipes: smoothing factors and such."""
    fixed: dict[str, NDArray[np.float64]] = field(default_factory=dict[str, NDArray[np.float64]])
    """Arrays of nodes that follow from no parameter (the bias of a linear that has none)."""

    def __deepcopy__(self, memo: dict[int, Any]) -> BoundGraph:
        """Itself: what copies of a model differ in is written to the graph before it is read."""
        return self


def bind(
    model: nn.Module,
    example: Tensor,
    calibration: object,
    recipe: recipes.Recipe,
    mean: Sequence[float] | None,
    std: Sequence[float] | None,
) -> BoundGraph:
    """``model`` imported, calibrated on images, equalised and fitted as ``recipe`` says.

    Raises ValueError, TypeError or FileNotFoundError, one line, for what the compiler cannot take.
    """
    ctx = StoreContext()
    module, keys = _import(model, example, ctx, mean, std)
    named = dict(model.named_parameters())
    for key, name in keys.items():
        ctx.store[key] = named[name].detach().cpu().numpy()
    pixels = normalisation_of(module, None, None)
    images = read_calibration(calibration, Source(module, ctx, type(model).__name__))
    if images is None:
        raise ValueError("calibration: give images that set the ranges, an array or the path of a file")
    calibrate(module, ctx.store, images)
    inputs = calibration_inputs(module, images, pixels, "qat", "ranges")
    _check_function(model, module, ctx.store, inputs[:1])
    derived = WeightStore({key: leaf(key, array) for key, array in ctx.store.items()})
    graph = float_graph(module, derived, pixels)
    equalize(graph, recipe, ctx)
    found = _recipes(graph)
    values = {key: np.asarray(array) for key, array in _arrays(graph)}
    if recipe.fits:
        fit(graph, recipe, graph_images(inputs, pixels))
    constants: dict[str, NDArray[np.float64]] = {}
    bindings = [
        Binding(node, name, _without_constants(made, constants), _added(node, name, values, recipe))
        for node, name, made in found
    ]
    bound = {binding.key for binding in bindings}
    fixed = {key: array for key, array in _arrays(graph) if key not in bound}
    return BoundGraph(main_function(module), graph, recipe, pixels, bindings, keys, constants, fixed)


def _import(
    model: nn.Module,
    example: Tensor,
    ctx: StoreContext,
    mean: Sequence[float] | None,
    std: Sequence[float] | None,
) -> tuple[ModuleOp, dict[str, str]]:
    """The raised module, and the parameter behind each of its literals.

    The import sees random parameters: a parameter of zeros or ones (a fresh position embedding, LayerScale)
    would be folded away, which it may not be where it is to be trained.
    """
    twin = copy.deepcopy(model).cpu()
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in twin.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator))
    module = import_module(twin, example.cpu(), ctx, mean, std)
    for step in (RaiseTorchPass(), GeneralizeBatchPass()):
        step.apply(ctx, module)
    names = {_bytes(parameter): name for name, parameter in twin.named_parameters()}
    return module, {key: names[_bytes(a)] for key, a in ctx.store.items() if _bytes(a) in names}


def _bytes(array: Any) -> tuple[tuple[int, ...], bytes]:
    plain = array.detach().cpu().numpy() if isinstance(array, Tensor) else array
    return plain.shape, plain.tobytes()


def _arrays(graph: Graph) -> Iterator[tuple[str, NDArray[np.float64]]]:
    for node in graph.live():
        for name in ARRAYS:
            array = getattr(node, name, None)
            if array is not None:
                yield f"{node.name}.{name}", array


def _recipes(graph: Graph) -> list[tuple[Node, str, Recipe]]:
    """How each array follows from parameters; from here on the arrays are plain ones."""
    found: list[tuple[Node, str, Recipe]] = []
    for node in graph.live():
        for name in ARRAYS:
            array = getattr(node, name, None)
            if array is None:
                continue
            recipe = recipe_of(array)
            if recipe is not None:
                found.append((node, name, recipe))
            setattr(node, name, np.array(array))
    return found


def _without_constants(recipe: Recipe, constants: dict[str, NDArray[np.float64]]) -> Recipe:
    """``recipe`` with its arrays of numbers named and moved to ``constants``; indices stay."""

    def named(part: Any) -> Any:
        if isinstance(part, np.ndarray) and part.dtype.kind == "f":
            array = cast("NDArray[np.float64]", part)
            for key, known in constants.items():
                if known is array:
                    return Leaf(key)
            key = f"{CONSTANT}{len(constants)}"
            constants[key] = array
            return Leaf(key)
        if isinstance(part, Step):
            return Step(part.function, tuple(map(named, part.arguments)))
        if isinstance(part, tuple):
            return tuple(map(named, cast("tuple[Any, ...]", part)))
        return part

    return named(recipe)


def _added(
    node: Node, name: str, values: Mapping[str, NDArray[np.float64]], recipe: recipes.Recipe
) -> NDArray[np.float64] | None:
    """What fitting changed ``node``'s array by, None for nothing.

    A bias that may be corrected has its zeros: with other images it would have been corrected.
    """
    before, after = values[f"{node.name}.{name}"], getattr(node, name)
    may_change = isinstance(node, LinearNode) and name == "bias" and recipe.bias_correction
    return after - before if may_change or not np.array_equal(before, after) else None


def _check_function(
    model: nn.Module, module: ModuleOp, store: WeightStore, inputs: NDArray[np.float32]
) -> None:
    """ValueError where the graph is not ``model``: a parameter enters it in a way that is not followed."""
    parameter = next(model.parameters())
    training = [child for child in model.modules() if child.training]
    model.eval()
    with torch.no_grad():
        outputs = model(torch.from_numpy(inputs).to(parameter.device))
    for child in training:
        child.training = True
    want = next(leaf for leaf in tree_leaves(outputs) if isinstance(leaf, Tensor)).cpu().numpy()
    got = run(module, store, inputs)
    if not np.allclose(got, want, rtol=MOST_DIFFERENCE, atol=MOST_DIFFERENCE * float(np.abs(want).max())):
        single = [name for name, each in model.named_parameters() if each.numel() == 1]
        what = f"the parameter {single[0]}" if single else "a parameter"
        raise ValueError(
            f"{type(model).__name__}: {what} enters the model in a way that training cannot follow:"
            " make it a buffer, or fold it into a layer"
        )
