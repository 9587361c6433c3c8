"""``prepare``: from a float module and calibration images to a ``QatModel``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

from torch import Tensor, nn

from ivit.pipeline import refuse_simulation
from ivit.qat.binding import bind
from ivit.qat.model import QatModel
from passes.quantization.options import options_of
from passes.quantization.recipes import resolve


def prepare(
    model: nn.Module,
    example: Tensor,
    calibration: object,
    *,
    mean: Sequence[float] | None = None,
    std: Sequence[float] | None = None,
    range_training: str | None = None,
    **options: Any,
) -> QatModel:
    """``model`` as the compiler's integers, with gradients.

    ``example`` is an input [N, C, H, W], of which the shape counts. ``calibration`` are images as
    ``ivit.compile`` takes them (an array, a tensor or the path of a file): they set the ranges that a
    checkpoint, loaded later, replaces. ``mean`` and ``std`` (per channel, of pixels in [0, 1]) make a model
    that takes pixels; floats are then rounded to pixels first, as the compiled model rounds them.

    ``range_training``: ranges of activations are ``frozen`` as calibrated, follow the data as an ``ema``, or
    are ``learned``, as are steps of weights that were fitted; by default ``learned`` where the recipe fits
    anything (below 8 bits), else ``frozen``. ``options`` are those of ``ivit.compile``: ``recipe``,
    ``weight_bits``, ``ranges``, ``softmax`` and so on.

    The model's own parameters are trained, in place; its ``train`` mode is not used (no dropout). Raises
    TypeError or ValueError, in one line, for a module that the compiler cannot take.
    """
    if not isinstance(cast("object", model), nn.Module):
        raise TypeError(f"prepare() takes a torch.nn.Module, got {type(model).__name__}")
    chosen = options_of("prepare", options)
    refuse_simulation(chosen)
    recipe = resolve(chosen)
    range_training = range_training or ("learned" if recipe.fits else "frozen")
    return QatModel(model, bind(model, example, calibration, recipe, mean, std), range_training)
