# SPDX-License-Identifier: Apache-2.0
"""Networks with infinite numbers: refused where a format would have to hold them, else reported as not measured."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from qopt_mlir.backends.precision_report.figures import FloatOrigin
from qopt_mlir.backends.precision_report.writing import write_precision_report
from qopt_mlir.frontends.precision.parser import parse_specification
from qopt_mlir.passes.calibration.quantization import quantize_network
from qopt_mlir.qdialect.errors import QoptError
from qopt_mlir.qdialect.text import new_context
from xdsl.dialects.builtin import ModuleOp

from .networks import EIGHT_BITS, Builder, frames_for, quantised


def network(weights: float, bias: float) -> ModuleOp:
    """[1, 6] -> [1, 2]: two layers, the first with this weight and bias everywhere; the second doubles and adds up."""
    net = Builder()
    inputs = ("x", net.constant("w", np.full((6, 4), weights)), net.constant("b", np.full(4, bias)))
    first = net.add("Relu", [net.add("Gemm", inputs, "fc1")], "relu")
    return net.module((1, 6), net.add("MatMul", [first, net.constant("v", np.full((4, 2), 2.0))], "fc2"), (1, 2))


@pytest.mark.parametrize(
    ("weight", "bias", "message"),
    [
        (np.inf, 0.0, "the layer 'fc1' has infinity or NaN in its weights"),
        (1.0, -np.inf, "the layer 'fc1' has infinity or NaN in its bias"),
        (3e38, 0.0, "the activation of 'fc1' is infinite or NaN on some frames"),
    ],
)
def test_numbers_that_no_format_holds_are_refused(weight: float, bias: float, message: str, tmp_path: Path) -> None:
    with pytest.raises(QoptError, match=message):
        quantised(network(weight, bias), tmp_path)


def test_a_report_of_infinite_outputs_has_null_for_what_is_no_number(tmp_path: Path) -> None:
    """Activations of 3e38 are held; the sums of the last layer overflow float32."""
    module = network(1.0, 3e38)
    np.savez(tmp_path / "data.npz", x=frames_for(module, 8))
    text = f'data {{ file = "data.npz"; calibration = x }}\n{EIGHT_BITS}\n'
    stated, before = parse_specification(text, "test.spec", tmp_path), module.clone()
    quantize_network(new_context(), module, stated)
    write_precision_report(tmp_path, "net", module, None, FloatOrigin(before, stated))
    data = json.loads((tmp_path / "precision.json").read_text())
    assert data["network"]["sqnr_db"] is None
    assert data["layers"][1]["activation"]["range_calibration"][1] > 1e38
    assert "<svg" in (tmp_path / "precision.html").read_text()
