# SPDX-License-Identifier: Apache-2.0
"""The one error class for a user's mistake: what is wrong, where, and how to mend it."""

from __future__ import annotations

from xdsl.dialects.builtin import CallSiteLoc, FileLineColLoc, FusedLoc, NameLoc
from xdsl.ir import Attribute, Operation
from xdsl.utils.exceptions import DiagnosticException

LONGEST_WHAT = 2200  # characters of what is wrong
LONGEST_PART = 800  # of where, and of how to mend it


class QoptError(DiagnosticException):
    """A user's mistake. Prints as `error: WHAT`, `  at: WHERE`, `  mend: MEND`.

    Args:
        what: what is wrong, with the values, present tense, lower case, no full stop.
        where: ONNX node, file and line, or the op itself (its location is used).
        mend: what the user can do about it.
    """

    def __init__(self, what: str, where: str | Operation | None = None, mend: str | None = None):
        self.what = _screenful(what, LONGEST_WHAT)
        place = describe_location(where) if isinstance(where, Operation) else where
        self.where = _screenful(place or "", LONGEST_PART) or None
        self.mend = _screenful(mend or "", LONGEST_PART) or None
        super().__init__(str(self))

    def __str__(self) -> str:
        lines = [f"error: {self.what}"]
        if self.where:
            lines.append(f"  at: {self.where}")
        if self.mend:
            lines.append(f"  mend: {self.mend}")
        return "\n".join(lines)


def user_error(fault: Exception) -> QoptError | None:
    """The fault as an error of the user's input, tensors beyond the memory of the machine included; else None."""
    if isinstance(fault, MemoryError):
        what = f"the network needs more memory than there is: {fault}" if str(fault) else "there is not enough memory"
        return QoptError(what, mend="use smaller tensors, or run fewer frames at once")
    return fault if isinstance(fault, QoptError) else None


def _screenful(text: str, longest: int) -> str:
    """A part of a message, each line without its middle if names of the model make it longer than a screen."""
    if len(text) <= longest:
        return text
    lines = text.split("\n")
    half = max(longest // len(lines) // 2, 20)
    return "\n".join(line if len(line) <= 2 * half else f"{line[:half]} ... {line[-half:]}" for line in lines)


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
