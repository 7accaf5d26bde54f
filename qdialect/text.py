# SPDX-License-Identifier: Apache-2.0
"""IR as text: parse with the file position of every op, print with ONNX node names, find faults with their place.

Locations: an op read from text has `FileLineColLoc`, or `NameLoc("node"(file:line:col))` if the text names an ONNX
node with `loc("node")`. Printing writes node names only, so that text read and printed again is the same text.
"""

from __future__ import annotations

from bisect import bisect_right
from io import StringIO
from typing import IO

from xdsl.context import Context
from xdsl.dialects.builtin import Builtin, FileLineColLoc, IntAttr, ModuleOp, NameLoc, NoneAttr, StringAttr, UnknownLoc
from xdsl.dialects.func import Func
from xdsl.ir import Attribute, BlockArgument, Operation, Region, SSAValue
from xdsl.parser import Parser
from xdsl.printer import Printer
from xdsl.utils.exceptions import ParseError, VerifyException

from .attrs import elided_constants
from .errors import QoptError

MEND = "; mend: "  # splits the text of a verifier's exception into what is wrong and how to mend it
_MAX_SHOWN = 160  # characters of a source line shown in an error


def new_context() -> Context:
    """A context that knows builtin, func, q and dataflow."""
    from .dataflow import Dataflow
    from .q import Q

    context = Context()
    for dialect in (Builtin, Func, Q, Dataflow):
        context.load_dialect(dialect)
    return context


class PositionParser(Parser):
    """Parser that keeps the file position of every op in its location."""

    def __init__(self, context: Context, text: str, name: str, first_line: int = 1):
        super().__init__(context, text, name)
        self._file_name = name
        self._first_line = first_line
        self._line_starts = [0, *(i + 1 for i, character in enumerate(text) if character == "\n")]

    def parse_operation(self) -> Operation:
        position = self._current_token.span.start
        op = super().parse_operation()
        here = self._location(position)
        if isinstance(op.location, UnknownLoc):
            op.location = here
        elif isinstance(op.location, NameLoc):
            op.location = NameLoc(op.location.desc, here)
        return op

    def _location(self, position: int) -> FileLineColLoc:
        line = bisect_right(self._line_starts, position)
        column = position - self._line_starts[line - 1] + 1
        return FileLineColLoc(StringAttr(self._file_name), IntAttr(line + self._first_line - 1), IntAttr(column))


def parse_module(text: str, name: str, context: Context | None = None, first_line: int = 1) -> ModuleOp:
    """Read a module; `name` (a file's) and `first_line` serve messages. Raises QoptError with line, column, caret."""
    try:
        return PositionParser(context or new_context(), text, name, first_line).parse_module()
    except ParseError as fault:
        raise _syntax_error(fault, name, first_line) from None
    except VerifyException as fault:
        raise verify_error(fault, name) from None
    except RecursionError:
        raise QoptError("the text is nested too deeply", name, "unnest its lists, regions or attributes") from None


def _syntax_error(fault: ParseError, name: str, first_line: int) -> QoptError:
    start, source = fault.span.start, fault.span.input
    content = source.content if isinstance(source.content, str) else source.content.decode(errors="replace")
    line_start = content.rfind("\n", 0, start) + 1
    line = content.count("\n", 0, start) + first_line
    column = start - line_start + 1
    line_end = content.find("\n", start)
    shown = content[line_start : len(content) if line_end < 0 else line_end]
    offset = max(0, column - _MAX_SHOWN // 2)
    shown = shown[offset : offset + _MAX_SHOWN]
    what, mend = split_mend(fault.msg.strip())
    place = f"{name}:{line}:{column}\n    {shown}\n    {' ' * (column - 1 - offset)}^"
    return QoptError(what, place, mend or "correct the text at the caret")


def split_mend(text: str) -> tuple[str, str | None]:
    """`what; mend: how` -> (what, how)."""
    what, separator, mend = text.partition(MEND)
    return what, mend if separator else None


def verify_error(fault: VerifyException, where: str | Operation | None) -> QoptError:
    """A verifier's exception as the error that a user sees."""
    what, mend = split_mend(str(fault).strip())
    return QoptError(what, where, mend)


def verify_module(module: ModuleOp) -> None:
    """Verify every op, and that every value is defined before it is used. Raises QoptError at the first fault."""
    with elided_constants():
        for op in module.walk():
            try:
                op.verify(verify_nested_ops=False)
            except VerifyException as fault:
                raise verify_error(fault, op) from None
        _verify_dominance(module.body, set())


def _verify_dominance(region: Region, outer: set[SSAValue]) -> None:
    defined = set(outer)
    for block in region.blocks:
        defined.update(block.args)
        for op in block.ops:
            for operand in op.operands:
                if operand not in defined:
                    raise QoptError(
                        f"{op.name} uses {_name_of(operand)} before it is defined",
                        op,
                        "move the definition above this op",
                    )
            for inner in op.regions:
                _verify_dominance(inner, defined)
            defined.update(op.results)


def _name_of(value: SSAValue) -> str:
    if value.name_hint:
        return f"'%{value.name_hint}'"
    return "a block argument" if isinstance(value, BlockArgument) else "a value"


class _NodeNamePrinter(Printer):
    """Prints `loc("node")` behind ops that carry an ONNX node name, and no other location."""

    def print_op(self, op: Operation) -> None:
        super().print_op(op)
        if isinstance(op.location, NameLoc):
            self.print_string(" ")
            self.print_attribute(_bare(op.location))


def _bare(location: NameLoc) -> Attribute:
    return location if isinstance(location.location, NoneAttr) else NameLoc(location.desc, NoneAttr())


def print_module(module: ModuleOp, stream: IO[str], *, generic: bool = False, node_names: bool = True) -> None:
    """Write the whole module, constants in full, one newline at the end."""
    printer = (_NodeNamePrinter if node_names else Printer)(stream, print_generic_format=generic)
    printer.print_op(module)
    stream.write("\n")


def module_text(module: ModuleOp, *, node_names: bool = True) -> str:
    """The text that `print_module` writes."""
    stream = StringIO()
    print_module(module, stream, node_names=node_names)
    return stream.getvalue()
