# SPDX-License-Identifier: Apache-2.0
"""Every model of the collection: the page of coverage is fresh, and the text of its IR can be edited."""

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from qopt_mlir.frontends.onnx import import_onnx
from qopt_mlir.qdialect.reference import compile_function
from qopt_mlir.qdialect.text import module_text, parse_module, verify_module

from .models import DATA

ROOT = Path(__file__).parents[2]
ABSENT = f"the model collection beside the checkout is absent: {DATA.name}"


@pytest.mark.slow
def test_coverage_page_is_fresh() -> None:
    if not DATA.is_dir():
        pytest.skip(ABSENT)
    command = [sys.executable, ROOT / "benchmarks" / "coverage.py", "--check"]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr


# models whose output is the sum of a product and a bias that is short enough to be printed as numbers
LINEAR_ENDS = (
    "vnn_reach_vdp",
    "vnn_rl_cartpole",
    "mnist_conv_cntk",
    "vnn_cifar10_resnet_2b",
    "vnn_oval21_cifar_base_kw",
)
BIAS = re.compile(r"(?P<name>%\S+) = q\.constant #q\.dense<\[+(?P<number>[^,\]]+)[^<>]*(?=: tensor<[x\d]+xf32>>)")


@pytest.mark.parametrize("name", LINEAR_ENDS)
def test_edit_of_a_constant(name: str) -> None:
    """A bias changed in the text by 1 changes the output that it belongs to by 1, and no other."""
    path = DATA / "models" / f"{name}.onnx"
    if not path.is_file():
        pytest.skip(ABSENT)
    text = module_text(import_onnx(path))
    *_, match = BIAS.finditer(text)
    assert text.count(f"{match['name']}, ") + text.count(f"{match['name']} :") == 1, "the last constant is the bias"
    start, end = match.span("number")
    edited = f"{text[:start]}{float(match['number']) + 1!r}{text[end:]}"
    frame = np.load(path.with_suffix(".in.npy"))
    before, after = (_run(part, frame) for part in (text, edited))
    np.testing.assert_allclose(after - before, np.eye(1, before.size).reshape(before.shape), atol=1e-3)


def _run(text: str, frame: np.ndarray) -> np.ndarray:
    module = parse_module(text, "edited")
    verify_module(module)
    return compile_function(module).run({0: frame})[0]
