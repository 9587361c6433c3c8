"""Gradients past rounding: the value is the integers', the derivative that of a float function beside it.

The straight-through estimator (Bengio et al., arXiv 1308.3432), clipped; with learned steps the gradient of
LSQ (Esser et al., arXiv 1902.08153, Eq. 3), divided by the root of the number of values (Sec. 2.2 there).
"""

# pyright: strict, reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# (torch is only partly typed)

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import Function


class Straight(Function):
    """``exact`` with the gradient of ``surrogate``."""

    @staticmethod
    def forward(ctx: Any, surrogate: Tensor, exact: Tensor) -> Tensor:
        return exact.view_as(exact)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        return gradients[0], None


class Clipped(Function):
    """``exact`` with the gradient of ``surrogate``, 0 where that lies outside [low, high].

    ``gain`` (a scalar, or None) is the logarithm of a factor of the scale: where the surrogate is clipped its
    derivative is that of the bound, elsewhere that of the rounding error (LSQ).
    """

    @staticmethod
    def forward(
        ctx: Any, surrogate: Tensor, exact: Tensor, low: Tensor, high: Tensor, gain: Tensor | None
    ) -> Tensor:
        inside = (surrogate >= low) & (surrogate <= high)
        ctx.has_gain = gain is not None
        if gain is None:
            ctx.save_for_backward(inside)
        else:
            ctx.save_for_backward(inside, torch.where(inside, exact - surrogate, exact))
        return exact.view_as(exact)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        (gradient,) = gradients
        inside = ctx.saved_tensors[0]
        of_gain = None
        if ctx.has_gain:
            of_gain = (gradient * ctx.saved_tensors[1]).sum() / math.sqrt(gradient.numel())
        return gradient * inside, None, None, None, of_gain


class RoundedWeight(Function):
    """Weights [O, ...] as integers give them, ``exact``, with the gradient of the weights themselves.

    ``limits`` [O, I]: beyond, a weight is clipped and gets no gradient. ``gain`` [O] is as in ``Clipped``.
    """

    @staticmethod
    def forward(
        ctx: Any, weight: Tensor, exact: Tensor, limits: Tensor | None, gain: Tensor | None
    ) -> Tensor:
        inside = None if limits is None else weight.abs() <= limits
        slopes = None
        if gain is not None and inside is not None:
            slopes = torch.where(inside, exact - weight, exact)
        ctx.save_for_backward(inside, slopes)
        return exact.view_as(exact)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        (gradient,) = gradients
        inside, slopes = ctx.saved_tensors
        of_gain = None
        if slopes is not None:
            of_gain = (gradient * slopes).flatten(1).sum(1) / math.sqrt(gradient[0].numel())
        return gradient if inside is None else gradient * inside, None, None, of_gain


class Linear(Function):
    """``exact``, an accumulator's value, with the gradients of ``x @ weight.T + bias``."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor, exact: Tensor) -> Tensor:
        ctx.save_for_backward(x, weight)
        return exact.view_as(exact)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        (gradient,) = gradients
        x, weight = ctx.saved_tensors
        rows = gradient.flatten(0, -2)
        of_x = gradient @ weight if ctx.needs_input_grad[0] else None
        return of_x, rows.t() @ x.flatten(0, -2), rows.sum(0), None
