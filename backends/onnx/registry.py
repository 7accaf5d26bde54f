# SPDX-License-Identifier: Apache-2.0
"""The table of ops that can be exported. A family in `ops/` adds its lines with `@exporter(MatMulOp)`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

from xdsl.ir import Operation

from .context import Context
from .graph import Tensor

# Writes the ONNX nodes of an op and gives a tensor for each of its results.
Exporter: TypeAlias = Callable[[Any, Context], "Tensor | Sequence[Tensor]"]

_EXPORTERS: dict[type[Operation], Exporter] = {}  # filled while `ops` is imported, then only read


def exporter(*op_classes: type[Operation]) -> Callable[[Exporter], Exporter]:
    """Register the exporter of these classes, and of their subclasses that have none of their own."""

    def register(function: Exporter) -> Exporter:
        for op_class in op_classes:
            assert op_class not in _EXPORTERS, f"two exporters for {op_class}"
            _EXPORTERS[op_class] = function
        return function

    return register


def exporter_of(op_class: type[Operation]) -> Exporter | None:
    """The exporter of an op class, or of the nearest class above it that has one."""
    return next((_EXPORTERS[class_] for class_ in op_class.__mro__ if class_ in _EXPORTERS), None)
