# SPDX-License-Identifier: Apache-2.0
"""Look-up tables of the hardware that a graph-level network becomes, as the cost model estimates them."""

from __future__ import annotations

from xdsl.dialects.builtin import ModuleOp

from ..qdialect.cost import unit_cost
from ..qdialect.dataflow import hardware_function, unit_graph
from ..qdialect.text import new_context
from .remarks import collected_remarks
from .runner import parse_passes, run_passes


def estimated_luts(module: ModuleOp) -> int:
    """Of all units after `q-to-typed,q-to-dataflow` without FIFOs. Raises QoptError if it cannot become hardware."""
    copy = module.clone()
    with collected_remarks():  # of a trial: nobody asked for them
        run_passes(new_context(), copy, parse_passes("q-to-typed,q-convert-to-dataflow,q-insert-forks,q-set-folding"))
    units = unit_graph(hardware_function(copy))
    return sum(unit_cost(unit).lut for unit in units)
