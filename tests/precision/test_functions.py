# SPDX-License-Identifier: Apache-2.0
"""Float networks with sigmoid, tanh, SELU, ... behind wide sums: the quantiser in front of them, and hardware."""

from __future__ import annotations

from pathlib import Path

import pytest
from qopt_mlir.backends.simulators import missing_engine
from qopt_mlir.frontends.precision.parser import read_specification
from qopt_mlir.frontends.precision.specification import Role
from qopt_mlir.passes.calibration.quantization import quantize_network
from qopt_mlir.passes.calibration.report import QuantizationReport
from qopt_mlir.passes.optimize_word_lengths import Search, optimize_word_lengths
from qopt_mlir.qdialect.errors import QoptError
from qopt_mlir.qdialect.text import new_context
from xdsl.dialects.builtin import ModuleOp

from .networks import Builder, check_quantised, quantised

DATA = 'data { file = "data.npz"; calibration = x }\n'
SEARCH = 'layers "*" { weight = fixed<3..8> per channel; activation = fixed<3..8> }\nbound = sqnr 25 dB\n'
FOUR_BITS = 'layers "*" { weight = fixed<4>; activation = fixed<4> }'


def dense(*functions: str, size: int = 96) -> ModuleOp:
    """[1, 12] -> [1, 4]: a layer with each of the functions behind it, and one more."""
    net, x, width = Builder(), "x", 12
    for index, function in enumerate(functions):
        x, width = net.add(function, [net.gemm(x, f"fc{index}", (width, size))], f"f{index}"), size
    return net.module((1, 12), net.gemm(x, "last", (width, 4)), (1, 4))


def convolutional() -> ModuleOp:
    """[1, 2, 4, 4] -> [1, 4, 2, 2]: x * sigmoid(x), a softplus behind a join, and a SELU behind a max pool."""
    net = Builder(2)
    first = net.conv("x", "conv1", (8, 2, 3, 3), pads=[1, 1, 1, 1])
    swish = net.add("Mul", [first, net.add("Sigmoid", [first], "sigmoid")], "swish")
    second = net.conv(swish, "conv2", (8, 8, 3, 3), pads=[1, 1, 1, 1])
    joined = net.add("Softplus", [net.add("Add", [second, swish], "join")], "softplus")
    third = net.conv(joined, "conv3", (8, 8, 3, 3), pads=[1, 1, 1, 1])
    pooled = net.add("MaxPool", [third], "pool", kernel_shape=[2, 2], strides=[2, 2])
    return net.module((1, 2, 4, 4), net.conv(net.add("Selu", [pooled], "selu"), "conv4", (4, 8, 1, 1)), (1, 4, 2, 2))


def formats(report: QuantizationReport) -> dict[str, str | None]:
    """The formats of functions, without scales, by the name of the layer."""
    return {layer.name: layer.function and layer.function.split(" ")[0] for layer in report.layers}


def test_wide_sums_get_a_quantiser(tmp_path: Path) -> None:
    report = check_quantised(dense("Sigmoid", "Selu", size=32), tmp_path, "dataflow", 0.01)
    assert {name for name, format_ in formats(report).items() if format_ == "fixed<12>"} == {"fc0", "fc1"}
    assert "function" in str(report)


@pytest.mark.parametrize("function", ["Relu", "LeakyRelu"])
def test_piecewise_linear_functions_need_none(function: str, tmp_path: Path) -> None:
    report = quantised(dense("Relu", function), tmp_path)
    assert not any(formats(report).values())
    assert "function" not in str(report)


def test_few_codes_need_none(tmp_path: Path) -> None:
    assert not any(formats(quantised(dense("Tanh", "Sigmoid", size=16), tmp_path, FOUR_BITS)).values())


def test_stated_formats(tmp_path: Path) -> None:
    rules = (
        f'{FOUR_BITS}\nlayers "fc1" {{ function = fixed<9, 5> }}\nlayers "fc0" {{ function = fixed<6> power_of_two }}'
    )
    report = quantised(dense("Tanh", "Elu", size=16), tmp_path, rules)
    assert formats(report)["fc0"] == "fixed<6>"
    assert formats(report)["fc1"] == "fixed<9>"


def test_a_join_in_front(tmp_path: Path) -> None:
    report = check_quantised(convolutional(), tmp_path, "dataflow", 0.02)
    assert formats(report)["join"] == "fixed<12>"
    assert formats(report)["conv3"] == "fixed<12>"
    assert formats(report)["conv1"] is None  # the argument of the gate has codes already


@pytest.mark.parametrize("pool", ["MaxPool", "AveragePool"])
def test_a_pool_behind_a_function(pool: str, tmp_path: Path) -> None:
    """The quantiser comes between both, so that the pool takes codes."""
    net = Builder(5)
    curve = net.add("Tanh", [net.conv("x", "conv1", (4, 8, 3, 3))], "tanh")
    pooled = net.add(pool, [curve], "pool", kernel_shape=[2, 2], strides=[2, 2])
    module = net.module((1, 8, 6, 6), net.conv(pooled, "conv2", (3, 4, 2, 2)), (1, 3, 1, 1))
    assert formats(check_quantised(module, tmp_path, "dataflow", 0.01))["conv1"] == "fixed<12>"


@pytest.mark.parametrize(
    ("rules", "what"),
    [
        ("function = e4m3", "a function becomes a table of codes of up to 16 bits, not of e4m3"),
        ("function = fixed<6..12>", "no search chooses the format of a function"),
        ("function = fixed<20>", "a function becomes a table of codes of up to 16 bits, not of fixed<20>"),
        ("function = fixed<8> per channel", "an activation has one scale"),
        ("functions = fixed<8>", "did you mean 'function'?"),
        ('weight = fixed<8> }\nlayers "fc0" { function = fixed<8>', "they have no function that becomes a table"),
    ],
)
def test_mistakes(rules: str, what: str, tmp_path: Path) -> None:
    with pytest.raises(QoptError) as fault:
        quantised(dense("Relu", "Tanh", size=8), tmp_path, f'layers "*" {{ {rules} }}')
    assert what in str(fault.value)


def test_a_written_specification_says_the_same(tmp_path: Path) -> None:
    """Word lengths are chosen, the format of the function stays, and is that of the specification written."""
    module = dense("Sigmoid", size=32)
    quantised(module, tmp_path, SEARCH)
    (tmp_path / "search.spec").write_text(DATA + SEARCH)
    specification = read_specification(tmp_path / "search.spec")
    optimize_word_lengths(module, specification, Search(), str(tmp_path / "written.spec"))
    written = read_specification(tmp_path / "written.spec")
    assert Role.FUNCTION not in specification.choices(("fc0",), "matmul").formats
    assert str(written.choices(("fc0",), "matmul").formats[Role.FUNCTION]) == "fixed<12>"
    again = dense("Sigmoid", size=32)
    report = quantize_network(new_context(), again, written)
    assert formats(report)["fc0"] == "fixed<12>"


@pytest.mark.slow
@pytest.mark.parametrize("functions", [("Tanh", "Selu"), ("Elu", "Softplus")])
def test_verilog_of_dense_networks(functions: tuple[str, ...], tmp_path: Path) -> None:
    if missing := missing_engine("verilator"):
        pytest.skip(missing)
    check_quantised(dense(*functions, size=24), tmp_path, "verilog", 0.01)


@pytest.mark.slow
def test_verilog_of_convolutions(tmp_path: Path) -> None:
    if missing := missing_engine("verilator"):
        pytest.skip(missing)
    check_quantised(convolutional(), tmp_path, "verilog", 0.02)
