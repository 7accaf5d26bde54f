# SPDX-License-Identifier: Apache-2.0
"""The files of the precision report."""

from __future__ import annotations

import json
from pathlib import Path

from xdsl.dialects.builtin import ModuleOp

from ...qdialect.text import new_context
from .figures import FloatOrigin, precision_data
from .page import html


def write_precision_report(
    folder: Path, name: str, graph: ModuleOp, typed: ModuleOp | None, origin: FloatOrigin | None
) -> None:
    """Write precision.json, and precision.html, which is made of it, into `folder`; see `precision_data`."""
    data = precision_data(new_context(), name, graph, typed, origin)
    (folder / "precision.json").write_text(json.dumps(data, allow_nan=False) + "\n", encoding="utf-8")
    (folder / "precision.html").write_text(html(data), encoding="utf-8")
