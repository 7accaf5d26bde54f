# SPDX-License-Identifier: Apache-2.0
"""The table of passes, the pass files and their lit files agree."""

import importlib
from pathlib import Path

from qopt_mlir.passes import PASSES

ROOT = Path(__file__).parents[2]


def test_table_and_files_agree() -> None:
    for name, target in PASSES.items():
        file, _, class_name = target.partition(":")
        module = importlib.import_module(file, "qopt_mlir.passes")
        assert getattr(module, class_name).name == name
        assert file == "." + name.removeprefix("q-").replace("-", "_"), f"{name} lives in {file}"


def test_each_pass_has_a_lit_file_of_its_name() -> None:
    assert PASSES
    missing = [name for name in PASSES if not (ROOT / "lit_tests/passes" / f"{name.removeprefix('q-')}.mlir").exists()]
    assert not missing
