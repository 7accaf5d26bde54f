# SPDX-License-Identifier: Apache-2.0
"""The table of front ends: one line a file suffix, imported on use."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from pathlib import PurePath
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from xdsl.dialects.builtin import ModuleOp

    FrontEnd: TypeAlias = Callable[..., ModuleOp]

# Each is called as `f(path, shapes={"x": (1, 4)})`, gives the model as q ops in `@main`, and raises QoptError.
FRONTENDS: dict[str, str] = {
    ".onnx": ".onnx:import_onnx",
}


def front_end(path: str) -> FrontEnd | None:
    """The reader of models with this file's suffix; None for other files (textual IR)."""
    entry = FRONTENDS.get(PurePath(path).suffix)
    if entry is None:
        return None
    module, function = entry.split(":")
    return getattr(import_module(module, __name__), function)
