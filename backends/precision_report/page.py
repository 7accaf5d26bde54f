# SPDX-License-Identifier: Apache-2.0
"""The precision report as one HTML page without any other file, made from its JSON data alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from .plots import bits_plot, search_plot, sqnr_plot, weight_plot

TEMPLATE = "page.html.j2"
PREFIXES = (("G", 1e9), ("M", 1e6), ("k", 1e3))
MOST_PLOTS = 150  # histograms of a page


def html(data: dict[str, Any]) -> str:
    """The page of a report; `data` as `precision_data` gives it, or `precision.json` holds it."""
    filters: dict[str, Any] = {
        "db": decibels,
        "percent": percent,
        "count": counted,
        "range": span,
        "number": number,
        "ratio": ratio,
        "width": bar_width,
    }
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    environment.lstrip_blocks = True
    environment.filters.update(filters)
    layers = data["layers"]
    plots = {
        "sqnr": Markup(sqnr_plot(layers)),
        "bits": Markup(bits_plot(layers)) if layers else "",
        "searches": [Markup(search_plot(search, f"search{place}")) for place, search in enumerate(data["searches"])],
    }
    weighted = [place for place, layer in enumerate(layers) if layer["weight"] is not None]
    histograms = {
        place: Markup(weight_plot(layers[place]["weight"], f"weights{place}")) for place in weighted[:MOST_PLOTS]
    }
    most = {
        "memory": max((layer["weight"]["memory_bits"] for layer in layers if layer["weight"]), default=0),
        "operations": max((layer["costs"]["bit_operations"] for layer in layers if layer["costs"]), default=0),
    }
    page = environment.get_template(TEMPLATE)
    return page.render(data=data, net=data["network"], plots=plots, histograms=histograms, most=most) + "\n"


def decibels(value: float | str | None) -> str:
    """`20.4 dB`, `exact`, or a dash."""
    if value is None:
        return "-"
    return value if isinstance(value, str) else f"{value:.1f} dB"


def percent(share: float | None) -> str:
    """A share in percent."""
    return "-" if share is None else f"{100 * share:.3g} %"


def number(value: float | None) -> str:
    return "-" if value is None else f"{value:.5g}" if isinstance(value, float) else str(value)


def counted(value: float | None) -> str:
    """`12.3 M`."""
    if value is None:
        return "-"
    for prefix, unit in PREFIXES:
        if value >= unit:
            return f"{value / unit:.3g} {prefix}"
    return f"{value:g}"


def span(ends: list[float] | None) -> str:
    """`-1 to 1`; one number if both ends are the same."""
    if ends is None:
        return "-"
    return number(ends[0]) if ends[0] == ends[1] else f"{number(ends[0])} to {number(ends[1])}"


def ratio(before: float, after: float) -> str:
    """How many times less: `8.2x`."""
    return f"{before / after:.3g}x" if after else "-"


def bar_width(value: float | None, most: float) -> str:
    """Percent of the widest bar."""
    return f"{100 * (value or 0) / most:.1f}" if most else "0"
