"""The report as one HTML page that needs nothing else: style, script and charts are in it."""

from __future__ import annotations

import math
from collections.abc import Iterable
from html import escape
from importlib.resources import files

from ivit.inspection import size_text
from ivit.report.charts import MARKED, bar_chart, depth_chart, spark
from ivit.report.content import Content, CostRow, TensorRow
from ivit.report.costs import ROUNDS
from ivit.report.words import FAIR_DB, GOOD_DB, count_text, db_text, range_text, share_text, time_text

LAUNCHES = 15
"""Calls of kernels that are listed, the longest first."""

INTRODUCTION = """\
<p><strong>Gathered</strong> is the signal-to-quantization-noise ratio (SQNR) of a tensor in the integer model
against the same tensor of the float model: everything before it has left its error in it. <strong>Of its
own</strong> is what the op adds by itself, fed with the exact values of its inputs, quantised. Where the
line falls towards a low dot, that op is where the error enters; where dots are far above the line, the error
came from before. Click a dot for its row below.</p>"""

TENSORS = """\
<p><em>Sums</em> are the 32-bit results of products: their own error is that of the weights and of the rounded
inputs. <em>Activations</em> are what linears and attention take, the <em>stream</em> is the residual stream.
Histograms have the float values as a line and the integers as bars, over the range of the codes (heights by
square root); a red end marks float values beyond it. <em>At the ends</em> is the share of codes at the least
or the largest code; <em>clipped</em> is the share of float values beyond them. A <em>GELU input</em> is
clipped on purpose where GELU is all but zero, so that its SQNR says little: see the GELU behind it.</p>"""


def page(content: Content) -> str:
    """A whole document, UTF-8."""
    style, script = _beside("page.css"), _beside("page.js")
    name = escape(content.model)
    parts = [
        "<!doctype html>",
        '<html lang="en">',
        "<head>",
        '<meta charset="utf-8"/>',
        '<meta name="viewport" content="width=device-width, initial-scale=1"/>',
        f"<title>{name}: quantization report</title>",
        f"<style>\n{style}</style>",
        "</head>",
        "<body>",
        "<main>",
        _header(content),
        _cards(content),
        *_where(content),
        *_tensors(content),
        *_costs(content),
        *_recipe(content),
        "<footer>Made by ivit report. SQNR, cosines and histograms are of every value of"
        f" {content.images} images of {escape(content.data)}; times are medians of {ROUNDS} runs.</footer>",
        "</main>",
        f"<script>\n{script}</script>",
        "</body>",
        "</html>",
    ]
    return "\n".join(parts) + "\n"


def _beside(name: str) -> str:
    return files("ivit.report").joinpath(name).read_text("utf-8")


def _header(content: Content) -> str:
    asked = ", ".join(f"<code>{escape(k)}={escape(str(v))}</code>" for k, v in content.asked.items())
    what = "Integers" if content.launches else "A simulation, with floating point inside,"
    return (
        f"<header><div><h1>{escape(content.model)}</h1>"
        f"<p>{what} against FP32 on {content.images} images of {escape(content.data)}."
        f" Asked for: {asked or 'the default recipe'}.</p></div>"
        '<button id="theme" type="button" title="light or dark">◐</button></header>'
    )


def _cards(content: Content) -> str:
    output, sizes = content.output, content.sizes
    cards = [(db_text(output.sqnr_db), "SQNR of the outputs")]
    if output.agreement is not None:
        cards.append((f"{output.agreement:.4g} %", "same largest output as FP32"))
    cards += [
        (f"{output.cosine:.5f}", f"cosine of the outputs; worst {output.worst_cosine:.5f}"),
        (
            f"{sizes.float_weights / max(sizes.packed, 1):.1f}×",
            f"smaller weights: {size_text(sizes.packed)}, FP32 {size_text(sizes.float_weights)}",
        ),
        (count_text(content.macs), "multiply-accumulates an image"),
    ]
    if content.launches:
        cards.append((time_text(content.microseconds), f"an image, one thread, {escape(content.target)}"))
    return (
        '<div class="cards">'
        + "".join(f'<div class="card"><b>{value}</b><span>{words}</span></div>' for value, words in cards)
        + "</div>"
    )


def _where(content: Content) -> list[str]:
    legend = (
        '<div class="legend"><span><i style="background:var(--gathered)"></i>gathered</span>'
        '<span><i style="background:var(--local)"></i>of its own</span></div>'
    )
    worst = content.lowest(MARKED)
    names = ", ".join(
        f"<code>{escape(row.name)}</code> ({row.type} {row.form}, {db_text(row.local_sqnr_db)})"
        for row in worst
    )
    return [
        "<section>",
        "<h2>Where the error enters</h2>",
        INTRODUCTION,
        f"<p>Lowest of their own: {names}.</p>",
        f'<div class="panel">{legend}{depth_chart(content)}</div>',
        "</section>",
    ]


HEADINGS = (
    ("tensor", "left"),
    ("op", "left"),
    ("type", "left"),
    ("float, integer", "left"),
    ("gathered", "sort"),
    ("of its own", "sort"),
    ("cosine", "sort"),
    ("float range", ""),
    ("codes reach", ""),
    ("step", "sort"),
    ("at the ends", "sort"),
    ("clipped", "sort"),
)


def _tensors(content: Content) -> list[str]:
    heads = "".join(
        f'<th scope="col"{_class(kind if kind == "left" else "")}>'
        + (f'<button type="button">{name}</button>' if kind == "sort" else name)
        + "</th>"
        for name, kind in HEADINGS
    )
    return [
        "<section>",
        "<h2>Every tensor</h2>",
        TENSORS,
        '<div class="tools">',
        '<input id="find" type="search" placeholder="find: block3 fc1" aria-label="find"/>',
        _choice("op", "all ops", [row.op for row in content.tensors]),
        _choice("form", "all forms", [row.form for row in content.tensors]),
        '<span id="shown"></span></div>',
        '<div class="panel scroll"><table id="tensors">',
        f"<thead><tr>{heads}</tr></thead>",
        "<tbody>",
        *(_row(i, row) for i, row in enumerate(content.tensors)),
        "</tbody></table></div>",
        "</section>",
    ]


def _choice(name: str, every: str, values: Iterable[str]) -> str:
    options = "".join(f"<option>{escape(value)}</option>" for value in dict.fromkeys(values))
    return f'<select id="{name}" aria-label="{name}"><option value="">{every}</option>{options}</select>'


def _row(place: int, row: TensorRow) -> str:
    words = escape(f"{row.name} {row.op} {row.type} {row.form}".lower())
    weights = f' <span class="type">w{row.weight_bits}</span>' if row.weight_bits else ""
    reach = "" if row.code_low is None or row.code_high is None else range_text(row.code_low, row.code_high)
    step = (
        ""
        if row.step is None
        else f"{row.step:.3g}" + (f' <span class="type">×{row.steps}</span>' if row.steps > 1 else "")
    )
    cells = [
        f'<td class="left name">{escape(row.name)}</td>',
        f'<td class="left">{escape(row.op)}</td>',
        f'<td class="left">{row.type}{weights} <span class="type">{row.form}</span></td>',
        f'<td class="left">{spark(row.histogram)}</td>',
        _db_cell(row.sqnr_db),
        _db_cell(row.local_sqnr_db),
        _cell(row.cosine, f"{row.cosine:.5f}"),
        f"<td>{range_text(row.low, row.high)}</td>",
        f"<td>{reach}</td>",
        _cell(row.step or 0.0, step),
        _share(row.saturated),
        _share(row.clipped),
    ]
    return (
        f'<tr data-row="{place}" data-op="{escape(row.op)}" data-form="{row.form}" data-text="{words}">'
        + "".join(cells)
        + "</tr>"
    )


def _cell(value: float, words: str, kind: str = "") -> str:
    sortable = value if math.isfinite(value) else math.copysign(1e9, value)
    return f'<td data-value="{sortable!r}"{_class(kind)}>{words}</td>'


def _class(name: str) -> str:
    return f' class="{name}"' if name else ""


def _db_cell(value: float) -> str:
    kind = "good" if value >= GOOD_DB else "fair" if value >= FAIR_DB else "poor"
    return _cell(value, db_text(value).removesuffix(" dB"), kind)


def _share(value: float) -> str:
    return _cell(value, escape(share_text(value)), "" if value else "none")


def _costs(content: Content) -> list[str]:
    whole, timed = content.microseconds, bool(content.launches)
    time = [
        (row.group, row.microseconds, f"{time_text(row.microseconds)}, {_percent(row.microseconds, whole)}")
        for row in content.costs
    ]
    macs = [
        (
            row.group,
            float(row.macs),
            f"{count_text(row.macs)}, {_percent(row.macs, content.macs)}{_rate(row)}",
        )
        for row in content.costs
        if row.macs
    ]
    sizes = content.sizes
    bytes_ = [
        (name, float(size), size_text(size))
        for name, size in (
            ("FP32 weights", sizes.float_weights),
            ("packed weights", sizes.packed),
            ("native code", sizes.code),
            ("arena, a thread", sizes.arena),
        )
    ]
    return [
        "<section>",
        "<h2>What it costs</h2>",
        f"<p>One image on one thread of this machine, compiled for {escape(content.target)}.</p>",
        '<div class="pair">',
        _panel("time by kind of op", bar_chart(time, "time by kind of op", "time")) if timed else "",
        _panel(
            "multiply-accumulates by kind of op",
            bar_chart(macs, "multiply-accumulates", "macs"),
        ),
        _panel("bytes", bar_chart(bytes_, "bytes of weights, code and arena", "size")),
        _panel("longest calls of kernels", _launches(content)) if timed else "",
        "</div>",
        "</section>",
    ]


def _panel(heading: str, inner: str) -> str:
    return f'<div class="panel"><h3>{heading}</h3>{inner}</div>'


def _launches(content: Content) -> str:
    longest = sorted(content.launches, key=lambda row: -row.microseconds)[:LAUNCHES]
    whole = content.microseconds
    rows = "".join(
        f'<tr><td class="left name">{escape(row.name)}</td><td class="left">{escape(row.kernel)}</td>'
        f"<td>{time_text(row.microseconds)}</td><td>{_percent(row.microseconds, whole)}</td></tr>"
        for row in longest
    )
    heads = '<th class="left">computes</th><th class="left">kernel</th><th>time</th><th>share</th>'
    return f'<table id="launches"><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table>'


def _recipe(content: Content) -> list[str]:
    entries = "".join(
        f"<div><dt>{escape(name)}</dt>"
        f"<dd{_class('changed' if name in content.changed else '')}>{escape(str(value))}</dd></div>"
        for name, value in content.recipe.items()
    )
    return [
        "<section>",
        "<h2>Recipe</h2>",
        "<p>Every choice of quantization; those that differ from the default are in colour.</p>",
        f'<div class="panel"><dl>{entries}</dl></div>',
        "</section>",
    ]


def _percent(part: float, whole: float) -> str:
    return f"{100 * part / whole:.1f} %" if whole else "0 %"


def _rate(row: CostRow) -> str:
    return f", {row.macs / row.microseconds / 1000:.0f} GMAC/s" if row.microseconds else ""
