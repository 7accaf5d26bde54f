# SPDX-License-Identifier: Apache-2.0
"""The table of front ends."""

import subprocess
import sys

import pytest
from qopt_mlir.frontends import FRONTENDS, front_end


@pytest.mark.parametrize("suffix", FRONTENDS)
def test_entries_can_be_imported(suffix: str) -> None:
    assert callable(front_end(f"folder.d/model{suffix}"))


def test_other_files_have_no_front_end() -> None:
    for path in ("-", "net.mlir", "net", "net.onnx.mlir", ".onnx"):
        assert front_end(path) is None


def test_onnx_is_imported_on_use_only() -> None:
    program = "import sys, qopt_mlir.frontends; raise SystemExit('onnx' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
