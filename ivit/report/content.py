"""What a report says, as plain values: one object that the page, the terminal and JSON show."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field
from typing import Any

CLIPPED_FORM = "GELU input"
"""The form of what a table GELU takes: clipped where GELU is all but zero, which its SQNR cannot know."""


@dataclass(frozen=True)
class HistogramRow:
    """Counts of float and of integer values in bins of one width over [low, high].

    The first and the last count are the values below ``low`` and above ``high``.
    """

    low: float
    high: float
    exact: list[int]
    integer: list[int]


@dataclass(frozen=True)
class TensorRow:
    """One tensor of the integer model against the same one of the float model.

    ``sqnr_db`` and ``cosine`` are of the run that is integer from the input on; the ``local`` ones are of the
    op alone, on exact inputs that were quantised. ``low`` and ``high`` are what the float values span,
    ``code_low`` and ``code_high`` what the codes can stand for (None where channels differ). ``step`` is the
    median of the channels' ``steps`` steps (None where codes are shares of a row, or stand for levels).
    ``saturated`` is the share of codes at either end of the type, ``clipped`` that of float values beyond.
    """

    name: str
    block: int | None
    op: str
    form: str
    type: str
    bits: int
    weight_bits: int | None
    step: float | None
    steps: int
    zero_point: int | None
    low: float
    high: float
    code_low: float | None
    code_high: float | None
    sqnr_db: float
    local_sqnr_db: float
    cosine: float
    local_cosine: float
    saturated: float
    clipped: float
    values: int
    histogram: HistogramRow


@dataclass(frozen=True)
class OutputFigures:
    """The model's outputs against the float model's; agreement of the largest output in percent."""

    sqnr_db: float
    cosine: float
    worst_cosine: float
    agreement: float | None


@dataclass(frozen=True)
class Sizes:
    """Bytes: of the float weights, of the integers, as packed for the target, of code, and of the arena."""

    float_weights: int
    integers: int
    packed: int
    code: int
    arena: int


@dataclass(frozen=True)
class CostRow:
    """One kind of op: multiply-accumulates an image, and microseconds an image on one thread."""

    group: str
    macs: int
    microseconds: float
    launches: int


@dataclass(frozen=True)
class LaunchRow:
    """One call of a kernel: median microseconds on one thread."""

    kernel: str
    name: str
    microseconds: float


@dataclass(frozen=True)
class Content:
    """Everything; ``recipe`` are all choices of quantization, ``asked`` those that the caller made, and
    ``changed`` those that differ from the default.
    """

    model: str
    data: str
    images: int
    target: str
    asked: dict[str, Any]
    recipe: dict[str, Any]
    changed: dict[str, Any]
    output: OutputFigures
    sizes: Sizes
    tensors: list[TensorRow] = field(default_factory=list[TensorRow])
    costs: list[CostRow] = field(default_factory=list[CostRow])
    launches: list[LaunchRow] = field(default_factory=list[LaunchRow])

    def lowest(self, count: int) -> list[TensorRow]:
        """The ``count`` tensors with the most error of their own, but for those clipped on purpose."""
        rows = [row for row in self.tensors if row.form != CLIPPED_FORM]
        return sorted(rows, key=lambda row: row.local_sqnr_db)[:count]

    @property
    def macs(self) -> int:
        """Of an image."""
        return sum(row.macs for row in self.costs)

    @property
    def microseconds(self) -> float:
        """Of an image, on one thread."""
        return sum(row.microseconds for row in self.launches)

    def to_json(self) -> dict[str, Any]:
        """Plain values; what is not finite (a SQNR without any error) is None."""
        return _finite(asdict(self))


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(part) for key, part in value.items()}  # pyright: ignore[reportUnknownVariableType]
    if isinstance(value, list):
        return [_finite(part) for part in value]  # pyright: ignore[reportUnknownVariableType]
    return None if isinstance(value, float) and not math.isfinite(value) else value
