# SPDX-License-Identifier: Apache-2.0
"""`qopt --help` is quick: it loads no package that only some commands need."""

import subprocess
import sys

PROGRAM = """
import contextlib, io, sys
from qopt_mlir.driver.cli import main
with contextlib.suppress(SystemExit), contextlib.redirect_stdout(io.StringIO()) as help_text:
    main(["--help"])
assert "usage" in help_text.getvalue().lower(), help_text.getvalue()
print(*sorted({"onnx", "amaranth", "pyosys", "google.protobuf", "jinja2", "matplotlib"} & set(sys.modules)))
"""


def test_help_loads_no_heavy_package() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == []
