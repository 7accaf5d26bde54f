# SPDX-License-Identifier: Apache-2.0
"""Specifications of networks that come with formats: weights stored as integers, quantisers that are there."""

from pathlib import Path

import numpy as np
import pytest
from onnx import numpy_helper
from qopt_mlir.backends.build import BuildOptions, build
from qopt_mlir.backends.execute import BuildFolder, Request, run_folder
from qopt_mlir.frontends.precision.parser import parse_specification
from qopt_mlir.passes.calibration.quantization import quantize_network
from qopt_mlir.qdialect.errors import QoptError
from qopt_mlir.qdialect.text import module_text, new_context
from xdsl.dialects.builtin import ModuleOp

from .networks import EIGHT_BITS, Builder, dense_network, frames_for, outputs, quantised


def stored_network(per_channel: bool = True, integer_bias: bool = False) -> ModuleOp:
    """[1, 2, 5, 5] -> [1, 4]: a convolution and a matrix, whose weights are int8 and a scale."""
    net = Builder(4)

    def stored(name: str, values: np.ndarray, axis: int, bits: int = 8) -> str:
        others = tuple(i for i in range(values.ndim) if i != axis)
        largest = np.abs(values).max(axis=others, keepdims=True) if per_channel else np.abs(values).max()
        scale = np.asarray(largest / (2 ** (bits - 1) - 1), np.float32)
        codes = np.rint(values / scale).astype(np.int8 if bits == 8 else np.int32)
        net.constants.append(numpy_helper.from_array(codes, f"{name}_codes"))
        net.constants.append(numpy_helper.from_array(scale.reshape(-1 if per_channel else ()), f"{name}_scale"))
        axes = {"axis": axis} if per_channel else {}
        return net.add("DequantizeLinear", [f"{name}_codes", f"{name}_scale"], name, **axes)

    bias = net.rng.normal(size=6)
    bias_name = stored("bias", bias, 0, 20) if integer_bias else net.constant("bias", bias)
    weights = stored("conv_w", net.rng.normal(size=(6, 2, 3, 3)), 0)
    hidden = net.add("Relu", [net.add("Conv", ["x", weights, bias_name], "conv")], "relu")
    flat = net.add("Flatten", [hidden], "flatten")
    last = net.add("MatMul", [flat, stored("fc_w", net.rng.normal(size=(54, 4)), 1)], "fc")
    return net.module((1, 2, 5, 5), last, (1, 4))


FOUR = 'layers "*" { weight = fixed<4> per channel; activation = fixed<8> }'
POWERS = 'layers "*" { weight = fixed<8> power_of_two; activation = fixed<8> }'


@pytest.mark.parametrize("integer_bias", [False, True], ids=["real_bias", "integer_bias"])
@pytest.mark.parametrize("per_channel", [True, False], ids=["channels", "tensor"])
def test_stored_weights_take_the_format_that_is_asked_for(
    per_channel: bool, integer_bias: bool, tmp_path: Path
) -> None:
    module = stored_network(per_channel, integer_bias)
    before = outputs(module, frames_for(module, 40))
    report = quantised(module, tmp_path, FOUR)
    rows = {row.name: row for row in report.layers}
    assert [rows[name].weight for name in ("conv", "fc")] == ["fixed<4> per channel"] * 2
    assert rows["conv"].bias == "fixed<32> per channel"
    assert "!q.fixed<8, 0>>>" not in module_text(module)  # no constant
    noise = outputs(module, frames_for(module, 40)) - before
    assert 12 < 10 * np.log10((before**2).sum() / (noise**2).sum()) < 30


@pytest.mark.parametrize("rules", [POWERS, f"{EIGHT_BITS}\nlayers conv {{ bias = fixed<24> }}"], ids=["power", "bias"])
def test_what_stored_weights_do_not_have_is_chosen(rules: str, tmp_path: Path) -> None:
    rows = {row.name: row for row in quantised(stored_network(), tmp_path, rules).layers}
    assert rows["conv"].weight_sqnr is not None
    assert rows["conv"].bias is not None


def test_stored_weights_that_suit_stay(tmp_path: Path) -> None:
    module = stored_network()
    report = quantised(module, tmp_path, EIGHT_BITS)
    assert [row.weight for row in report.layers if row.weight] == ["fixed<8, 0> as given"] * 2
    build(new_context(), module, tmp_path / "build", BuildOptions(name="net"), lambda _: None)
    run = run_folder(BuildFolder.open(tmp_path / "build"), Request({"": frames_for(module, 4)}, "dataflow"))
    assert all(comparison.passed and comparison.total for comparison in run.comparisons)


def test_quantised_weights_get_fewer_bits_where_they_are_asked_for(tmp_path: Path) -> None:
    module = dense_network()
    quantised(module, tmp_path, EIGHT_BITS)
    report = quantised(module, tmp_path, f'{EIGHT_BITS}\nlayers "fc2" {{ weight = fixed<3> per channel }}')
    rows = {row.name: row for row in report.layers}
    assert rows["fc1"].weight == rows["fc3"].weight == "fixed<8, 0> as given"
    assert rows["fc2"].weight == "fixed<3> per channel"
    assert rows["fc2"].activation == "ufixed<8, 0> as given"


def test_quantised_activations_are_not_quantised_again(tmp_path: Path) -> None:
    module = dense_network()
    quantised(module, tmp_path, EIGHT_BITS)
    text = 'layers "fc1" { activation = fixed<4> }'
    with pytest.raises(
        QoptError, match=r"'fc1' is quantised already, ufixed<8, 0> as given, and not fixed<4>"
    ) as fault:
        quantize_network(new_context(), module, parse_specification(text, "net.spec"))
    assert fault.value.where == "net.spec:1:29"
    assert fault.value.mend == "write fixed<4..8> and a bound, or leave it out, or quantise the float network"
    quantize_network(new_context(), module, parse_specification(text.replace("4", "4..8")))
