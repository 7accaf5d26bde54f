# SPDX-License-Identifier: Apache-2.0
"""The files of the precision report."""

from __future__ import annotations

import json
from math import isfinite
from pathlib import Path
from typing import Any

from xdsl.dialects.builtin import ModuleOp

from ...qdialect.text import new_context
from .figures import FloatOrigin, precision_data
from .page import html


def write_precision_report(
    folder: Path, name: str, graph: ModuleOp, typed: ModuleOp | None, origin: FloatOrigin | None
) -> None:
    """Write precision.json, and precision.html, which is made of it, into `folder`; see `precision_data`."""
    data = finite(precision_data(new_context(), name, graph, typed, origin))
    (folder / "precision.json").write_text(json.dumps(data, allow_nan=False) + "\n", encoding="utf-8")
    (folder / "precision.html").write_text(html(data), encoding="utf-8")


def finite(data: Any) -> Any:
    """The same data with None for numbers, and for lists with numbers, that JSON does not have: float32 overflowed."""
    if isinstance(data, dict):
        return {key: finite(value) for key, value in data.items()}  # pyright: ignore[reportUnknownVariableType]
    if isinstance(data, list):
        items: list[Any] = data
        return None if any(_overflowed(item) for item in items) else [finite(item) for item in items]
    return None if _overflowed(data) else data


def _overflowed(value: Any) -> bool:
    return isinstance(value, float) and not isfinite(value)
