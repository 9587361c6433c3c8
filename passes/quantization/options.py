"""Which arithmetic each kind of non-linear op gets."""

from __future__ import annotations

from dataclasses import dataclass

FAMILIES = ("exact", "ivit")
"""``exact``: tables and exact integers; ``ivit``: Shiftmax, ShiftGELU and I-LayerNorm of the paper."""


@dataclass(frozen=True)
class QuantizeOptions:
    """``mean`` and ``std`` per channel say that the input is uint8 pixels: ``x = (p / 255 - mean) / std``."""

    softmax: str = "exact"
    gelu: str = "exact"
    layernorm: str = "exact"
    mean: tuple[float, ...] | None = None
    std: tuple[float, ...] | None = None

    def __post_init__(self) -> None:
        for kind in ("softmax", "gelu", "layernorm"):
            family = getattr(self, kind)
            if family not in FAMILIES:
                raise ValueError(f"{kind}={family} is not known; choose one of {', '.join(FAMILIES)}")
        check_normalisation(self.mean, self.std)


def check_normalisation(mean: tuple[float, ...] | None, std: tuple[float, ...] | None) -> None:
    """ValueError unless both are given or neither, of one length, with positive deviations."""
    if (mean is None) != (std is None):
        raise ValueError("mean and std come together: give both or neither")
    if mean is None or std is None:
        return
    if len(mean) != len(std) or not mean:
        raise ValueError(
            f"mean has {len(mean)} channels and std {len(std)}; they must have the image's number"
        )
    if not all(value > 0 for value in std):
        raise ValueError(f"std must be positive, got {', '.join(map(str, std))}")
