# SPDX-License-Identifier: Apache-2.0
"""Codes of every layer of 8-bit networks, and classes of test sets, against onnxruntime: what the benchmark asks."""

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

from .models import DATA

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "layers_vs_onnxruntime.py"
NAMES = ["mlperftiny_ic_resnet8_int8", "mlperftiny_ad01_int8"]


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_layers_and_classes(name: str) -> None:
    if importlib.util.find_spec("onnxruntime") is None:
        pytest.skip("onnxruntime is not installed: pip install -e '.[test]'")
    if not (DATA / "models" / f"{name}.onnx").is_file():
        pytest.skip(f"the model collection beside the checkout is absent: {name}.onnx")
    result = subprocess.run([sys.executable, SCRIPT, "--model", name], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    assert name in result.stdout
