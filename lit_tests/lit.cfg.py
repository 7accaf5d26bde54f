# SPDX-License-Identifier: Apache-2.0
"""lit settings. `lit lit_tests` runs tools in process; `lit --param shell=1 lit_tests` starts each as a program."""

import os
import sys
from pathlib import Path

import lit.formats

here = Path(__file__).parent
sys.path.insert(0, str(here))

from in_process import InProcess  # noqa: E402  (found through the line above)

config.name = "qopt"
config.test_source_root = str(here)
config.test_exec_root = str(here.parent / "build" / "lit")
config.suffixes = [".mlir", ".test"]
config.environment["PATH"] = os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"]))
config.substitutions.append(("%examples", str(here.parent / "examples")))

if lit_config.params.get("shell") == "1":
    config.test_format = lit.formats.ShTest()
else:
    config.test_format = InProcess(
        tools=("qopt", "xdsl-opt", "filecheck"), preload=("numpy", "onnx", "amaranth.hdl", "amaranth.lib.stream")
    )
