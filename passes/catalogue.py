# SPDX-License-Identifier: Apache-2.0
"""What each pass is for and which options it takes, read from its source without importing it (`qopt --help`)."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from pathlib import Path

from . import PASSES


@dataclass(frozen=True)
class OptionInfo:
    """A pass option: its name as written in a pipeline, type, default and comment."""

    name: str
    type: str
    default: str | None
    comment: str


@dataclass(frozen=True)
class PassInfo:
    """A pass: its name, one-line summary, whether it keeps every output bit, and its options."""

    name: str
    summary: str
    exact: bool
    options: tuple[OptionInfo, ...]
    documentation: str


def pass_info(name: str) -> PassInfo:
    """Read the entry of the pass `name` (a key of PASSES)."""
    module, class_name = PASSES[name].split(":")
    path = Path(__file__).parent.joinpath(*module.lstrip(".").split(".")).with_suffix(".py")
    source = path.read_text(encoding="utf-8")
    tree = ast.parse(source)
    class_ = next(node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == class_name)
    summary = (ast.get_docstring(class_) or "").split("\n")[0]
    lines, exact, options = source.splitlines(), True, list[OptionInfo]()
    for node in class_.body:
        if not isinstance(node, ast.AnnAssign) or not isinstance(node.target, ast.Name):
            continue
        annotation = ast.unparse(node.annotation)
        if node.target.id == "exact":
            exact = node.value is None or ast.unparse(node.value) == "True"
        elif not annotation.startswith("ClassVar"):
            default = None if node.value is None else ast.unparse(node.value)
            _, _, comment = lines[(node.end_lineno or node.lineno) - 1].partition("#")
            options.append(OptionInfo(node.target.id.replace("_", "-"), annotation, default, comment.strip()))
    return PassInfo(name, summary, exact, tuple(options), ast.get_docstring(tree) or "")


def all_passes() -> list[PassInfo]:
    """Every pass of the table, in its order."""
    return [pass_info(name) for name in PASSES]
