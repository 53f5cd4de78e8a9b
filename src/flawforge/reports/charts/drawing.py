"""Chart in, inline SVG out. Colours are the page's own variables: a chart follows light and dark screens and print."""

from __future__ import annotations

import io
import re
from typing import Any

from flawforge.reports.charts.curves import Chart, Curve

SIZE = (440 / 72, 250 / 72)  # inches: 440 x 250 units of the SVG
COLOURS = {  # stand-ins that matplotlib draws with, and what they become in the page
    "generated": "#010203",
    "real": "#020304",
    "ink": "#030405",
    "quiet": "#040506",
    "rule": "#050607",
}
STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "flawforge",
    "font.size": 11,
    "font.family": ["sans-serif"],
    "axes.unicode_minus": True,
    "path.simplify": False,
}


def draw(chart: Chart) -> str:
    """Return a chart as an ``<svg>`` element that needs nothing from outside and repeats no id of another chart.

    The same chart gives the same text, byte for byte, with the same version of matplotlib.
    """
    import matplotlib
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    with matplotlib.rc_context():
        matplotlib.rcdefaults()  # a user's own matplotlibrc changes no report
        matplotlib.rcParams.update(STYLE)
        figure = Figure(figsize=SIZE, layout="constrained")
        FigureCanvasSVG(figure)
        axes = figure.add_subplot()
        _frame(axes, chart)
        for curve in chart.curves:
            _line(axes, curve)
        _marks(axes, chart)
        if any(curve.label for curve in chart.curves):
            axes.legend(
                frameon=False,
                ncols=min(3, len(chart.curves)),
                loc="lower left",
                bbox_to_anchor=(-0.02, 1.0),
                borderaxespad=0.1,
                handlelength=1.6,
                columnspacing=1.8,
                labelcolor=COLOURS["ink"],
            )
        buffer = io.StringIO()
        figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    return _inline(buffer.getvalue(), chart)


def _frame(axes: Any, chart: Chart) -> None:
    axes.set_xlabel(chart.x_label, color=COLOURS["quiet"])
    axes.set_ylabel(chart.y_label, color=COLOURS["quiet"])
    axes.tick_params(colors=COLOURS["quiet"], length=3, width=0.8)
    axes.grid(axis="y", color=COLOURS["rule"], linewidth=0.8)
    axes.set_axisbelow(True)
    for side, spine in axes.spines.items():
        spine.set_visible(side in ("left", "bottom"))
        spine.set_color(COLOURS["rule"])
    highest = max((y for curve in chart.curves for y in curve.y), default=1.0)
    axes.set_ylim(*(chart.y_range or (0, 1.15 * highest)))  # room for the marks' words
    if chart.x_range:
        axes.set_xlim(*chart.x_range)
    axes.locator_params(axis="y", nbins=5)
    if chart.x_log:
        from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

        axes.set_xscale("log")
        xs = [x for curve in chart.curves for x in curve.x]
        narrow = max(xs, default=1.0) < 100 * min(xs, default=1.0)
        axes.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0) if narrow else (1.0,), numticks=8))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:g}"))
        axes.xaxis.set_minor_formatter(NullFormatter())
    elif chart.x_ticks:
        axes.set_xticks([x for x, _ in chart.x_ticks], [word for _, word in chart.x_ticks])
    else:
        axes.locator_params(axis="x", nbins=6)


def _line(axes: Any, curve: Curve) -> None:
    style: dict[str, Any] = {"color": COLOURS[curve.role], "label": curve.label or None}
    if curve.dots:
        axes.plot(
            curve.x, curve.y, "o", markersize=4.5, alpha=0.75, fillstyle="none" if curve.dashed else "full", **style
        )
        return
    if curve.raw:
        x, low, high = curve.raw
        if low == high:
            axes.plot(x, low, color=style["color"], linewidth=0.7, alpha=0.3)
        else:
            axes.fill_between(x, low, high, color=style["color"], alpha=0.2, linewidth=0)
    style["linestyle"] = (0, (5, 2)) if curve.dashed else "solid"
    axes.plot(curve.x, curve.y, linewidth=1.6, drawstyle="steps-post" if curve.stepped else "default", **style)
    if curve.filled:
        axes.fill_between(curve.x, curve.y, step="post", color=style["color"], alpha=0.16, linewidth=0)


def _marks(axes: Any, chart: Chart) -> None:
    line = {"color": COLOURS["ink"], "linewidth": 0.9, "linestyle": (0, (1, 2))}
    text_style: dict[str, Any] = {"textcoords": "offset points", "fontsize": 10}
    low, high = axes.get_xlim()
    for x, text in chart.marks:
        axes.axvline(x, **line)
        right = x < low + 0.7 * (high - low)  # words stay within the frame
        side = {"xytext": (3, 0), "ha": "left"} if right else {"xytext": (-3, 0), "ha": "right"}
        where: Any = ("data", "axes fraction")
        axes.annotate(text, (x, 1), xycoords=where, va="top", color=COLOURS["ink"], **side, **text_style)
    if chart.level:
        y, text = chart.level
        where = ("axes fraction", "data")
        axes.axhline(y, **line)
        axes.annotate(text, (1, y), xycoords=where, xytext=(-2, 3), ha="right", color=COLOURS["quiet"], **text_style)


def _inline(svg: str, chart: Chart) -> str:
    """Make matplotlib's file a part of a page: no prolog, no addresses, own ids, the page's colours and letters."""
    body = svg[svg.index(">", svg.index("<svg")) + 1 :]
    body = re.sub(r"<(metadata|style)\b.*?</\1>\s*", "", body, flags=re.S)
    body = re.sub(r'\bid="([^"]+)"', rf'id="{chart.name}-\1"', body)
    body = re.sub(r'\b(?:xlink:)?href="#([^"]+)"', rf'href="#{chart.name}-\1"', body)
    body = re.sub(r"url\(#([^)]+)\)", rf"url(#{chart.name}-\1)", body)
    body = re.sub(r"font: ([\d.]+px)[^;\"]*", r"font-size: \1", body)
    for role, stand_in in COLOURS.items():
        body = body.replace(stand_in, f"var(--{role})")
    body = re.sub(r"\n\s*", "\n", body)
    box = f"0 0 {SIZE[0] * 72:g} {SIZE[1] * 72:g}"
    label = chart.alt.replace("&", "&amp;").replace("<", "&lt;").replace('"', "&quot;")
    return f'<svg class="chart" viewBox="{box}" role="img" aria-label="{label}">{body.strip()}'
