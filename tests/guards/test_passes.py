# SPDX-License-Identifier: Apache-2.0
"""The table of passes, the pass files and their lit files agree."""

import importlib
from pathlib import Path

from qopt_mlir.passes import PASSES

ROOT = Path(__file__).parents[2]


def file_name(name: str) -> str:
    """The name that the file of a pass and its lit file share."""
    return name.removeprefix("q-").replace("-", "_")


def test_table_and_files_agree() -> None:
    for name, target in PASSES.items():
        file, _, class_name = target.partition(":")
        module = importlib.import_module(file, "qopt_mlir.passes")
        assert getattr(module, class_name).name == name
        assert file == f".{file_name(name)}", f"{name} lives in {file}"


def test_each_pass_has_a_lit_file_of_its_name() -> None:
    assert PASSES
    assert not [name for name in PASSES if not (ROOT / f"lit_tests/passes/{file_name(name)}.mlir").exists()]
