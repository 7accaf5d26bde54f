# SPDX-License-Identifier: Apache-2.0
"""`qopt build --spec`: quantise a float network as a specification says, before it is built."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from xdsl.context import Context
    from xdsl.dialects.builtin import ModuleOp

    from ..frontends.precision.specification import Specification


def apply_specification(context: Context, module: ModuleOp, path: str) -> str:
    """Quantise `module` in place, choose word lengths within a bound, share weights, as asked. Returns a report."""
    from xdsl.utils.arg_spec import ArgSpec

    from ..backends.build import level_of
    from ..frontends.precision.parser import read_specification
    from ..passes.accumulator_limits import check_accumulator_limits
    from ..passes.bounded_precision import check_bound, shorten_and_share
    from ..passes.remarks import collected_remarks
    from ..passes.runner import make_pass, run_passes
    from ..passes.share_weights import ShareAgainst
    from ..qdialect.errors import QoptError

    level = level_of(module)
    if level != "graph":
        what = f"--spec quantises a network of the graph level, this module is at the {level} level"
        raise QoptError(what, mend="build from the .onnx file or from ir/graph.mlir")
    specification = read_specification(path)
    network = module.clone()
    sharing = [ShareAgainst(specification, network)] if any(rule.share for rule in specification.rules) else []
    with collected_remarks() as remarks:
        run_passes(context, module, [make_pass(ArgSpec("q-quantize", {"specification": (path,), "hardware": (True,)}))])
        if _chooses_word_lengths(specification):
            remarks += shorten_and_share(context, module, specification, network, sharing)
        else:
            run_passes(context, module, sharing)
            if specification.bound is not None:
                check_bound(module, specification, network)
    check_accumulator_limits(module, specification)
    return "".join(f"{text.partition(': ')[2].rpartition(chr(10))[0]}\n" for text in remarks)


def _chooses_word_lengths(specification: Specification) -> bool:
    """Not if no format leaves a choice: then the bound is for the sharing, or to be checked."""
    formats = [choice for rule in specification.rules for choice in rule.formats.values()]
    return specification.objective is not None or any(choice.bits.lo < choice.bits.hi for choice in formats)
