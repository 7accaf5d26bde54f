# SPDX-License-Identifier: Apache-2.0
"""The one error class for a user's mistake: what is wrong, where, and how to mend it."""

from __future__ import annotations

from xdsl.dialects.builtin import CallSiteLoc, FileLineColLoc, FusedLoc, NameLoc
from xdsl.ir import Attribute, Operation
from xdsl.utils.exceptions import DiagnosticException


class QoptError(DiagnosticException):
    """A user's mistake. Prints as `error: WHAT`, `  at: WHERE`, `  mend: MEND`.

    Args:
        what: what is wrong, with the values, present tense, lower case, no full stop.
        where: ONNX node, file and line, or the op itself (its location is used).
        mend: what the user can do about it.
    """

    def __init__(self, what: str, where: str | Operation | None = None, mend: str | None = None):
        self.what = what
        self.where = describe_location(where) if isinstance(where, Operation) else where
        self.mend = mend
        super().__init__(str(self))

    def __str__(self) -> str:
        lines = [f"error: {self.what}"]
        if self.where:
            lines.append(f"  at: {self.where}")
        if self.mend:
            lines.append(f"  mend: {self.mend}")
        return "\n".join(lines)


def describe_location(op: Operation) -> str | None:
    """`node 'MatMul_14', net.mlir:41:3`: what an op's location says, for messages; None if it says nothing."""
    parts = _location_parts(op.location)
    return ", ".join(parts) if parts else None


def node_name(op: Operation) -> str | None:
    """The ONNX node name kept as the op's location, or None."""
    location = op.location
    return location.desc.data if isinstance(location, NameLoc) else None


def _location_parts(location: Attribute) -> list[str]:
    match location:
        case NameLoc():
            return [f"node '{location.desc.data}'", *_location_parts(location.location)]
        case FileLineColLoc():
            return [f"{location.filename.data}:{location.line.data}:{location.column.data}"]
        case FusedLoc():
            return [part for inner in location.locations.data for part in _location_parts(inner)]  # pyright: ignore
        case CallSiteLoc():
            return _location_parts(location.callee)
        case _:
            return []
