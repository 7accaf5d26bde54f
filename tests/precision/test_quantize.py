# SPDX-License-Identifier: Apache-2.0
"""Quantising whole networks: where quantisers stand, what the numbers are, and that hardware follows."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from qopt_mlir.backends.build import BuildOptions, build
from qopt_mlir.backends.execute import BuildFolder, Request, run_folder
from qopt_mlir.frontends.precision.parser import parse_specification
from qopt_mlir.passes.calibration.accumulators import accumulator_range
from qopt_mlir.passes.calibration.applying import Quantizers, choose_weight
from qopt_mlir.passes.calibration.equalization import equalize
from qopt_mlir.passes.calibration.folding import fold_batch_norms, set_weights
from qopt_mlir.passes.calibration.layers import find_layers
from qopt_mlir.passes.calibration.quantization import quantize_network
from qopt_mlir.passes.calibration.quantizer import Quantizer
from qopt_mlir.passes.calibration.reconstruction import Moments, rounded
from qopt_mlir.passes.calibration.rows import input_rows, weight_rows
from qopt_mlir.passes.rewriting import function_named
from qopt_mlir.qdialect.errors import QoptError
from qopt_mlir.qdialect.q import ConvOp, MulOp, QuantizeOp
from qopt_mlir.qdialect.reference import compile_function
from qopt_mlir.qdialect.text import module_text, new_context, parse_module
from qopt_mlir.qdialect.types import FixedType, UFixedType, element_type
from xdsl.dialects.builtin import ModuleOp
from xdsl.dialects.func import FuncOp

from .networks import (
    EIGHT_BITS,
    Builder,
    dense_network,
    frames_for,
    outputs,
    quantised,
    residual_network,
    separable_network,
)

POWERS = 'layers "*" { weight = fixed<8> power_of_two; activation = fixed<8> power_of_two }'


def main_of(module: ModuleOp) -> FuncOp:
    function = function_named(module, "main")
    assert function is not None
    return function


def test_layers_of_a_residual_network() -> None:
    network = find_layers(main_of(residual_network()))
    assert [(linear.name, linear.kind) for linear in network.linears] == [
        ("conv1", "conv"),
        ("conv2", "conv"),
        ("depth", "depthwise"),
        ("fc", "matmul"),
    ]
    sites = [(site.name, site.kind) for site in network.sites.values()]
    assert sites == [
        ("x", "input"),
        ("conv1", "conv"),
        ("conv2", "conv"),
        ("join", "add"),
        ("depth", "depthwise"),
        ("average", "pool"),
    ]
    assert network.linears[2].input is network.sites[list(network.sites)[3]]  # through the max pool


def test_concatenated_branches_share_a_scale(tmp_path: Path) -> None:
    net = Builder()
    branches = [net.add("Relu", [net.conv("x", f"conv{i}", (4, 2, 3, 3))], f"relu{i}") for i in (1, 2)]
    joined = net.add("Concat", branches, "concat", axis=1)
    module = net.module((1, 2, 6, 6), net.conv(joined, "last", (3, 8, 1, 1)), (1, 3, 4, 4))
    quantised(module, tmp_path)
    activations = [
        op for op in module.walk() if isinstance(op, QuantizeOp) and isinstance(element_type(op.result), UFixedType)
    ]
    scales = {next(iter(op.result.uses)).operation.operands[1] for op in activations}
    values = {float(scale.owner.value.array) for scale in scales}  # pyright: ignore
    assert len(activations) == 2
    assert len(values) == 1


def test_batch_norms_are_folded() -> None:
    module = residual_network()
    frames = frames_for(module, 8)
    before = outputs(module, frames)
    assert fold_batch_norms(main_of(module)) == 1
    assert "q.batch_norm" not in module_text(module)
    np.testing.assert_allclose(outputs(module, frames), before, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("network", [separable_network, dense_network])
def test_equalisation_changes_no_bit(network: type) -> None:
    module = network()
    fold_batch_norms(main_of(module))
    frames = frames_for(module, 8)
    before, text = outputs(module, frames), module_text(module)
    assert equalize(main_of(module)) == 2
    assert module_text(module) != text
    np.testing.assert_array_equal(outputs(module, frames), before)
    again = module_text(module)
    equalize(main_of(module))
    assert module_text(module) == again


def test_equalisation_brings_channels_together() -> None:
    module = separable_network()

    def spread() -> float:
        weights = find_layers(main_of(module)).linears[1].weights.array
        largest = np.abs(weights).max(axis=(1, 2, 3))
        return float(largest.max() / largest.min())

    before = spread()
    equalize(main_of(module))
    assert before > 8
    assert spread() < before


@pytest.mark.parametrize(
    "rules",
    [
        EIGHT_BITS,
        POWERS,
        'layers "*" { weight = fixed<8>; activation = fixed<8> asymmetric clip max }',
        'layers "*" { weight = e4m3; activation = float<4, 4> }',
        'layers "*" { weight = fixed<8> per channel; activation = fixed<8> clip kl }\nequalize = on',
        'layers "*" { weight = fixed<6> per channel; activation = fixed<8> }\nbias_correction = on',
    ],
    ids=["free", "powers", "asymmetric", "float", "kl", "corrected"],
)
def test_networks_keep_their_answers(rules: str, tmp_path: Path) -> None:
    for network in (residual_network, dense_network):
        module = network()
        frames = frames_for(module, 96)
        before = outputs(module, frames)
        report = quantised(module, tmp_path, rules)
        after = outputs(module, frames)
        assert report.score is not None
        noise = 10 * np.log10((before**2).sum() / ((after - before) ** 2).sum())
        assert report.score.sqnr == pytest.approx(noise, abs=0.01)
        assert noise > 12
        assert report.score.agreement == report.score.accuracy == 100 * np.mean(before.argmax(-1) == after.argmax(-1))
        assert report.score.float_accuracy == 100
        again = parse_module(module_text(module), "again")
        np.testing.assert_array_equal(outputs(again, frames), after)


def test_reconstruction_halves_the_noise(tmp_path: Path) -> None:
    rules = 'layers "*" { weight = fixed<3> per channel; activation = fixed<8> }'
    for network in (residual_network, dense_network):
        nearest = quantised(network(), tmp_path, rules).score
        reconstructed = quantised(network(), tmp_path, f"{rules}\nrounding = reconstruct").score
        assert nearest is not None
        assert reconstructed is not None
        assert reconstructed.sqnr > nearest.sqnr + 3


def biasless_network(seed: int) -> ModuleOp:
    """[1, 12] -> [1, 4]: two layers without a bias, whose inputs have a mean."""
    net = Builder(seed)
    weights = [net.constant(f"w{i}", net.rng.normal(size=shape)) for i, shape in enumerate([(12, 24), (24, 4)])]
    hidden = net.add("Relu", [net.add("MatMul", ["x", weights[0]], "fc1")], "relu")
    return net.module((1, 12), net.add("MatMul", [hidden, weights[1]], "fc2"), (1, 4))


def test_without_a_bias_weights_keep_the_mean() -> None:
    network = find_layers(main_of(biasless_network(0)))
    rng = np.random.default_rng(2)
    rows = rng.normal(size=(400, 24)) + 2
    weights = weight_rows(network.linears[1], network.linears[1].weights.array)[0].astype(np.float64)
    errors: list[float] = []
    for has_bias in (True, False):
        moments = Moments.of(24, has_bias)
        moments.add(rows, rows)
        found = rounded(weights, moments, lambda column, _: np.rint(column * 2) / 2)
        errors.append(float(((rows @ (found - weights).T) ** 2).sum()))
    assert errors[1] < errors[0] / 1.5


def test_settings_say_what_they_reach(tmp_path: Path) -> None:
    rules = 'layers "*" { weight = fixed<4>; activation = fixed<8> }\nequalize = on\nbias_correction = on'
    notes = [quantised(module, tmp_path, rules).notes for module in (biasless_network(0), dense_network())]
    assert notes[0] == ("equalize: 1 pairs of layers", "bias_correction: 0 of 2 layers have a bias")
    assert notes[1] == ("equalize: 2 pairs of layers", "bias_correction: 3 of 3 layers have a bias")


def test_report(tmp_path: Path) -> None:
    report = quantised(dense_network(), tmp_path)
    assert [layer.name for layer in report.layers] == ["fc1", "fc2", "fc3", "x"]
    assert report.calibration_frames == 96
    assert all(layer.weight_sqnr is not None and layer.weight_sqnr > 35 for layer in report.layers[:3])
    assert report.layers[2].activation is None
    data = json.loads(json.dumps(report.as_data(), allow_nan=False))
    assert data["layers"][0]["name"] == "fc1"
    assert "fc1" in str(report)
    assert "first choice as in float32" in str(report)


def test_biases_lie_on_the_grid_of_the_products(tmp_path: Path) -> None:
    module = dense_network()
    quantised(module, tmp_path)
    scales = [op for op in module.walk() if isinstance(op, MulOp)]
    wide = [op for op in module.walk() if isinstance(op, QuantizeOp) and element_type(op.result) == FixedType(32)]
    assert len(wide) == 3
    exact = [op.rhs.owner.value.array.astype(np.float64) for op in scales]  # pyright: ignore
    steps = [scale for scale in exact if scale.size == 1]
    channels = [scale for scale in exact if scale.ndim == 2]
    biases = [scale for scale in exact if scale.ndim == 1]
    assert len(biases) == len(channels) == 3
    for bias, channel in zip(biases, channels, strict=True):
        assert any(bool((bias == step * channel.reshape(-1)).all()) for step in steps)


def test_dead_channels_leave_room_for_their_bias(tmp_path: Path) -> None:
    net = Builder(5)
    hidden = net.add("Relu", [net.gemm("x", "fc1", (12, 8))], "relu1")
    module = net.module((1, 12), net.gemm(hidden, "fc2", (8, 4)), (1, 4))
    linear = find_layers(main_of(module)).linears[0]
    weights = linear.weights.array.copy()
    weights[:, 2] = 1e-30
    set_weights(linear, weights)
    report = quantised(module, tmp_path)
    assert report.score is not None
    assert report.score.sqnr > 20
    again = net.module((1, 12), "fc2_out", (1, 4))
    set_weights(find_layers(main_of(again)).linears[0], weights)
    with pytest.raises(QoptError, match="the bias of 'fc1' needs"):
        quantised(again, tmp_path, f'{EIGHT_BITS}\nlayers "*" {{ bias = fixed<20> }}')


def test_kept_layers_stay_float(tmp_path: Path) -> None:
    module = dense_network()
    report = quantised(module, tmp_path, f'{EIGHT_BITS}\nlayers "fc2" {{ keep }}')
    by_name = {layer.name: layer for layer in report.layers}
    assert by_name["fc2"].weight is None
    assert by_name["fc2"].activation is None
    assert by_name["fc1"].weight is not None


REFUSED = {
    f'{EIGHT_BITS}\nlayers "fc9" {{ keep }}': (8, 'no layer matches "fc9"'),
    f"{EIGHT_BITS}\nlayers conv {{ keep }}": (8, "no layer matches conv"),
    f'{EIGHT_BITS}\nlayers "*" {{ bias = fixed<4> }}': (21, "the bias of 'fc1' needs"),
    f'{EIGHT_BITS}\nlayers "fc2" {{ accumulator = fixed<12> }}': (30, "the accumulator of 'fc2' needs"),
    'layers "*" { weight = fixed<2..8>; activation = fixed<8>; accumulator = fixed<12> }': (
        73,
        "a search begins with the widest formats, weights of 8 bits and an input of 8",
    ),
    f'{EIGHT_BITS}\nlayers "fc3" {{ activation = fixed<4> }}': (
        29,
        'the activation of "fc3" gets a format',
    ),
    f'{EIGHT_BITS}\nlayers "x" {{ weight = fixed<4> }}': (
        23,
        'the weight of "x" gets a format, and they',
    ),
    'layers "*" { weight = fixed<8>; accumulator = fixed<20> }': (47, "its input no chosen integers"),
    'layers "*" { weight = e4m3; activation = fixed<8>; accumulator = fixed<20> }': (
        66,
        "its input no chosen integers",
    ),
    'layers "fc2" { keep }\nlayers "*" { weight = fixed<8> }': (23, "the layer 'fc2' is kept in float32 (line 2)"),
    'layers "*" { weight = fixed<2>; activation = fixed<1> }': (46, "the activation of 'x' has a sign"),
}
REAL = {
    f'{EIGHT_BITS}\nlayers "fc3" {{ keep }}': (16, "the layer 'fc3' is kept in float32"),
    'layers "*" { weight = e4m3; activation = fixed<8> }': (23, "the weight of 'fc1' is e4m3"),
    'layers "*" { weight = fixed<8>; activation = e5m2 }': (46, "the activation of 'x' is e5m2"),
    'layers "*" { weight = fixed<8>; activation = fixed<17> }': (46, "has 17 bits and a free scale"),
    'layers "*" { weight = fixed<2..8>; activation = fixed<8> }': (23, "nothing chooses from the range"),
    'layers "*" { weight = fixed<8>; activation = fixed<8>; share = 2..8 }': (56, "nothing chooses from the range"),
    f'bound = sqnr 9 dB\n{EIGHT_BITS}\nlayers "*" {{ weight = fixed<2..8>; share = 2..8 per network }}': (
        36,
        "the word length of 'fc1' is chosen by itself",
    ),
    'layers "fc1" { weight = fixed<8> }': (None, "the weight of 'fc2' no format"),
    'layers "*" { activation = fixed<8> }': (None, "the weight of 'fc1' no format"),
}


@pytest.mark.parametrize("rules", REFUSED)
def test_what_does_not_fit_is_refused(rules: str, tmp_path: Path) -> None:
    with pytest.raises(QoptError) as caught:
        quantised(dense_network(), tmp_path, rules)
    _check_shown(caught.value, rules, REFUSED[rules])


@pytest.mark.parametrize("rules", REAL)
def test_hardware_has_no_real_numbers(rules: str, tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", frames_for(dense_network(), 16))
    text = f'data {{ file = "x.npy"; calibration = x }}\n{rules}\n'
    specification = parse_specification(text, "test.spec", tmp_path)
    with pytest.raises(QoptError) as caught:
        quantize_network(new_context(), dense_network(), specification, hardware=True)
    _check_shown(caught.value, rules, REAL[rules])
    quantize_network(new_context(), dense_network(), specification)  # the reference runs them all


def _check_shown(fault: QoptError, rules: str, expected: tuple[int | None, str]) -> None:
    column, what = expected
    assert what in fault.what
    assert fault.mend
    line = 2 + rules.count("\n")
    assert fault.where == ("test.spec" if column is None else f"test.spec:{line}:{column}")


def test_what_needs_data_says_where() -> None:
    exact = 'layers "*" { weight = fixed<8>; activation = fixed<8, 4> }'
    for text, where in (
        ('layers "*" { activation = fixed<8> }', "no.spec:1:27"),
        (f"{exact}\nrounding = reconstruct", "no.spec:2:1"),
        (f"{exact}\nbias_correction = on", "no.spec:2:1"),
    ):
        with pytest.raises(QoptError) as caught:
            quantize_network(new_context(), dense_network(), parse_specification(text, "no.spec"))
        assert caught.value.where == where


def test_a_pattern_without_layers_names_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(QoptError, match=r"test\.spec:3:8\n.*near are .*'fc1'"):
        quantised(dense_network(), tmp_path, f'{EIGHT_BITS}\nlayers "fc12" {{ keep }}')


DATA_MISTAKES = {
    "calibration = short": (40, "has the shape [4, 5]"),
    "calibration = a": (40, "holds no array 'a'"),
    "calibration = z labels few": (49, "have the shape [3] for 4 frames 'z'"),
    "calibration = z labels rows": (49, "have the shape [4, 2] for 4 frames 'z'"),
    "calibration = z labels halves": (49, "no whole numbers"),
    "calibration = z labels large": (49, "go from 0 to 4, the network has 4 classes"),
    "calibration = z labels large; test = z labels right": (49, "go from 0 to 4, the network has 4 classes"),
    "calibration = n": (40, "NaN or infinity"),
    "calibration = i": (40, "holds complex128"),
    "calibration = none": (40, "has no frames"),
    "calibration = zero": (40, "all numbers of the frames 'zero'"),
    "calibration = z; scale = 1e40": (40, "is more than 2^60"),
    "calibration = z; offset = 1e39": (40, "is more than 2^60"),
    "calibration = z; scale = 1e-40": (40, "is less than 2^-60"),
}


@pytest.mark.parametrize("arrays", DATA_MISTAKES)
def test_data_that_do_not_fit(arrays: str, tmp_path: Path) -> None:
    z = np.ones((4, 12))
    labels: dict[str, Any] = {
        "few": np.zeros(3),
        "rows": np.zeros((4, 2)),
        "halves": np.full(4, 0.5),
        "large": np.arange(4) * 4 // 3,
        "right": np.zeros(4),
    }
    frames: dict[str, Any] = {"short": z[:, :5], "z": z, "n": z * np.nan, "i": z * 1j, "none": z[:0], "zero": z * 0}
    np.savez(tmp_path / "odd.npz", **labels, **frames)
    text = f'data {{ file = "odd.npz"; {arrays} }}\n{EIGHT_BITS}\n'
    specification = parse_specification(text, "odd.spec", tmp_path)
    column, what = DATA_MISTAKES[arrays]
    with pytest.raises(QoptError) as caught:
        quantize_network(new_context(), dense_network(), specification)
    assert what in caught.value.what
    assert caught.value.where == f"odd.spec:1:{column}"


def test_the_array_of_a_file_has_its_name(tmp_path: Path) -> None:
    np.save(tmp_path / "frames.npy", frames_for(dense_network(), 8))
    for name, known in (("frames", True), ("x", False)):
        text = f'data {{ file = "frames.npy"; calibration = {name} }}\n{EIGHT_BITS}\n'
        specification = parse_specification(text, "array.spec", tmp_path)
        if known:
            assert quantize_network(new_context(), dense_network(), specification).calibration_frames == 8
        else:
            with pytest.raises(QoptError, match="known: frames"):
                quantize_network(new_context(), dense_network(), specification)


def test_accumulator_ranges_are_reached() -> None:
    network = find_layers(main_of(dense_network()))
    linear = network.linears[1]
    specification = parse_specification('layers "*" { weight = fixed<5> per channel }')
    weight = choose_weight(linear, linear.weights.array, specification, Quantizers())
    activation = Quantizer(UFixedType(6), np.asarray(np.float32(0.25)))
    found = accumulator_range(linear, weight, activation)
    codes = weight_rows(linear, weight.quanta(linear.weights.array))[0]
    assert found.hi == max((np.maximum(row, 0) * 63).sum() for row in codes)
    assert found.lo == min((np.minimum(row, 0) * 63).sum() for row in codes)


def test_layers_without_rows_say_so_and_have_limits(tmp_path: Path) -> None:
    """A transposed convolution in groups: one scale, nearest rounding, and sums of all taps at most."""
    net = Builder(2)
    weights = net.constant("w", net.rng.normal(size=(4, 3, 2, 2)))
    up = net.add("ConvTranspose", ["x", weights], "up", group=2, strides=[2, 2])
    rules = 'layers "*" { weight = fixed<8> per channel; activation = fixed<8> }\nrounding = reconstruct'
    module = net.module((1, 4, 3, 3), up, (1, 6, 6, 6))
    assert quantised(module, tmp_path, rules).notes == (
        "'up', transposed in groups, has one scale for all channels",
        "the weights of 'up' are rounded to nearest: reconstruction knows no conv_transpose",
    )
    module = net.module((1, 4, 3, 3), up, (1, 6, 6, 6))
    with pytest.raises(QoptError, match=r"the accumulator of 'up' needs 1[78] bits, the limit is 12"):
        quantised(module, tmp_path, f'{EIGHT_BITS}\nlayers "*" {{ accumulator = fixed<12> }}')
    module = net.module((1, 4, 3, 3), up, (1, 6, 6, 6))
    quantised(module, tmp_path, f'{EIGHT_BITS}\nlayers "*" {{ accumulator = fixed<18> }}')


def test_rows_of_a_convolution_give_its_sums() -> None:
    net = Builder(3)
    module = net.module(
        (1, 4, 9, 7),
        net.conv("x", "conv", (6, 2, 3, 2), group=2, strides=[2, 1], dilations=[1, 2], pads=[1, 0, 1, 2]),
        (1, 6, 5, 7),
    )
    linear = find_layers(main_of(module)).linears[0]
    assert isinstance(linear.op, ConvOp)
    frames = frames_for(module, 3)
    sums: list[np.ndarray] = []
    compile_function(module).run({0: frames}, lambda _, codes: sums.append(np.asarray(codes[0])), {linear.op})
    expected = np.concatenate(sums).reshape(3, 2, 3, -1)
    rows = input_rows(linear, frames[:, None], np.arange(35))
    found = np.einsum("grk,gok->gor", rows, weight_rows(linear, linear.weights.array)).reshape(2, 3, 3, -1)
    np.testing.assert_allclose(found.transpose(2, 0, 1, 3), expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("rules", [EIGHT_BITS, POWERS], ids=["free", "powers"])
def test_quantised_twice_is_quantised_once(rules: str, tmp_path: Path) -> None:
    module = dense_network()
    quantised(module, tmp_path, rules)
    once = module_text(module)
    report = quantised(module, tmp_path, rules)
    assert module_text(module) == once
    assert "in the quantised network that was given" in str(report)
    assert "float32" not in str(report)


@pytest.mark.parametrize("rules", [EIGHT_BITS, pytest.param(POWERS, marks=pytest.mark.slow)], ids=["free", "powers"])
def test_hardware_of_a_quantised_network(rules: str, tmp_path: Path) -> None:
    module = residual_network()
    quantised(module, tmp_path, rules)
    frames = frames_for(module, 6)
    build(new_context(), module, tmp_path / "build", BuildOptions(name="net"), lambda _: None)
    run = run_folder(BuildFolder.open(tmp_path / "build"), Request({"": frames}, "dataflow"))
    assert all(comparison.passed and comparison.total for comparison in run.comparisons)


@pytest.mark.slow
@pytest.mark.parametrize("rules", [EIGHT_BITS, POWERS], ids=["free", "powers"])
def test_verilog_of_a_quantised_network(rules: str, tmp_path: Path) -> None:
    module = separable_network()
    quantised(module, tmp_path, rules)
    build(new_context(), module, tmp_path / "build", BuildOptions(name="net"), lambda _: None)
    run = run_folder(BuildFolder.open(tmp_path / "build"), Request({"": frames_for(module, 3)}, "verilog", stall=0.3))
    assert all(comparison.passed and comparison.total for comparison in run.comparisons)


@pytest.mark.parametrize(
    "bits", [13, pytest.param(9, marks=pytest.mark.slow), pytest.param(16, marks=pytest.mark.slow)]
)
def test_hardware_of_wide_activations(bits: int, tmp_path: Path) -> None:
    for seed, network in enumerate((dense_network, separable_network)):
        module = network(seed)
        quantised(module, tmp_path, f'layers "*" {{ weight = fixed<6> per channel; activation = fixed<{bits}> }}')
        frames = frames_for(module, 4)
        folder = tmp_path / f"build{seed}"
        build(new_context(), module, folder, BuildOptions(name="net"), lambda _: None)
        run = run_folder(BuildFolder.open(folder), Request({"": frames}, "dataflow"))
        assert all(comparison.passed and comparison.total for comparison in run.comparisons)
