"""Which arithmetic each kind of non-linear op gets."""

from __future__ import annotations

from dataclasses import dataclass

FAMILIES: dict[str, tuple[str, ...]] = {
    "softmax": ("exact", "ivit"),
    "gelu": ("exact", "ivit"),
    "layernorm": ("exact", "ivit", "l1"),
}
"""By kind. ``exact``: tables and exact integers; ``ivit``: Shiftmax, ShiftGELU, I-LayerNorm of the paper;
``l1``: L1 LayerNorm of Fully-8bit."""


@dataclass(frozen=True)
class QuantizeOptions:
    """A family for each kind. ValueError for a name that is not one."""

    softmax: str = "exact"
    gelu: str = "exact"
    layernorm: str = "exact"

    def __post_init__(self) -> None:
        for kind, families in FAMILIES.items():
            family = getattr(self, kind)
            if family not in families:
                advice = "; separate options with blanks" if "=" in family else ""
                raise ValueError(f"{kind}={family} is not known; choose one of {', '.join(families)}{advice}")
