"""A tiny Vision Transformer whose weights a test may spoil, and what its integers do with images.

One block of 16 channels, two heads, five tokens; 12 x 12 pixels, float32 [1, 3, 12, 12] -> [1, 5].
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from test_compile import call
from xdsl.dialects.builtin import DictionaryAttr, FloatAttr, ModuleOp
from xdsl.passes import PassPipeline

from ivit_dialect.interpreter import run
from ivit_dialect.load import parse_module
from ivit_dialect.store import StoreContext
from ivit_dialect.torch.entry import main_function
from ivit_dialect.torch.interpreter import run as run_float
from lowering.compile import compile_program
from lowering.targets import host_target
from passes.calibration.generated import generated_images
from passes.calibration.images import normalise
from passes.lower_to_int import LowerToIntOptions, lower_to_int
from passes.pipelines import FUSE
from passes.registry import get_passes
from passes.torch_entry import normalisation_of
from tests.e2e.tiny_files import TEXT, random_weights

Weights: TypeAlias = dict[str, NDArray[np.float32]]
Change: TypeAlias = Callable[[Weights], None]
IMAGES = generated_images(12, 12, 12, 3)
"""uint8 [12, 12, 12, 3]: eight to calibrate on, four to look at."""
CALIBRATION, HELD_OUT = IMAGES[:8], IMAGES[8:]
OPTIONS: dict[str, dict[str, Any]] = {
    "paper": {"recipe": "paper"},
    "default": {},
    "best": {"recipe": "best"},
    "paper W4A8": {"recipe": "paper", "weight_bits": 4},
    "W4A8": {"weight_bits": 4},
    "best W4A8": {"recipe": "best", "weight_bits": 4},
    "paper W4A4": {"recipe": "paper", "weight_bits": 4, "activation_bits": 4},
    "W4A4": {"weight_bits": 4, "activation_bits": 4},
    "best W4A4": {"recipe": "best", "weight_bits": 4, "activation_bits": 4},
    "percentile": {"ranges": "percentile"},
    "mse": {"ranges": "mse"},
    "output": {"ranges": "output"},
    "gptq": {"rounding": "gptq"},
    "adaround": {"rounding": "adaround", "bias_correction": True},
    "refit": {"refit": True, "bias_correction": True, "weight_bits": 4},
    "smoothed": {"smoothing": 1.0, "gelu_channels": True},
    "per head": {"qkv_scales": "per_head"},
    "uniform": {"probabilities": "uniform"},
    "log2": {"probabilities": "log2"},
    "sulq": {"probabilities": "sulq"},
    "ivit": {"softmax": "ivit", "gelu": "ivit", "layernorm": "ivit"},
    "ibert": {"softmax": "ibert", "gelu": "ibert", "layernorm": "ibert"},
    "fqvit": {"softmax": "fqvit", "layernorm": "fqvit"},
    "l1": {"layernorm": "l1"},
}
"""Every recipe at three widths, every method that looks at images, every family."""


@dataclass
class Hostile:
    """A model at torch level, then in integers."""

    module: ModuleOp
    ctx: StoreContext

    def floats(self, pixels: NDArray[np.uint8]) -> NDArray[np.float64]:
        """FP32 results of the torch level, [N, classes]."""
        x = normalise(pixels, self.normalisation)
        parts = [run_float(self.module, self.ctx.store, x[i : i + 1])[0] for i in range(len(x))]
        return np.concatenate(parts).astype(np.float64)

    @property
    def normalisation(self) -> Any:
        return normalisation_of(self.module, None, None)

    def lower(self, name: str, images: NDArray[Any] = CALIBRATION) -> None:
        """To integers, with the options called ``name``."""
        lower_to_int(self.module, self.ctx, LowerToIntOptions(**OPTIONS[name]), images)

    def integers(self, images: NDArray[Any]) -> NDArray[Any]:
        """Of the interpreter, image by image: [N, classes]."""
        parts = [run(self.module, self.ctx.store, images[i : i + 1]) for i in range(len(images))]
        return np.concatenate(parts)

    def fuse(self) -> None:
        """The pipeline ``fuse``, which proves that nothing overflows."""
        PassPipeline.parse_spec(get_passes(), FUSE.spec()).apply(self.ctx, self.module)

    def native(self, images: NDArray[Any]) -> NDArray[Any]:
        """Of the compiled code; the module must be fused."""
        program = compile_program(self.module, self.ctx, host_target())
        return np.concatenate([call(program, images[i : i + 1].copy(), 2) for i in range(len(images))])

    @property
    def step(self) -> float:
        """Of the results."""
        attribute = main_function(self.module).attributes["ivit.output"]
        assert isinstance(attribute, DictionaryAttr)
        scale = attribute.data["scale"]
        assert isinstance(scale, FloatAttr)
        return scale.value.data


def hostile(*changes: Change, text: str | None = None) -> Hostile:
    """The tiny model after ``changes`` to its random weights."""
    ctx, weights = StoreContext(), random_weights()
    for change in changes:
        change(weights)
    ctx.store.update(weights)
    return Hostile(parse_module(text or TEXT.read_text(encoding="utf-8"), "tiny.mlir", ctx), ctx)


def fill(key: str, value: float, rows: slice = slice(None), columns: slice | None = None) -> Change:
    """``value`` in some rows, or in some of the last dimension, of the weight called ``key``."""

    def change(weights: Weights) -> None:
        weights[key][rows if columns is None else (..., columns)] = value

    return change


def scale(key: str, factor: float, rows: slice = slice(None)) -> Change:
    """Some rows of the weight called ``key`` times ``factor``."""

    def change(weights: Weights) -> None:
        weights[key][rows] *= np.float32(factor)

    return change
