"""``QatModel``: a torch module whose forward is the compiled model's, its backward the original's."""

# pyright: strict, reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# (torch is only partly typed)

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from xdsl.dialects.builtin import ModuleOp

from ivit.interface import boundary_of
from ivit.qat.binding import BoundGraph
from ivit.qat.choices import check_choices, choices_of, to_tensor
from ivit.qat.program import Program, Values
from ivit.qat.recorder import Emission, emit
from ivit.qat.replay import TORCH
from ivit.qat.state import Quantizer, state_of, write_numbers
from ivit.qat.surrogate import Surrogate, unseen
from ivit_dialect.load import save_module
from ivit_dialect.store import WeightStore
from passes.graph.derived import replay
from passes.quantization.recipes import Recipe
from runtime.boundary import Boundary


class QatModel(nn.Module):
    """A module ``model`` in the integers of the compiler, trainable; made by ``ivit.qat.prepare``.

    The forward takes what a compiled model takes (float32 [N, C, H, W], or uint8 pixels [N, H, W, C] where
    mean and std are known) and gives float32 logits or features with the very bits of the compiled model, in
    training and in evaluation. The backward goes straight through every rounding to ``model``'s own
    parameters, which stay where they are. What calibration found is in buffers of ``quantizer``, so that
    ``state_dict`` is all there is to save. Dropout and its like are not there: the graph is that of ``eval``.
    """

    def __init__(self, model: nn.Module, bound: BoundGraph, range_training: str) -> None:
        super().__init__()
        self.model = model
        self.quantizer = Quantizer(state_of(bound), range_training)
        self._bound = bound
        self._state: tuple[Any, ...] = ()
        self._emitted: tuple[Emission, Boundary] | None = None

    @property
    def recipe(self) -> Recipe:
        """Every choice of quantisation."""
        return self._bound.recipe

    @property
    def boundary(self) -> Boundary:
        """Shapes, types and scales of input and output: those of the compiled model."""
        return self._current()[1]

    def forward(self, images: object) -> Tensor:
        """See the class; ``images`` is a tensor, a NumPy array or anything else that DLPack carries.

        TypeError or ValueError, one line, for images that the model does not take.
        """
        emission, boundary = self._current()
        integers, values = self._run(images)
        exact = (integers.double() * boundary.output_scale).float()
        if not torch.is_grad_enabled():
            return exact
        with torch.autocast(integers.device.type, enabled=False):
            surrogate = Surrogate(
                self._bound.graph,
                emission,
                values,
                self._arrays(),
                self.quantizer.gain(),
                self.quantizer.observe if self.training else unseen,
            )
            return surrogate.result(exact)

    def integers(self, images: object) -> tuple[NDArray[Any], float]:
        """The integers of the result and their scale: what ``integers`` of the compiled model returns."""
        return self._run(images)[0].cpu().numpy(), self.boundary.output_scale

    def integer_module(self) -> tuple[ModuleOp, dict[str, NDArray[Any]]]:
        """The model in integers: what ``ivit.compile(module, weights=weights)`` takes."""
        emission, _ = self._current()
        return ModuleOp([emission.function.clone()]), dict(emission.store)

    def export(self, path: str | os.PathLike[str]) -> None:
        """Write the integers to ``path`` (.mlir), weights beside it: ``ivit compile`` takes that as it is.

        ValueError for another suffix.
        """
        if Path(path).suffix != ".mlir":
            raise ValueError(f"{path}: what is exported is MLIR text: name a file that ends in .mlir")
        module, weights = self.integer_module()
        save_module(module, WeightStore(weights), Path(path))

    def get_extra_state(self) -> Tensor:
        """The options, as part of ``state_dict``."""
        return to_tensor(choices_of(self._bound, self.quantizer.range_training))

    def set_extra_state(self, state: Tensor) -> None:
        """Part of ``load_state_dict``: ValueError, one line, where the options of ``state`` are others."""
        check_choices(state, choices_of(self._bound, self.quantizer.range_training))

    def _run(self, images: object) -> tuple[Tensor, Values]:
        emission, boundary = self._current()
        device = next(self.model.parameters()).device
        given = images.detach().cpu() if isinstance(images, Tensor) else images
        pixels = torch.tensor(boundary.to_integers(given), device=device)
        return Program(emission.function, emission.store).run(pixels)

    def _arrays(self) -> dict[str, Tensor]:
        """The graph's arrays as functions of the parameters, by ``node.field``."""
        parameters = dict(self.model.named_parameters())
        leaves = {key: parameters[name] for key, name in self._bound.parameters.items()}
        like = next(iter(parameters.values()))
        leaves |= {key: self.quantizer.buffer(key).to(like) for key in self._bound.constants}
        found: dict[str, Tensor] = {}
        for binding in self._bound.bindings:
            array = replay(binding.recipe, leaves, TORCH)
            names = [f"{binding.key}.added"] if binding.added is not None else []
            if binding.name == "weight":
                names.append(f"{binding.node.name}.pull")
            for name in filter(self.quantizer.has, names):
                array = array + self.quantizer.buffer(name).to(like)
            found[binding.key] = array
        return found | {key: self.quantizer.buffer(key).to(like) for key in self._bound.fixed}

    def _current(self) -> tuple[Emission, Boundary]:
        """The integers of the parameters as they are now."""
        state = self._fingerprint()
        if self._emitted is None or state != self._state:
            parameters = dict(self.model.named_parameters())
            leaves = {
                key: np.ascontiguousarray(parameters[name].detach().cpu().numpy())
                for key, name in self._bound.parameters.items()
            }
            write_numbers(self._bound, leaves, self.quantizer.numbers())
            emission = emit(self._bound.function, self._bound.graph, self._bound.recipe, self._bound.pixels)
            boundary = boundary_of(ModuleOp([emission.function.clone()]))
            self._emitted, self._state = (emission, boundary), state
        return self._emitted

    def _fingerprint(self) -> tuple[Any, ...]:
        """Differs where any parameter or buffer does: checksums, as ``.data`` is written past versions."""
        tensors = (*self.model.parameters(), *self.quantizer.parameters(), *self.quantizer.buffers())
        return tuple(torch.stack([_checksum(tensor).cpu() for tensor in tensors]).tolist())


def _checksum(tensor: Tensor) -> Tensor:
    """int64, of the bits; each counts by its place, so that values that change places are seen."""
    bits = tensor.detach().contiguous().view(torch.int32).flatten()
    return (bits * torch.arange(1, 2 * bits.numel(), 2, device=bits.device)).sum()
