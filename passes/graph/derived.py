"""Arrays that remember how they were made from a model's parameters, so that training can follow.

A graph's arrays are the parameters, sliced, permuted and multiplied by one another (LayerScale, smoothing,
normalisation). ``Derived`` is a NumPy array that notes each such step; ``replay`` repeats the steps on other
values of the parameters, with NumPy's own functions (then the bits are those of a fresh trace) or with those
of another library.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias, cast

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Leaf:
    """The parameter ``key``."""

    key: str


@dataclass(frozen=True, eq=False)
class Step:
    """``function`` of ``arguments``: recipes, arrays, numbers and tuples of these."""

    function: str
    arguments: tuple[Any, ...]


Recipe: TypeAlias = "Leaf | Step"
Functions: TypeAlias = Mapping[str, Callable[..., Any]]


class Derived(np.ndarray):
    """An array with its ``recipe``; results of functions that ``NUMPY`` lacks are plain arrays."""

    recipe: Recipe | None

    def __array_finalize__(self, obj: Any) -> None:
        self.recipe = None

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
        plain = tuple(_plain(value) for value in inputs)
        targets = kwargs.pop("out", ())
        out = tuple(_plain(value) for value in targets)
        for target in targets:
            if isinstance(target, Derived):
                target.recipe = None
        result = getattr(ufunc, method)(*plain, **kwargs, **({"out": out} if out else {}))
        if method != "__call__" or out or kwargs or ufunc.__name__ not in NUMPY:
            return result
        return _derive(ufunc.__name__, inputs, result)

    def __array_function__(
        self, func: Callable[..., Any], types: Iterable[type], args: Iterable[Any], kwargs: Mapping[str, Any]
    ) -> Any:
        args = tuple(args)
        if func is np.concatenate and not kwargs:
            return _derive("concatenate", (tuple(args[0]), *args[1:]), func(_plain(args[0]), *args[1:]))
        if func is np.broadcast_to and not kwargs:
            return _derive("broadcast_to", args, func(_plain(args[0]), args[1]))
        return super().__array_function__(func, types, args, kwargs)

    def __getitem__(self, index: Any) -> Any:
        return _derive("index", (self, index), _plain(self)[index])

    def __setitem__(self, index: Any, value: Any) -> None:
        self.recipe = None
        super().__setitem__(index, _plain(value))

    def reshape(self, *shape: Any, **kwargs: Any) -> Any:
        result = _plain(self).reshape(*shape, **kwargs)
        return result if kwargs else _derive("reshape", (self, result.shape), result)

    def transpose(self, *axes: Any) -> Any:
        given = axes[0] if len(axes) == 1 and not isinstance(axes[0], int) else axes
        order = tuple(given) if given else tuple(range(self.ndim))[::-1]
        return _derive("transpose", (self, order), _plain(self).transpose(order))

    def astype(self, dtype: Any, *args: Any, **kwargs: Any) -> Any:
        result = _plain(self).astype(dtype, *args, **kwargs)
        return _derive("float64", (self,), result) if result.dtype == np.float64 else result


def _index(array: Any, index: Any) -> Any:
    return array[index]


def _reshape(array: Any, shape: Any) -> Any:
    return array.reshape(shape)


def _transpose(array: Any, order: Any) -> Any:
    return array.transpose(order)


def _to_float64(array: Any) -> Any:
    return array.astype(np.float64)


_UFUNCS: tuple[np.ufunc, ...] = (np.add, np.subtract, np.multiply, np.divide, np.negative, np.matmul)
NUMPY: Functions = {
    **{ufunc.__name__: ufunc for ufunc in _UFUNCS},
    "index": _index,
    "reshape": _reshape,
    "transpose": _transpose,
    "broadcast_to": np.broadcast_to,
    "concatenate": np.concatenate,
    "float64": _to_float64,
}
"""The steps that are noted, as NumPy takes them."""


def leaf(key: str, array: NDArray[Any]) -> Derived:
    """``array`` as the parameter ``key``."""
    return _with_recipe(array, Leaf(key))


def float64(array: Any) -> NDArray[np.float64]:
    """``array`` in float64, with its recipe where it has one."""
    if isinstance(array, Derived):
        return cast("NDArray[np.float64]", array if array.dtype == np.float64 else array.astype(np.float64))
    return np.asarray(array, np.float64)


def recipe_of(array: Any) -> Recipe | None:
    """How ``array`` follows from parameters; None where it does not, or that is not known."""
    return array.recipe if isinstance(array, Derived) else None


def replay(recipe: Recipe, leaves: Mapping[str, Any], functions: Functions = NUMPY) -> Any:
    """``recipe`` with the parameters ``leaves``. KeyError for one that they lack."""
    if isinstance(recipe, Leaf):
        return leaves[recipe.key]
    return functions[recipe.function](*(_replayed(part, leaves, functions) for part in recipe.arguments))


def leaves_of(recipe: Recipe) -> set[str]:
    """The parameters that ``recipe`` takes."""
    if isinstance(recipe, Leaf):
        return {recipe.key}
    parts = [item for part in recipe.arguments for item in (_items(part) or (part,))]
    return {key for part in parts if isinstance(part, Leaf | Step) for key in leaves_of(part)}


def _items(part: Any) -> tuple[Any, ...]:
    """The items of a tuple, none of anything else."""
    return cast("tuple[Any, ...]", part) if isinstance(part, tuple) else ()


def _replayed(part: Any, leaves: Mapping[str, Any], functions: Functions) -> Any:
    if isinstance(part, Leaf | Step):
        return replay(part, leaves, functions)
    items = _items(part)
    if any(isinstance(item, Leaf | Step) for item in items):
        return tuple(_replayed(item, leaves, functions) for item in items)
    return part


def _derive(function: str, arguments: tuple[Any, ...], result: Any) -> Any:
    """``result`` with its recipe; a plain array where one of ``arguments`` has lost its own."""
    lost = not hasattr(result, "dtype") or any(map(_lost, arguments))
    return result if lost else _with_recipe(result, Step(function, tuple(map(_noted, arguments))))


def _lost(part: Any) -> bool:
    return (isinstance(part, Derived) and part.recipe is None) or any(map(_lost, _items(part)))


def _noted(part: Any) -> Any:
    if isinstance(part, Derived):
        return part.recipe
    items = _items(part)
    return tuple(map(_noted, items)) if items else part


def _plain(value: Any) -> Any:
    if isinstance(value, Derived):
        return value.view(np.ndarray)
    if isinstance(value, list):
        return [_plain(item) for item in cast("list[Any]", value)]
    items = _items(value)
    return tuple(map(_plain, items)) if items else value


def _with_recipe(array: NDArray[Any], recipe: Recipe) -> Derived:
    result = array.view(Derived)
    result.recipe = recipe
    return result
