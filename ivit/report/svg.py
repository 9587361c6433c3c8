"""Pieces of SVG: well-formed text, numbers short, names escaped."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from xml.sax.saxutils import escape, quoteattr

Attribute = str | float | int | None


def number(value: float) -> str:
    """``value`` with at most two digits behind the point."""
    return f"{value:.2f}".rstrip("0").rstrip(".") if value else "0"


def element(name: str, content: str | Iterable[str] = "", **attributes: Attribute) -> str:
    """``<name …>content</name>``; ``content`` is markup, attributes that are None are left out.

    Attributes are spelt as Python has them: ``stroke_width`` is stroke-width, ``class_`` is class.
    """
    words = {
        key.rstrip("_").replace("_", "-"): value if isinstance(value, str) else number(value)
        for key, value in attributes.items()
        if value is not None
    }
    given = "".join(f" {key}={quoteattr(value)}" for key, value in words.items())
    inner = content if isinstance(content, str) else "".join(content)
    return f"<{name}{given}>{inner}</{name}>" if inner else f"<{name}{given}/>"


def text(x: float, y: float, words: str, **attributes: Attribute) -> str:
    """``words`` at a place."""
    return element("text", escape(words), x=x, y=y, **attributes)


def title(words: str) -> str:
    """What a pointer over the element shows."""
    return element("title", escape(words))


def picture(width: float, height: float, parts: Iterable[str], label: str, class_: str) -> str:
    """An image of the given size in its own units, which fits the width of the page."""
    return element(
        "svg",
        tuple(parts),
        viewBox=f"0 0 {number(width)} {number(height)}",
        role="img",
        aria_label=label,
        class_=class_,
    )


def polyline(points: Sequence[tuple[float, float]], **attributes: Attribute) -> str:
    """A line through ``points``."""
    places = " ".join(f"{number(x)},{number(y)}" for x, y in points)
    return element("polyline", "", points=places, **attributes)


def ticks(low: float, high: float, about: int = 5) -> list[float]:
    """Round numbers in [low, high]: some ``about`` of them."""
    if not high > low:
        return [low]
    raw = (high - low) / about
    unit = 10.0 ** int(f"{raw:e}".partition("e")[2])
    step = next(unit * factor for factor in (1, 2, 5, 10) if unit * factor >= raw)
    first = -int(-low // step)
    return [step * i for i in range(first, int(high // step) + 1)]
