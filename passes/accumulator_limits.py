# SPDX-License-Identifier: Apache-2.0
"""Whether a network keeps the word lengths that a specification gives its accumulators, when all weights are chosen.

`q-quantize` refuses a limit that the widest formats exceed. What follows may add to the sums: weights that share values
are rounded once more, a search rounds them anew, and streamlining moves a zero point behind the product.
"""

from __future__ import annotations

from xdsl.dialects.builtin import ModuleOp

from ..frontends.precision.specification import FormatChoice, Role, Specification
from ..frontends.precision.syntax import error_in
from ..qdialect.errors import node_name
from ..qdialect.formats import IntRange
from ..qdialect.q import Convolution, MatMulOp
from ..qdialect.text import new_context
from .calibration.layers import find_layers
from .range_analysis import analyse
from .remarks import collected_remarks
from .rewriting import function_named
from .runner import parse_passes, run_passes

_TO_PRODUCTS_OF_CODES = "q-fold-constants,q-convert-to-typed,q-streamline"
_NOTHING = IntRange(0, 0)


def check_accumulator_limits(module: ModuleOp, specification: Specification) -> None:
    """QoptError if the sums of a quantised graph need more bits, proven without the bias, than their limit."""
    limits = _limits(module, specification)
    if not limits:
        return
    copy = module.clone()
    with collected_remarks():  # of a trial: nobody asked for them
        run_passes(new_context(), copy, parse_passes(_TO_PRODUCTS_OF_CODES))
    ranges = analyse(copy)
    for op in copy.walk():
        limit = limits.get(node_name(op) or "")
        if limit is None or not isinstance(op, MatMulOp | Convolution) or op.result not in ranges:
            continue
        needed = ranges[op.result].hull.hull(_NOTHING).word_length  # sums begin with 0
        if needed > limit.bits.hi:
            what = f"the accumulator of '{node_name(op)}' needs {needed} bits in the end, the limit is {limit.bits.hi}"
            mend = f"give its weights or its input a bit less, or the accumulator fixed<{needed}>"
            raise error_in(specification, limit.place, what, mend, op)


def _limits(module: ModuleOp, specification: Specification) -> dict[str, FormatChoice]:
    """What the specification gives the accumulators of products, by the node of each."""
    main = function_named(module, "main")
    limits = dict[str, FormatChoice]()
    if main is None or not any(Role.ACCUMULATOR in rule.formats for rule in specification.rules):
        return limits
    for given in find_layers(main).given:
        choices = specification.choices(given.names, given.kind)
        limit = choices.formats.get(Role.ACCUMULATOR)
        if given.weights is not None and limit is not None and not choices.keep:
            limits[given.name] = limit
    return limits
