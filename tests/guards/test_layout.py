# SPDX-License-Identifier: Apache-2.0
"""Files stay short, carry their licence line, and speak of the project alone."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CODE = ("qdialect", "frontends", "passes", "backends", "driver")
ALL = (*CODE, "tests", "lit_tests", "benchmarks", "examples", "docs")
MAX_FUNCTION_LINES = 40
# absolute paths of one machine, and data outside the checkout
FOREIGN = re.compile(r"(?<![\w.])/(?:work|tmp|root|home)/")
OUTSIDE_DATA = "shared/" + "data"
TEXT = {".py", ".md", ".mlir", ".test", ".toml", ".cfg", ".yaml", ".cpp", ".v", ".lark"}


def files(*folders: str, kind: str = "*") -> list[Path]:
    found = [path for folder in folders for path in sorted((ROOT / folder).rglob(kind)) if path.is_file()]
    return [path for path in found if "__pycache__" not in path.parts]


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def text_files() -> list[Path]:
    top = [path for path in sorted(ROOT.iterdir()) if path.is_file()]
    return [path for path in [*top, *files(*ALL)] if path.suffix in TEXT or path.name == "Makefile"]


@pytest.mark.parametrize(("folders", "limit"), [(("passes",), 300), (ALL, 500)], ids=["passes", "all"])
def test_files_are_short(folders: tuple[str, ...], limit: int) -> None:
    lengths = {name(path): len(path.read_text().splitlines()) for path in files(*folders, kind="*.py")}
    assert not {path: lines for path, lines in lengths.items() if lines > limit}


def test_functions_are_short() -> None:
    long = []
    for path in files(*CODE, kind="*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef) and body_lines(node) > MAX_FUNCTION_LINES:
                long.append(f"{name(path)}:{node.lineno}: {node.name} has {body_lines(node)} lines")
    assert not long, "\n".join(long)


def body_lines(function: ast.FunctionDef) -> int:
    """Lines of the body without the docstring."""
    body = function.body[1:] if ast.get_docstring(function) else function.body
    return (function.end_lineno or 0) - body[0].lineno + 1 if body else 0


def test_licence_line() -> None:
    assert not [
        name(path)
        for path in files(*ALL, kind="*.py")
        if "SPDX-License-Identifier: Apache-2.0" not in path.read_text().partition("\n")[0]
    ]


def test_no_path_of_one_machine() -> None:
    assert not [name(path) for path in text_files() if FOREIGN.search(path.read_text())]


def test_outside_data_only_in_tests_and_benchmarks() -> None:
    users = {path.relative_to(ROOT).parts[0] for path in text_files() if OUTSIDE_DATA in path.read_text()}
    assert users <= {"tests", "benchmarks"}
