# SPDX-License-Identifier: Apache-2.0
"""`qopt build --spec`: quantise a float network as a specification says, before it is built."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from xdsl.context import Context
    from xdsl.dialects.builtin import ModuleOp


def apply_specification(context: Context, module: ModuleOp, path: str) -> str:
    """Quantise `module` in place; with an objective or a bound, choose word lengths too. Returns a report."""
    from xdsl.utils.arg_spec import ArgSpec

    from ..backends.build import level_of
    from ..frontends.precision.parser import read_specification
    from ..passes.remarks import collected_remarks
    from ..passes.runner import make_pass, run_passes
    from ..qdialect.errors import QoptError

    level = level_of(module)
    if level != "graph":
        what = f"--spec quantises a network of the graph level, this module is at the {level} level"
        raise QoptError(what, mend="build from the .onnx file or from ir/graph.mlir")
    specification = read_specification(path)
    shared = next((rule for rule in specification.rules if rule.share is not None), None)
    if shared is not None:
        layers = ", ".join(map(str, shared.patterns))
        mend = "leave it out, and run the pass q-share-weights on ir/typed.mlir of the build"
        raise QoptError(f"--spec does not share weights, as layers {layers} ask for", path, mend)
    names = ["q-quantize"]
    if specification.objective is not None or specification.bound is not None:
        names.append("q-optimize-word-lengths")
    with collected_remarks() as remarks:
        run_passes(context, module, [make_pass(ArgSpec(name, {"specification": (path,)})) for name in names])
    return "".join(f"{text.partition(': ')[2].rpartition(chr(10))[0]}\n" for text in remarks)
