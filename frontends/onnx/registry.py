# SPDX-License-Identifier: Apache-2.0
"""The table of ONNX ops that can be imported. A family in `ops/` adds its lines with `@importer("MatMul")`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

from .model import STANDARD_DOMAIN
from .node import Node, Value

# Gives the node's outputs in order; outputs that it does not compute may be left out at the end.
Importer: TypeAlias = Callable[[Node], Value | Sequence[Value]]

QONNX_DOMAINS = ("qonnx.custom_op.general", "finn.custom_op.general", "onnx.brevitas")

IMPORTERS: dict[tuple[str, str], Importer] = {}


def importer(*op_types: str, domains: Sequence[str] = (STANDARD_DOMAIN,)) -> Callable[[Importer], Importer]:
    """Register the importer of ops of these names in these domains."""

    def register(function: Importer) -> Importer:
        for key in ((domain, op_type) for domain in domains for op_type in op_types):
            assert key not in IMPORTERS, f"two importers for {key}"
            IMPORTERS[key] = function
        return function

    return register
