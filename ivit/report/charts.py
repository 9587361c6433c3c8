"""The charts of the page, as SVG: colours and fonts come from its style sheet."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from ivit.report.content import CLIPPED_FORM, Content, HistogramRow, TensorRow
from ivit.report.svg import element, number, picture, polyline, text, ticks, title
from ivit.report.words import db_text

WIDTH = 1120
LEFT, RIGHT, TOP, BOTTOM = 52, 16, 26, 30
DEPTH_HEIGHT = 340
MOST_DB = 80.0
"""Where larger SQNRs are drawn: 16 bits have about 90 dB, which nothing loses by."""
LEAST_DB = -10.0
MARGIN_DB = 4.0
MARK_WIDTH = 140
MARKED = 3
"""Dots that have their names: the lowest of their own."""
SPARK = (132, 30)


def depth_chart(content: Content) -> str:
    """SQNR of every tensor in the order of the model: what has gathered, and what the op adds itself."""
    rows = content.tensors
    shown = [value for row in rows for value in (_db(row.sqnr_db), _db(row.local_sqnr_db))]
    low = max(LEAST_DB, 10 * math.floor((min(shown, default=0) - MARGIN_DB) / 10))
    high = min(MOST_DB, 10 * math.ceil(max(shown, default=60) / 10))
    step = (WIDTH - LEFT - RIGHT) / max(1, len(rows))

    def x(place: float) -> float:
        return LEFT + step * (place + 0.5)

    def y(db: float) -> float:
        return TOP + (high - min(_db(db), high)) * (DEPTH_HEIGHT - TOP - BOTTOM) / max(high - low, 1)

    line = [(x(i), y(row.sqnr_db)) for i, row in enumerate(rows) if row.form != CLIPPED_FORM]
    parts = [
        *_blocks(rows, step),
        *_levels(low, high, y),
        *(
            element("line", "", class_="stem", x1=x(i), x2=x(i), y1=y(row.local_sqnr_db), y2=y(row.sqnr_db))
            for i, row in enumerate(rows)
        ),
        polyline(line, class_="gathered"),
        *(dot for i, row in enumerate(rows) for dot in _dots(i, row, x(i), y)),
        *_marks(content, x, y),
    ]
    label = "SQNR of every tensor in the order of the model"
    return picture(WIDTH, DEPTH_HEIGHT, parts, label, class_="chart depth")


def _dots(place: int, row: TensorRow, x: float, y: Callable[[float], float]) -> list[str]:
    aside = " aside" if row.form == CLIPPED_FORM else ""
    return [
        element("circle", title(tooltip(row)), class_=kind + aside, cx=x, cy=y(db), r=3, data_row=place)
        for kind, db in (("dot local", row.local_sqnr_db), ("dot gathered-dot", row.sqnr_db))
    ]


def _marks(content: Content, x: Callable[[float], float], y: Callable[[float], float]) -> list[str]:
    """The names of the lowest dots below them, but for those that another name would cover."""
    parts: list[str] = []
    taken: list[float] = []
    for row in content.lowest(MARKED):
        place = content.tensors.index(row)
        if all(abs(x(place) - other) > MARK_WIDTH for other in taken):
            taken.append(x(place))
            anchor = "end" if x(place) > WIDTH - RIGHT - MARK_WIDTH / 2 else "middle"
            lower = y(min(row.local_sqnr_db, row.sqnr_db))
            parts.append(text(x(place), lower + 17, row.name, class_=f"mark {anchor}"))
    return parts


def _db(value: float) -> float:
    return min(max(value, LEAST_DB), MOST_DB)


def tooltip(row: TensorRow) -> str:
    """One tensor in a line."""
    return (
        f"{row.name} · {row.op}, {row.type} {row.form} · {db_text(row.sqnr_db)} gathered,"
        f" {db_text(row.local_sqnr_db)} of its own"
    )


def _blocks(rows: Sequence[TensorRow], step: float) -> list[str]:
    """Bands behind every second block, and the blocks' numbers."""
    parts: list[str] = []
    starts = [i for i, row in enumerate(rows) if i == 0 or row.block != rows[i - 1].block]
    for start, end in zip(starts, [*starts[1:], len(rows)], strict=True):
        block = rows[start].block
        left, width = LEFT + step * start, step * (end - start)
        if block is not None and block % 2 == 0:
            height = DEPTH_HEIGHT - TOP - BOTTOM
            parts.append(element("rect", class_="band", x=left, y=TOP, width=width, height=height))
        if block is not None and width > 14:
            name = f"block {block}" if width > 60 else str(block)
            parts.append(text(left + width / 2, DEPTH_HEIGHT - BOTTOM + 18, name, class_="axis middle"))
    return parts


def _levels(low: float, high: float, y: Callable[[float], float]) -> list[str]:
    parts: list[str] = []
    for level in ticks(low, high, 6):
        height = y(level)
        parts.append(element("line", class_="grid", x1=LEFT, x2=WIDTH - RIGHT, y1=height, y2=height))
        words = f"{level:g}" + ("+" if level == MOST_DB else "")
        parts.append(text(LEFT - 8, height + 4, words, class_="axis end"))
    parts.append(text(LEFT - 8, TOP - 14, "dB", class_="axis end"))
    return parts


def spark(histogram: HistogramRow) -> str:
    """Both histograms: the integers as bars, the floats as a line."""
    width, height = SPARK
    exact, integer = histogram.exact, histogram.integer
    most = max(_root(max(exact)), _root(max(integer)), 1e-12)
    count = len(exact)
    step = width / count

    def top(value: int) -> float:
        return height - 1 - (height - 3) * _root(value) / most

    outline: list[tuple[float, float]] = []
    for i, value in enumerate(exact):
        outline += [(i * step, top(value)), ((i + 1) * step, top(value))]
    bars = [
        f"M{number(i * step)} {height - 1}V{number(top(value))}h{number(step)}V{height - 1}Z"
        for i, value in enumerate(integer)
        if value
    ]
    parts = [
        element("path", d="".join(bars) or "M0 0", class_="integer"),
        polyline(outline, class_="exact"),
    ]
    for place, values in ((0, exact), (count - 1, exact)):
        if values[place]:
            parts.append(element("rect", class_="outside", x=place * step, y=0, width=step, height=height))
    label = "histogram of float and integer values"
    return picture(width, height, parts, label, class_="spark")


def _root(value: int) -> float:
    """Square roots, so that tails are seen."""
    return math.sqrt(value)


def bar_chart(rows: Sequence[tuple[str, float, str]], label: str, kind: str) -> str:
    """Horizontal bars: a name, a value >= 0, and the words behind the bar."""
    name_width, words_width, height = 230, 190, 26
    most = max((value for _, value, _ in rows), default=0.0) or 1.0
    width = WIDTH / 2 - 20
    room = width - name_width - words_width
    parts: list[str] = []
    for i, (name, value, words) in enumerate(rows):
        y = i * height
        long = max(1.0, room * value / most) if value else 0.0
        parts.append(text(name_width - 10, y + 17, name, class_="name end"))
        parts.append(
            element("rect", class_=f"bar {kind}", x=name_width, y=y + 5, width=long, height=16, rx=2)
        )
        parts.append(text(name_width + long + 8, y + 17, words, class_="axis"))
    return picture(width, max(1, len(rows)) * height, parts, label, class_="chart bars")
