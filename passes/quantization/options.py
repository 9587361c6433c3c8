"""Which arithmetic each kind of non-linear op gets."""

from __future__ import annotations

from dataclasses import dataclass

FAMILIES = ("exact", "ivit")
"""``exact``: tables and exact integers; ``ivit``: Shiftmax, ShiftGELU and I-LayerNorm of the paper."""


@dataclass(frozen=True)
class QuantizeOptions:
    """A family for each kind. ValueError for a name that is not one."""

    softmax: str = "exact"
    gelu: str = "exact"
    layernorm: str = "exact"

    def __post_init__(self) -> None:
        for kind in ("softmax", "gelu", "layernorm"):
            family = getattr(self, kind)
            if family not in FAMILIES:
                advice = "; separate options with blanks" if "=" in family else ""
                raise ValueError(f"{kind}={family} is not known; choose one of {', '.join(FAMILIES)}{advice}")
