# SPDX-License-Identifier: Apache-2.0
"""Plots of the precision report as SVG text, drawn from its JSON data alone.

Colours are names in the style sheet of the page, so that plots suit light, dark and paper. The same data give the same
text.
"""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import Any, TypeAlias

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.patches import PathPatch
from matplotlib.path import Path
from matplotlib.ticker import EngFormatter, MaxNLocator

Figures: TypeAlias = dict[str, Any]

# what is drawn in a colour of the page, and what stands for it until the text is written
INK, WEIGHT, ACTIVATION, ACCUMULATOR, FLOAT, WARNING = (f"#0a0b0{digit}" for digit in range(1, 7))
VARIABLES = {
    INK: "ink",
    WEIGHT: "weight",
    ACTIVATION: "activation",
    ACCUMULATOR: "accumulator",
    FLOAT: "float",
    WARNING: "warning",
}
STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",
    "text.parse_math": False,
    "font.family": "DejaVu Sans",  # comes with matplotlib; the page has its own
    "font.size": 9.0,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.grid.axis": "y",
    "axes.axisbelow": True,
    "grid.alpha": 0.15,
    "legend.frameon": False,
    "figure.facecolor": "none",
    "axes.facecolor": "none",
    **{f"{part}.color": INK for part in ("text", "xtick", "ytick", "grid")},
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
}
MOST_NAMES = 40  # of layers that are written below a plot
LONGEST_NAME = 22
LITTLE_TEXT = {"left": 0.1, "right": 0.98, "bottom": 0.17, "top": 0.97}  # around a plot
LIMIT_BITS = 40  # of an accumulator in a plot of word lengths


def sqnr_plot(layers: Sequence[Figures]) -> str:
    """Signal to quantisation noise of weights and activations along the network; empty if there is none."""
    found = {role: _points(layers, role) for role in ("weight", "activation")}
    if not any(found.values()):
        return ""

    def draw(axes: Axes) -> None:
        for (role, points), colour, marker in zip(found.items(), (WEIGHT, ACTIVATION), "so", strict=True):
            axes.plot([x for x, _ in points], [y for _, y in points], color=colour, marker=marker, ms=4, label=role)
        axes.set_ylabel("SQNR in dB")
        axes.set_ylim(bottom=min(0.0, *(y for points in found.values() for _, y in points)))
        _name_layers(axes, layers)

    return _drawn(draw, "sqnr", _width(layers), 3.2)


def bits_plot(layers: Sequence[Figures]) -> str:
    """Word lengths along the network."""
    roles = ("weight", "activation", "accumulator")

    def draw(axes: Axes) -> None:
        for number, (role, colour) in enumerate(zip(roles, (WEIGHT, ACTIVATION, ACCUMULATOR), strict=True)):
            bars = [
                (place - 0.4 + 0.27 * number, min(layer[role]["bits"], LIMIT_BITS))
                for place, layer in enumerate(layers)
                if layer[role] is not None
            ]
            axes.add_patch(_bars([x for x, _ in bars], [y for _, y in bars], 0.26, color=colour, label=role))
        axes.set_ylabel("bits")
        most = max((layer[role]["bits"] for layer in layers for role in roles if layer[role] is not None), default=0)
        axes.set_ylim(0, min(max(most, 8), LIMIT_BITS) + 1)
        axes.yaxis.set_major_locator(MaxNLocator(integer=True))
        _name_layers(axes, layers)

    return _drawn(draw, "bits", _width(layers), 3.2)


def search_plot(search: Figures, name: str) -> str:
    """Cost against quality of what a search tried; `name` keeps its ids apart."""
    trials = search["trials"]
    kept, missed = ([trial for trial in trials if (trial["margin"] >= 0) is good] for good in (True, False))

    def draw(axes: Axes) -> None:
        axes.axhline(0, color=INK, lw=0.8, ls="--")
        for some, colour, label in ((kept, WEIGHT, "holds the bound"), (missed, WARNING, "misses it")):
            costs, margins = [trial["cost"] for trial in some], [trial["margin"] for trial in some]
            axes.plot(costs, margins, "o", ms=4, alpha=0.7, color=colour, label=label)
        axes.plot([search["cost_after"]], [search["margin"]], "*", ms=13, color=ACTIVATION, label="chosen")
        axes.xaxis.set_major_formatter(EngFormatter())
        axes.set_xlabel(search["objective"].replace("_", " "))
        axes.set_ylabel("margin over the bound")
        axes.legend(loc="lower right")

    return _drawn(draw, name, 6.4, 3.2, LITTLE_TEXT)


def weight_plot(weight: Figures, name: str) -> str:
    """Histogram of float weights over the codes that they become; empty if neither is known.

    `name` keeps the ids of this plot apart from those of others on a page.
    """
    codes, floats = weight.get("codes") or {}, weight.get("float_histogram")
    values, counts = codes.get("values"), codes.get("counts")
    if (values is None or counts is None) and floats is None:
        return ""

    def draw(axes: Axes) -> None:
        if values is not None and counts is not None:
            _draw_codes(axes, values, counts, weight["codebook"] is not None)
        if floats is not None:
            most = max(counts) if counts and weight["codebook"] is not None else None
            _draw_floats(axes, floats, values, most)
        axes.set_xlabel("weight / scale" if values is None or weight["format"].startswith("float") else "code")
        axes.set_ylabel("weights")
        axes.legend(loc="upper right", fontsize=8)
        axes.autoscale_view()

    return _drawn(draw, name, 6.4, 2.6, LITTLE_TEXT)


def _draw_codes(axes: Axes, values: Sequence[float], counts: Sequence[int], shared: bool) -> None:
    """A bar for each code that is used, a tick below the axis for each that is not."""
    gap = _gap(values)
    used = [(value, count) for value, count in zip(values, counts, strict=True) if count]
    starts = [value - 0.4 * gap for value, _ in used]
    label = "codebook" if shared else "codes used"
    axes.add_patch(_bars(starts, [count for _, count in used], 0.8 * gap, color=WEIGHT, alpha=0.55, label=label))
    unused = [value for value, count in zip(values, counts, strict=True) if not count]
    if unused and not shared:
        depth = -0.035 * max(counts)
        starts = [value - 0.2 * gap for value in unused]
        axes.add_patch(_bars(starts, [depth] * len(unused), 0.4 * gap, color=WARNING, label="unused"))


def _gap(values: Sequence[float]) -> float:
    """Between the nearest of rising numbers."""
    return min((high - low for low, high in pairwise(values)), default=1.0)


def _draw_floats(axes: Axes, floats: Figures, values: Sequence[float] | None, most: float | None) -> None:
    """The histogram of float weights as a line, in weights for each code; with `most` that high, without a scale."""
    low, high, counts = floats["low"], floats["high"], floats["counts"]
    width = (high - low) / len(counts) or 1.0
    edges = [low + width * place for place in range(len(counts) + 1)]
    gap = 1.0 if values is None else _gap(values)
    factor, label = (gap / width, "float weights") if most is None else (most / max(counts), "float weights, scaled")
    axes.stairs([count * factor for count in counts], edges, color=FLOAT, lw=1.2, label=label)


def _bars(starts: Sequence[float], heights: Sequence[float], width: float, **style: Any) -> PathPatch:
    """Bars from 0 as one path: an SVG element for each would make large pages."""
    vertices, codes = [], []
    for x, y in zip(starts, heights, strict=True):
        vertices += [(x, 0), (x, y), (x + width, y), (x + width, 0), (x, 0)]
        codes += [Path.MOVETO, Path.LINETO, Path.LINETO, Path.LINETO, Path.CLOSEPOLY]
    return PathPatch(Path(vertices or [(0, 0)], codes or None), lw=0, **style)


def _points(layers: Sequence[Figures], role: str) -> list[tuple[int, float]]:
    """Places and ratios of the layers that have one."""
    ratios = [(place, layer[role].get("sqnr_db")) for place, layer in enumerate(layers) if layer[role] is not None]
    return [(place, ratio) for place, ratio in ratios if isinstance(ratio, int | float)]


def _name_layers(axes: Axes, layers: Sequence[Figures]) -> None:
    axes.set_xlim(-0.6, len(layers) - 0.4)
    axes.legend(loc="lower right", bbox_to_anchor=(1, 1), ncols=3, borderaxespad=0)
    if len(layers) > MOST_NAMES:
        axes.set_xlabel("layer")
        return
    axes.set_xticks(range(len(layers)), [shortened(layer["name"]) for layer in layers], rotation=40, ha="right")


def shortened(name: str) -> str:
    """A name without its middle."""
    half = LONGEST_NAME // 2
    return name if len(name) <= LONGEST_NAME else f"{name[: half - 1]}…{name[-half:]}"


def _width(layers: Sequence[Figures]) -> float:
    """Inches."""
    return min(max(6.4, 0.3 * len(layers)), 14.0)


def _drawn(
    draw: Callable[[Axes], None], name: str, width: float, height: float, margins: Mapping[str, float] | None = None
) -> str:
    """The SVG element of a figure.

    Args:
        name: keeps its ids apart from those of other figures.
        width, height: in inches.
        margins: of the axes, as shares of the figure; None: as the text around them needs, which takes longer to find.
    """
    with rc_context({**STYLE, "svg.hashsalt": name}):
        figure = Figure(figsize=(width, height), layout="constrained" if margins is None else None)
        if margins is not None:
            figure.subplots_adjust(**margins)
        draw(figure.add_subplot())
        text = io.StringIO()
        with warnings.catch_warnings():  # a browser has fonts for the characters of names that matplotlib's lack
            warnings.filterwarnings("ignore", "Glyph .* missing")
            FigureCanvasSVG(figure).print_svg(text, metadata={"Date": None})
    return _inlined(text.getvalue())


def _inlined(text: str) -> str:
    """An SVG file as an element of a page: short numbers, ids only where they are referred to, colours of the page."""
    text = re.sub(r"<metadata>.*?</metadata>", "", text[text.index("<svg") :], flags=re.DOTALL)
    text = re.sub(r' d="[^"]*"', lambda path: re.sub(r"(\.\d\d)\d+", r"\1", path[0]), text)
    used = set(re.findall(r"#([\w.-]+)", text))
    text = re.sub(r' id="([^"]*)"', lambda given: given[0] if given[1] in used else "", text)
    for colour, variable in VARIABLES.items():
        text = text.replace(colour, f"var(--{variable})")
    return text
