# SPDX-License-Identifier: Apache-2.0
"""IR as text: parse with the file position of every op, print with ONNX node names, find faults with their place.

Locations: an op read from text has `FileLineColLoc`, or `NameLoc("node"(file:line:col))` if the text names an ONNX
node with `loc("node")`. Printing writes node names only, so that text read and printed again is the same text.
"""

from __future__ import annotations

import re
import struct
from bisect import bisect_right
from difflib import get_close_matches
from io import StringIO
from math import prod
from pathlib import Path
from typing import IO, cast

from xdsl.context import Context
from xdsl.dialects.builtin import (
    Builtin,
    FileLineColLoc,
    IntAttr,
    ModuleOp,
    NameLoc,
    NoneAttr,
    StringAttr,
    TensorType,
    UnknownLoc,
)
from xdsl.dialects.func import Func
from xdsl.ir import Attribute, AttributeInvT, BlockArgument, Operation, Region, SSAValue
from xdsl.parser import Parser, UnresolvedOperand
from xdsl.parser.generic_parser import ParserState
from xdsl.printer import Printer
from xdsl.traits import IsolatedFromAbove
from xdsl.utils.exceptions import ParseError, VerifyException
from xdsl.utils.lexer import Input, Span, Token
from xdsl.utils.mlir_lexer import MLIRLexer, MLIRToken, MLIRTokenKind, StringLiteral

from .attrs import elided_constants
from .dataflow.graph import adopt_returned_lanes, same_frame
from .errors import QoptError
from .functions import verify_functions

MEND = "; mend: "  # splits the text of a verifier's exception into what is wrong and how to mend it
_MAX_SHOWN = 160  # characters of a source line shown in an error
_NOTHING = re.compile(r"(?:\s++|//[^\n]*+)*+\Z")  # blanks and comments alone
_UNKNOWN_OP = re.compile(r"\s*Operation (\S+) is not registered\s*")  # xDSL's message
_MAX_DIGITS = 4000  # of a number; Python refuses to read more than 4300
_XDSL_MENDS = {  # part of a message of xDSL's verifiers -> how to mend
    "should be of base attribute tensor": "write a tensor type: tensor<...>",
    "operand type mismatch": "give the operands of the call the types of the function's arguments",
    "result type mismatch": "give the results of the call the types of the function's results",
    "must be the last operation": "end each function with one func.return",
    "is not a terminator": "end each function with one func.return",
    "expects parent op": "move it into the op that is expected",
    "Redefinition of symbol": "rename or remove one of the two",
    "could not be found in symbol table": "define the function, or correct the name in the call",
}
LARGEST_TENSOR = 1 << 48  # elements
_OTHER_MEND = "correct the operands, attributes or types of the op"


def new_context() -> Context:
    """A context that knows builtin, func, q and dataflow."""
    from .dataflow import Dataflow
    from .q import Q

    context = Context()
    for dialect in (Builtin, Func, Q, Dataflow):
        context.load_dialect(dialect)
    return context


class _Lexer(MLIRLexer):
    """xDSL's lexer, mended.

    A string without an end takes linear time, not exponential; a string with escapes may hold any UTF-8; a number that
    is too long for Python is a syntax error.
    """

    _unescaped_characters_regex = re.compile(r'"(?:[^"\\\n\v\f]++|\\(?:["nt\\]|[0-9A-Fa-f]{2}))*+"')

    def _lex_string_literal(self, start_pos: int) -> MLIRToken:
        content = self.input.content
        end = content.find('"', start_pos + 1)
        if end > 0 and all(content.find(special, start_pos, end) < 0 for special in "\\\n\v\f"):
            self.pos = end + 1  # packed codes: found faster than by a regular expression
            return Token(MLIRTokenKind.STRING_LIT, StringLiteral(start_pos, self.pos, self.input))
        token = super()._lex_string_literal(start_pos)
        if token.kind is not MLIRTokenKind.BYTES_LIT:
            return token
        literal = StringLiteral(start_pos, self.pos, self.input)
        try:
            literal.bytes_contents.decode()
        except UnicodeDecodeError:
            return token
        return Token(MLIRTokenKind.STRING_LIT, literal)

    def _lex_number(self, start_pos: int) -> MLIRToken:
        token = super()._lex_number(start_pos)
        if len(token.span) > _MAX_DIGITS:
            raise ParseError(token.span, f"a number of {len(token.span)} digits is too long")
        return token


class PositionParser(Parser):
    """Parser that keeps the file position of every op in its location."""

    def __init__(self, context: Context, text: str, name: str, first_line: int = 1):
        super().__init__(context, "", name)
        self._parser_state = ParserState(_Lexer(Input(text, name)))
        self._file_name = name
        self._first_line = first_line
        self._line_starts = _line_starts(text)

    def parse_operation(self) -> Operation:
        span = self._current_token.span
        here = self._location(span.start)
        try:
            op = super().parse_operation()
        except VerifyException as fault:
            raise verify_error(fault, _place(span, self._file_name, self._first_line)) from None
        except ParseError as fault:
            match = _UNKNOWN_OP.fullmatch(fault.msg)
            if match is None:
                raise
            raise ParseError(span, self._unknown_op(match[1])) from None  # xDSL points behind the op
        except struct.error:  # of xDSL's arrays of numbers
            raise ParseError(span, "a number is beyond the 64 bits that it has here") from None
        if isinstance(op.location, UnknownLoc):
            op.location = here
        elif isinstance(op.location, NameLoc):
            op.location = NameLoc(op.location.desc, here)
        return op

    def resolve_operand(self, operand: UnresolvedOperand, type: AttributeInvT) -> SSAValue[AttributeInvT]:
        """As in xDSL; where a stream is used with other lanes than its unit gives, the unit was edited: it is right."""
        values = self.ssa_values.get(operand.operand_name, ())
        if operand.index < len(values) and same_frame(values[operand.index].type, type):
            return cast(SSAValue[AttributeInvT], values[operand.index])
        return super().resolve_operand(operand, type)

    def _unknown_op(self, name: str) -> str:
        close = get_close_matches(name, [op.name for op in self.ctx.loaded_ops], n=1)
        hint = f"did you mean '{close[0]}'?" if close else "docs/dialects.md lists the ops"
        return f"there is no op '{name}'{MEND}{hint}"

    def _location(self, position: int) -> FileLineColLoc:
        line = bisect_right(self._line_starts, position)
        column = position - self._line_starts[line - 1] + 1
        return FileLineColLoc(StringAttr(self._file_name), IntAttr(line + self._first_line - 1), IntAttr(column))


def _line_starts(text: str) -> list[int]:
    """The position of the first character of each line, found by search: a line may hold megabytes of weights."""
    starts = [0]
    while (end := text.find("\n", starts[-1])) >= 0:
        starts.append(end + 1)
    return starts


def read_file(path: str | Path, no_text: str = "give an .onnx model or textual IR (.mlir)") -> str:
    """The text of a file; QoptError if it cannot be read, or is no text (with the mend `no_text`)."""
    try:
        return Path(path).read_text(encoding="utf-8-sig")
    except OSError as fault:
        raise QoptError(f"cannot read '{path}': {fault.strerror}", mend="check the path") from None
    except ValueError as fault:  # no UTF-8; a path with a null character
        raise QoptError(f"'{path}' is no text: {fault}", mend=no_text) from None


def parse_module(text: str, name: str, context: Context | None = None, first_line: int = 1) -> ModuleOp:
    """Read a module; `name` (a file's) and `first_line` serve messages. Raises QoptError with line, column, caret."""
    if _NOTHING.match(text):
        raise QoptError("there is no IR to read", name, "give textual IR, or a model as .onnx")
    try:
        module = PositionParser(context or new_context(), text, name, first_line).parse_module()
        adopt_returned_lanes(module)
        return module
    except ParseError as fault:
        raise _syntax_error(fault, name, first_line) from None
    except VerifyException as fault:
        raise verify_error(fault, name) from None
    except RecursionError:
        raise QoptError("the text is nested too deeply", name, "unnest its lists, regions or attributes") from None


def _syntax_error(fault: ParseError, name: str, first_line: int) -> QoptError:
    what, mend = split_mend(fault.msg.strip())
    return QoptError(what, _place(fault.span, name, first_line), mend or "correct the text at the caret")


def _place(span: Span[str] | Span[bytes], name: str, first_line: int) -> str:
    """`net.mlir:41:3`, and the line with a caret."""
    start, source = span.start, span.input
    content = source.content if isinstance(source.content, str) else source.content.decode(errors="replace")
    line_start = content.rfind("\n", 0, start) + 1
    line = content.count("\n", 0, start) + first_line
    column = start - line_start + 1
    line_end = content.find("\n", start)
    shown = content[line_start : len(content) if line_end < 0 else line_end]
    offset = max(0, column - _MAX_SHOWN // 2)
    shown = "".join(c if c.isprintable() else " " for c in shown[offset : offset + _MAX_SHOWN])
    return f"{name}:{line}:{column}\n    {shown}\n    {' ' * (column - 1 - offset)}^"


def split_mend(text: str) -> tuple[str, str | None]:
    """`what; mend: how` -> (what, how)."""
    what, separator, mend = text.partition(MEND)
    return what, mend if separator else None


def verify_error(fault: VerifyException, where: str | Operation | None) -> QoptError:
    """A verifier's exception as the error that a user sees; xDSL's own verifiers do not say how to mend."""
    what, mend = split_mend(str(fault).strip())
    if mend is None:
        mend = next((mend for part, mend in _XDSL_MENDS.items() if part in what), _OTHER_MEND)
    return QoptError(what, where, mend)


def verify_module(module: ModuleOp) -> None:
    """Verify every op, and that every value is defined before it is used. Raises QoptError at the first fault."""
    with elided_constants():
        _verify_dominance(module.body, set())
        for op in module.walk():
            _verify_sizes(op)
            try:
                op.verify(verify_nested_ops=False)
            except VerifyException as fault:
                raise verify_error(fault, op) from None
        verify_functions(module)


def _verify_sizes(op: Operation) -> None:
    arguments = [argument for region in op.regions for block in region.blocks for argument in block.args]
    for value in (*op.results, *arguments):
        if isinstance(value.type, TensorType) and prod(value.type.get_shape()) > LARGEST_TENSOR:
            mend = f"write sizes whose product is at most {LARGEST_TENSOR}"
            raise QoptError(f"{_name_of(value)} has more elements than any memory: {value.type}", op, mend)


def _verify_dominance(region: Region, outer: set[SSAValue]) -> None:
    defined = set(outer)
    for block in region.blocks:
        defined.update(block.args)
        for op in block.ops:
            for operand in op.operands:
                if operand not in defined:
                    raise _dominance_error(op, operand)
            for inner in op.regions:
                _verify_dominance(inner, set() if op.has_trait(IsolatedFromAbove) else defined)
            defined.update(op.results)


def _dominance_error(op: Operation, operand: SSAValue) -> QoptError:
    name, region = _name_of(operand), operand.owner.parent_region()
    if region is None or not region.is_ancestor(op):
        return QoptError(f"{op.name} uses {name} of another function", op, "pass it to this function as an argument")
    return QoptError(f"{op.name} uses {name} before it is defined", op, "move the definition above this op")


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
