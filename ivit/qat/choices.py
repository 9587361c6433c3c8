"""What a state was prepared with, in the state itself, so that a model of other options can name them."""

# pyright: strict, reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# (torch is only partly typed)

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

import torch
from torch import Tensor

from ivit.qat.binding import BoundGraph

Choices = dict[str, Any]


def choices_of(bound: BoundGraph, range_training: str) -> Choices:
    """All that decides what a state holds and means, in plain values, by the names of ``prepare``."""
    pixels = bound.pixels
    return {
        "mean": None if pixels is None else list(map(float, pixels.mean)),
        "std": None if pixels is None else list(map(float, pixels.std)),
        "range_training": range_training,
        **asdict(bound.recipe),
    }


def to_tensor(choices: Choices) -> Tensor:
    """uint8, for formats that hold tensors alone."""
    return torch.tensor(list(json.dumps(choices).encode()), dtype=torch.uint8)


def check_choices(state: Tensor, mine: Choices) -> None:
    """ValueError, one line, where ``state`` was prepared with other choices than ``mine``.

    ``ema`` and ``frozen`` ranges have the same state.
    """
    theirs: Choices = json.loads(bytes(state.tolist()))
    differences = [
        f"{name}={theirs.get(name)} (here {mine.get(name)})"
        for name in dict.fromkeys([*mine, *theirs])
        if theirs.get(name) != mine.get(name)
    ]
    if "learned" not in (theirs.get("range_training"), mine["range_training"]):
        differences = [each for each in differences if not each.startswith("range_training=")]
    if differences:
        raise ValueError(
            f"the state was prepared with other options: {', '.join(differences)}; prepare this with those"
        )
