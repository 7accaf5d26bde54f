# SPDX-License-Identifier: Apache-2.0
"""`qopt -t estimate`: the report's table of a dataflow-level module."""

from __future__ import annotations

from dataclasses import dataclass
from typing import IO

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.utils.target import Target

from ..qdialect.errors import QoptError


@dataclass(frozen=True)
class EstimateTarget(Target):
    """Cycles, latency and estimated resources of each unit, as a table."""

    name = "estimate"
    clock: float | int = 200e6  # hertz

    def emit(self, ctx: Context, module: ModuleOp, output: IO[str]) -> None:
        from .report import report_data, report_text

        if not self.clock > 0:
            raise QoptError(f"the target 'estimate' has clock={self.clock}", mend="give a positive number of hertz")
        output.write(report_text(report_data(module, "network", float(self.clock))))
