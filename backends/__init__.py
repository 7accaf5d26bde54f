# SPDX-License-Identifier: Apache-2.0
"""The targets of `qopt -t`: one line each."""

from __future__ import annotations

from difflib import get_close_matches
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from xdsl.utils.target import Target

TARGETS = {
    "verilog": ".verilog:VerilogTarget",
    "estimate": ".estimate:EstimateTarget",
    "coverage": ".coverage:CoverageTarget",
    "onnx": ".onnx.target:OnnxTarget",
}


def target_class(name: str) -> type[Target]:
    """The class of a target; imported on use."""
    module, class_name = TARGETS[name].split(":")
    return getattr(import_module(module, __package__), class_name)


def told_of_refusal(text: str, fault: Exception) -> str | None:
    """What the target `text` tells about input that cannot be read; None if that is for the caller to tell."""
    name = text.partition("{")[0]
    refused = getattr(target_class(name), "refused", None) if name in TARGETS else None
    return None if refused is None else refused(fault)


def make_target(text: str) -> Target:
    """The target of `name` or `name{option=1}`; QoptError if there is none, or an option is wrong."""
    from xdsl.utils.arg_spec import parse_spec
    from xdsl.utils.exceptions import ArgSpecParseError

    from ..qdialect.errors import QoptError

    try:
        spec = parse_spec(text)
        if spec.name in TARGETS:
            return target_class(spec.name).from_spec(spec)
    except (ValueError, ArgSpecParseError) as fault:
        raise QoptError(f"wrong target '{text}': {fault}", mend="`qopt --help` lists all") from None
    close = get_close_matches(spec.name, TARGETS, n=1)
    hint = f"did you mean '{close[0]}'?  " if close else ""
    raise QoptError(f"unknown target '{spec.name}'", mend=f"{hint}the targets are mlir, {', '.join(TARGETS)}")
