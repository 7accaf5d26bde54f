# SPDX-License-Identifier: Apache-2.0
"""The textual tests under lit_tests, run by lit."""

import subprocess
import sys
from pathlib import Path

LIT_TESTS = Path(__file__).parents[1] / "lit_tests"


def test_lit_suite() -> None:
    command = [str(Path(sys.executable).with_name("lit")), "--succinct", "--verbose", str(LIT_TESTS)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=900, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
