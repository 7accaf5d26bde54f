# SPDX-License-Identifier: Apache-2.0
"""Word lengths and shared weights within one bound: it holds against the float network, behind both.

Word lengths are chosen first. Where sharing then breaks the bound, they are chosen again with what was missing in
reserve; where that does not help, the specification is refused.
"""

from __future__ import annotations

from collections.abc import Sequence

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.passes import ModulePass

from ..frontends.precision.specification import Specification
from ..frontends.precision.syntax import error_in
from ..qdialect.errors import QoptError
from .optimize_word_lengths import DEFAULT_BOUND, Search, measurement_for, optimize_word_lengths
from .remarks import collected_remarks
from .runner import run_passes

ATTEMPTS = 5
RESERVE_STEP = 1.5  # of what was missing: the next choice may lose more to sharing
LARGEST_SHARE = 0.999  # of what the network has in reserve with the most bits


def shorten_and_share(
    context: Context, module: ModuleOp, specification: Specification, network: ModuleOp, sharing: Sequence[ModulePass]
) -> list[str]:
    """Choose word lengths of a quantised network in place, then run the passes that share weights. Returns remarks.

    Args:
        network: what the bound is against, as a rule the float network.

    Raises: QoptError if the bound cannot be kept.
    """
    reserve, missing = 0.0, 0.0
    judge = measurement_for(network, specification)
    largest = LARGEST_SHARE * judge.margin(module)
    for _ in range(ATTEMPTS):
        attempt = module.clone()
        with collected_remarks() as remarks:
            optimize_word_lengths(attempt, specification, Search(reference=network, reserve=reserve))
            run_passes(context, attempt, sharing)
        missing = -judge.margin(attempt)
        if missing <= 0:
            _replace(module, attempt)
            return remarks
        reserve, before = min(reserve + RESERVE_STEP * missing, largest), reserve
        if reserve == before:
            break
    raise _missed(module, specification, missing)


def check_bound(module: ModuleOp, specification: Specification, network: ModuleOp) -> None:
    """QoptError if a network misses the bound of the specification against another."""
    missing = -measurement_for(network, specification).margin(module)
    if missing > 0:
        raise _missed(module, specification, missing)


def _missed(module: ModuleOp, specification: Specification, missing: float) -> QoptError:
    shares = any(rule.share is not None for rule in specification.rules)
    subject = "with shared weights the network" if shares else "the quantised network"
    what = f"{subject} misses the bound {specification.bound or DEFAULT_BOUND} by {missing:.2f}"
    mend = f"{'share more values or in smaller groups, ' if shares else ''}begin with wider formats, or ask for less"
    return error_in(specification, specification.places.get("bound"), what, mend, module)


def _replace(module: ModuleOp, by: ModuleOp) -> None:
    """Put the contents of another module in place of those of `module`."""
    for op in list(module.body.block.ops):
        op.detach()
        op.erase()
    for op in list(by.body.block.ops):
        op.detach()
        module.body.block.add_op(op)
