# SPDX-License-Identifier: Apache-2.0
"""What the sub-commands share: reading the input model, options that several of them take."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from xdsl.dialects.builtin import ModuleOp


def add_shape_option(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--shape",
        action="append",
        default=[],
        metavar="NAME=1,3,32,32",
        help="shape of an input that the .onnx leaves open; a fixed first dimension that counts frames becomes 1 "
        "(may be repeated)",
    )


def parse_shapes(options: list[str]) -> dict[str, tuple[int, ...]]:
    """`['x=1,3,32,32']` -> `{'x': (1, 3, 32, 32)}`."""
    from ..qdialect.errors import QoptError

    shapes: dict[str, tuple[int, ...]] = {}
    for option in options:
        name, separator, text = option.rpartition("=")
        try:
            shape = tuple(int(size) for size in text.split(","))
        except ValueError:
            shape = ()
        if not separator or not name or not shape or min(shape) < 1:
            raise QoptError(f"'--shape {option}' is not a shape", mend="write --shape NAME=1,3,32,32")
        shapes[name] = shape
    return shapes


@contextmanager
def batch_hint(module: ModuleOp, path: str) -> Generator[None]:
    """Errors of what is done with a model say how to run one frame, where a fixed first dimension may count frames."""
    from ..qdialect.errors import QoptError

    shapes = _first_dimensions(module) if path.endswith(".onnx") else []
    try:
        yield
    except QoptError as fault:
        if not shapes or "--shape" in str(fault):
            raise
        hint = f"if the first dimension counts frames, pass --shape {' --shape '.join(shapes)}"
        raise QoptError(fault.what, fault.where, f"{fault.mend}; {hint}" if fault.mend else hint) from None


def _first_dimensions(module: ModuleOp) -> list[str]:
    """`NAME=1,...` for the inputs whose first dimension is not 1."""
    from ..passes.hardware_support import argument_name
    from ..passes.rewriting import function_named
    from ..qdialect.types import shape_of

    main = function_named(module, "main")
    shapes = {} if main is None else {argument_name(argument): shape_of(argument) for argument in main.args}
    return [
        f"{name}={','.join(map(str, (1, *shape[1:])))}"
        for name, shape in shapes.items()
        if len(shape) > 1 and shape[0] > 1
    ]


def refuse_shapes(path: str, shapes: dict[str, tuple[int, ...]]) -> None:
    """QoptError if shapes are given to what is no ONNX model."""
    from ..qdialect.errors import QoptError

    if shapes:
        raise QoptError(f"--shape is for .onnx models, '{path}' states its shapes", mend="leave --shape out")


def read_text(path: str) -> str:
    """Text of a file, or of standard input for `-`."""
    from ..qdialect.errors import QoptError
    from ..qdialect.text import read_file

    try:
        return sys.stdin.read() if path == "-" else read_file(path)
    except UnicodeDecodeError:
        raise QoptError(f"'{path}' is not text", mend="give an .onnx model or textual IR (.mlir)") from None


def load_module(path: str, shapes: dict[str, tuple[int, ...]]) -> ModuleOp:
    """The module of a model (`.onnx`) or of textual IR, verified."""
    from ..frontends import front_end
    from ..qdialect.text import parse_module, verify_module

    read = front_end(path)
    if read is None:
        refuse_shapes(path, shapes)
    module = parse_module(read_text(path), path) if read is None else read(path, shapes=shapes)
    verify_module(module)
    return module
