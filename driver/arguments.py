# SPDX-License-Identifier: Apache-2.0
"""What the sub-commands share: reading the input model, options that several of them take."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from xdsl.dialects.builtin import ModuleOp


def add_shape_option(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--shape",
        action="append",
        default=[],
        metavar="NAME=1,3,32,32",
        help="shape of an input whose ONNX file leaves dimensions open (may be repeated)",
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
