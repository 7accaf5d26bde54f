# SPDX-License-Identifier: Apache-2.0
"""`qopt FILE -p PASSES -t TARGET`: the opt tool. Textual IR or ONNX in, passes, IR or a target out."""

from __future__ import annotations

import argparse
import re
import sys
import textwrap
from dataclasses import dataclass
from io import BytesIO, TextIOWrapper
from time import perf_counter
from typing import IO, TYPE_CHECKING

from .arguments import add_shape_option, batch_hint, load_module, parse_shapes, read_text, refuse_shapes

if TYPE_CHECKING:
    from xdsl.context import Context
    from xdsl.dialects.builtin import ModuleOp
    from xdsl.passes import ModulePass

    from ..passes.verify_each import EquivalenceChecker
    from ..qdialect.errors import QoptError

SEPARATOR = "// -----"

EPILOGUE = """\
other commands:
  qopt build MODEL_OR_IR -o DIR   everything in one go: IR of each level, Verilog, testbench, report
  qopt run FILE_OR_DIR --inputs X execute any level, or the Verilog in a simulator
"""


def main(arguments: list[str]) -> int:
    """Run the opt tool; returns the exit code."""
    options = _parser().parse_args(arguments)
    if options.version:
        from importlib.metadata import version

        print(f"qopt {version('qopt-mlir')} (xdsl {version('xdsl')})")
        return 0
    return _Tool(options).run()


class _Help(argparse.Action):
    """`--help`: options, then every pass, pipeline and target, read from sources without importing them."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        parser.print_help()
        print(_catalogue_text())
        parser.exit()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="qopt",
        description="The opt tool: reads IR or .onnx, runs passes, writes IR or a target such as Verilog.",
        epilog=EPILOGUE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        add_help=False,
    )
    add = parser.add_argument
    add("-h", "--help", nargs=0, action=_Help, help="show this text and every pass with its options")
    add("input", nargs="?", default="-", metavar="FILE", help=".onnx or textual IR; - or nothing: standard input")
    add("-p", "--passes", default="", help="comma-separated passes: 'q-one,q-two{option=1}'")
    add("-t", "--target", default="mlir", help="what to write: mlir (default) or a target of the list below")
    add("-o", "--output", metavar="OUT", help="write to this file instead of standard output")
    add("--split-input-file", action="store_true", help=f"treat each part between '{SEPARATOR}' lines by itself")
    add("--verify-diagnostics", action="store_true", help="print errors on standard output and exit with 0")
    add("--print-between-passes", action="store_true", help="print the IR after each pass")
    add("--time-passes", action="store_true", help="print the seconds that each pass took (standard error)")
    add("--print-op-generic", action="store_true", help="print ops in MLIR's generic form")
    add("--allow-unregistered-dialect", action="store_true", help="accept ops of unknown dialects")
    add("--verify-each", metavar="INPUTS", help="run the reference on INPUTS (.npy, .npz) after each pass, and compare")
    add("-v", "--verbose", action="store_true", help="say what each pass declined to do, and why")
    add("--version", action="store_true", help="print the version")
    add_shape_option(parser)
    return parser


def _catalogue_text() -> str:
    from ..backends import TARGETS
    from ..passes.catalogue import all_passes
    from ..passes.pipelines import PIPELINES

    lines = ["passes:"]
    for info in all_passes():
        lines.append(f"  {info.name}{'' if info.exact else '  (approximate)'}")
        lines += textwrap.wrap(info.summary, 100, initial_indent="      ", subsequent_indent="      ")
        for option in info.options:
            default = "" if option.default is None else f" = {option.default}"
            lines.append(f"      {option.name}: {option.type}{default}  {option.comment}".rstrip())
    lines.append("\nnamed pipelines:")
    lines += [f"  {name}: {', '.join(passes)}" for name, passes in PIPELINES.items()]
    lines.append(f"\ntargets: mlir, {', '.join(TARGETS)}\n")
    lines.append("All passes of xDSL (canonicalize, cse, dce, ...) can be named too.")
    return "\n".join(lines)


class _Unread(Exception):
    """Input cannot be read; holds what the target tells about it."""


@dataclass(frozen=True)
class _Tool:
    options: argparse.Namespace

    def run(self) -> int:
        from ..qdialect.errors import QoptError
        from ..qdialect.text import new_context

        data = BytesIO()
        output, status = TextIOWrapper(data, "utf-8", newline="\n", write_through=True), 0
        for index, (text, first_line) in enumerate(self._chunks()):
            if index:
                output.write(f"{SEPARATOR}\n")
            context = new_context()
            context.allow_unregistered = self.options.allow_unregistered_dialect
            try:
                module = self._read(context, text, first_line)
                with batch_hint(module, self.options.input):
                    self._process(context, module, output)
            except _Unread as told:
                output.write(str(told))
                status = status if self.options.verify_diagnostics else 1
            except QoptError as fault:
                status = self._report(fault, output, status)
        if status == 0 or self.options.output is None:  # a file is written whole or not at all
            self._write(data.getvalue())
        return status

    def _read(self, context: Context, text: str | None, first_line: int) -> ModuleOp:
        """The module of one part. Where it cannot be read, _Unread if the target has something to say about that."""
        from ..qdialect.text import parse_module, verify_module

        try:
            shapes = parse_shapes(self.options.shape)
            if text is None:
                return load_module(self.options.input, shapes)
            refuse_shapes(self.options.input, shapes)
            name = "<stdin>" if self.options.input == "-" else self.options.input
            module = parse_module(text, name, context, first_line)
            verify_module(module)
        except Exception as fault:
            from ..backends import told_of_refusal

            told = told_of_refusal(self.options.target, fault)
            if told is None:
                raise
            raise _Unread(told) from None
        return module

    def _chunks(self) -> list[tuple[str | None, int]]:
        """(text, number of its first line) of each part; text None: the input is an ONNX file."""
        if self.options.input.endswith(".onnx"):
            return [(None, 1)]
        text = read_text(self.options.input)
        if not self.options.split_input_file:
            return [(text, 1)]
        chunks, line = list[tuple[str | None, int]](), 1
        for part in re.split(rf"^[ \t]*{SEPARATOR}[ \t]*$", text, flags=re.MULTILINE):
            chunks.append((part, line))
            line += part.count("\n")
        return chunks

    def _report(self, fault: QoptError, output: IO[str], status: int) -> int:
        if self.options.verify_diagnostics:
            output.write(f"{fault}\n")
            return status
        print(fault, file=sys.stderr)
        return 1

    def _process(self, context: Context, module: ModuleOp, output: IO[str]) -> None:
        from ..passes.remarks import collected_remarks
        from ..passes.runner import parse_passes, run_passes

        self._refuse_binary_text()
        passes = parse_passes(self.options.passes)
        checker = self._checker(module)
        started = perf_counter()

        def after(pass_: ModulePass, module: ModuleOp) -> None:
            nonlocal started
            if self.options.time_passes:
                print(f"{perf_counter() - started:9.3f} s  {pass_}", file=sys.stderr)
            if checker is not None:
                print(checker.check(pass_, module), file=sys.stderr)
            if self.options.print_between_passes:
                between = sys.stderr if self._is_binary() else output
                between.write(f"// IR after {pass_}:\n")
                self._emit(context, module, between, "mlir")
            started = perf_counter()

        with collected_remarks() as remarks:
            run_passes(context, module, passes, after)
            self._emit(context, module, output, self.options.target)
        if self.options.verbose:
            for remark in remarks:
                print(remark, file=sys.stderr)

    def _checker(self, module: ModuleOp) -> EquivalenceChecker | None:
        if self.options.verify_each is None:
            return None
        from ..backends.arrays import load_arrays
        from ..passes.verify_each import EquivalenceChecker

        return EquivalenceChecker(module, load_arrays(self.options.verify_each))

    def _emit(self, context: Context, module: ModuleOp, output: IO[str], target: str) -> None:
        from ..qdialect.text import print_module

        if target == "mlir":
            print_module(module, output, generic=self.options.print_op_generic)
        else:
            from ..backends import make_target

            make_target(target).emit(context, module, output)

    def _is_binary(self) -> bool:
        """Whether the target writes bytes that are no text."""
        from ..backends import make_target

        return self.options.target != "mlir" and getattr(make_target(self.options.target), "binary", False)

    def _refuse_binary_text(self) -> None:
        """QoptError where bytes that are no text would meet a terminal, or one another."""
        from ..qdialect.errors import QoptError

        if not self._is_binary():
            return
        what = f"the target '{self.options.target}' writes a binary file"
        if self.options.output is None and sys.stdout.isatty():
            raise QoptError(f"{what}, and standard output is a terminal", mend="name the file: -o OUT")
        if self.options.split_input_file:
            raise QoptError(f"{what}, one for each part of the input", mend="leave --split-input-file out")

    def _write(self, data: bytes) -> None:
        if self.options.output is None:
            sys.stdout.flush()
            sys.stdout.buffer.write(data)
            return
        from ..backends.files import write_file

        write_file(self.options.output, data)
