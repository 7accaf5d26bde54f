# SPDX-License-Identifier: Apache-2.0
"""Area of the hardware that a graph-level network becomes, as the cost model estimates it."""

from __future__ import annotations

from xdsl.dialects.builtin import ModuleOp

from ..qdialect.cost import total_cost
from ..qdialect.dataflow import hardware_function, unit_graph
from ..qdialect.text import new_context
from .remarks import collected_remarks
from .runner import parse_passes, run_passes


def estimated_area(module: ModuleOp) -> int:
    """Look-up tables of all units after `q-to-typed,q-to-dataflow` without FIFOs; DSP blocks and memories as many as
    they weigh there. Raises QoptError if it cannot become hardware.
    """
    copy = module.clone()
    with collected_remarks():  # of a trial: nobody asked for them
        run_passes(new_context(), copy, parse_passes("q-to-typed,q-convert-to-dataflow,q-insert-forks,q-set-folding"))
    return total_cost(unit_graph(hardware_function(copy))).area
