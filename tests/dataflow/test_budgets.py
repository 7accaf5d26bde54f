# SPDX-License-Identifier: Apache-2.0
"""A budget holds with the converters and FIFOs that the hardware gets."""

from __future__ import annotations

import random
import re
import sys
from pathlib import Path

import pytest
from qopt_mlir.passes.folding_search import Budget, Feed, FoldableUnit, Folding, within
from qopt_mlir.passes.pipelines import to_dataflow
from qopt_mlir.qdialect.cost import UnitCost, total_cost
from qopt_mlir.qdialect.dataflow import Memory, hardware_function, unit_graph
from qopt_mlir.qdialect.errors import QoptError
from xdsl.dialects.builtin import ModuleOp

sys.path.insert(0, str(Path(__file__).parent))
from graphs import RandomGraph
from networks import RandomNetwork, run_passes


def random_modules() -> list[ModuleOp]:
    networks = [RandomNetwork(random.Random(seed), [12, 8, 6, 4]).module() for seed in range(3)]
    graphs = [RandomGraph(random.Random(seed)).module() for seed in range(4)]
    return networks + graphs


def lut_within(module: ModuleOp, max_lut: int) -> int:
    """Look-up tables of the whole, built for this budget."""
    built = run_passes(module.clone(), to_dataflow(2e8, max_lut=max_lut))
    return total_cost(unit_graph(hardware_function(built))).lut


@pytest.mark.parametrize("index", range(7))
def test_total_stays_within_budget(index: int) -> None:
    module = random_modules()[index]
    with pytest.raises(QoptError, match="needs about") as refused:
        lut_within(module, 1)
    (least,) = re.findall(r"allow max-lut=(\d+)", str(refused.value))
    for max_lut in (int(least) * 5 // 4, int(least) * 3):
        assert lut_within(module, max_lut) <= max_lut


def test_fifos_beyond_the_budget_are_named() -> None:
    """Where streams join, FIFOs are deeper than the search can know; what is asked for then is enough."""
    refusals = 0
    for module in random_modules():
        needed, message = 1, "needs about"
        while True:
            try:
                assert lut_within(module, needed) <= needed
                break
            except QoptError as error:
                message = str(error)
            refusals += "with the FIFOs between its units the network needs" in message
            (more,) = re.findall(r"allow max-lut=(\d+)", message)
            assert int(more) > needed, message
            needed = int(more)
    assert refusals > 0


def test_all_of_a_budget_is_used_where_that_saves_area() -> None:
    """Equal units are worth the same price; as many as fit get what is scarce, not none of them."""
    options = {
        Folding(1, 1, Memory.BLOCK): UnitCost(cycles=8, lut=10, bram18=2),
        Folding(1, 1, Memory.DISTRIBUTED): UnitCost(cycles=8, lut=400),
    }
    units = [FoldableUnit(str(number), options, (Feed(number - 1, 8, 4),)) for number in range(5)]
    for blocks in range(6):
        choice = within(units, 8, Budget(bram18=2 * blocks + 1))
        assert choice is not None
        assert choice.cost.bram18 == 2 * blocks
