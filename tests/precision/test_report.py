# SPDX-License-Identifier: Apache-2.0
"""The figures of the precision report against computations of their own."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from qopt_mlir.backends.precision_report import observing
from qopt_mlir.backends.precision_report.concerns import concerns
from qopt_mlir.backends.precision_report.figures import FloatOrigin, precision_data
from qopt_mlir.backends.precision_report.page import html
from qopt_mlir.driver.build import main as build
from qopt_mlir.frontends.onnx import import_onnx
from qopt_mlir.frontends.precision.parser import parse_specification
from qopt_mlir.passes.calibration.quantization import quantize_network
from qopt_mlir.passes.fold_constants import FoldConstantsPass
from qopt_mlir.passes.pipelines import to_typed
from qopt_mlir.passes.runner import parse_passes, run_passes
from qopt_mlir.passes.share_weights import ShareWeightsPass
from qopt_mlir.qdialect.errors import QoptError, node_name
from qopt_mlir.qdialect.q import ConvOp, DivOp, MatMulOp, MulOp, QuantizeOp, ReluOp
from qopt_mlir.qdialect.q.inference import constant_of
from qopt_mlir.qdialect.reference import compile_function
from qopt_mlir.qdialect.text import new_context
from qopt_mlir.qdialect.types import element_type
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Operation

from .networks import EIGHT_BITS, Array, dense_network, frames_for, outputs, residual_network

EXAMPLES = Path(__file__).parents[2] / "examples"
FIVE_BITS = 'layers "*" { weight = fixed<5> per channel; activation = fixed<5> clip mse }'
CALIBRATED, TESTED = 96, 70  # frames: more than a batch, and no multiple of it
Figures = dict[str, Any]


class Reported:
    """A network before and after quantisation, its frames, and the report."""

    def __init__(self, module: ModuleOp, folder: Path, rules: str, share: int = 0):
        self.before = module.clone()
        self.frames = frames_for(module, CALIBRATED + TESTED)
        self.test = self.frames[CALIBRATED:]
        self.labels = np.arange(TESTED) % outputs(module, self.frames[:1]).size
        np.savez(folder / "data.npz", x=self.frames[:CALIBRATED], t=self.test, y=self.labels)
        text = f'data {{ file = "data.npz"; calibration = x; test = t labels y }}\n{rules}\n'
        stated = parse_specification(text, "test.spec", folder)
        quantize_network(new_context(), module, stated)
        if share:
            run_passes(new_context(), module, [FoldConstantsPass(), ShareWeightsPass(k=share)])
        self.after, self.typed = module, module.clone()
        if "keep" not in rules:  # float layers are no hardware
            run_passes(new_context(), self.typed, parse_passes(to_typed(())))
        self.data = precision_data(new_context(), "net", module, self.typed, FloatOrigin(self.before, stated))

    def layer(self, name: str) -> Figures:
        (found,) = [layer for layer in self.data["layers"] if name in layer["nodes"]]
        return found


@pytest.fixture(scope="module")
def residual(tmp_path_factory: pytest.TempPathFactory) -> Reported:
    return Reported(residual_network(), tmp_path_factory.mktemp("residual"), FIVE_BITS)


@pytest.fixture(scope="module")
def dense(tmp_path_factory: pytest.TempPathFactory) -> Reported:
    return Reported(dense_network(), tmp_path_factory.mktemp("dense"), EIGHT_BITS)


def ratio(exact: Array, quantised: Array) -> float:
    """Signal to quantisation noise in dB."""
    exact, quantised = exact.astype(np.float64), quantised.astype(np.float64)
    return float(10 * np.log10(np.sum(exact**2) / np.sum((exact - quantised) ** 2)))


def only(module: ModuleOp, node: str, class_: type[Operation], place: int = -1) -> Operation:
    """An op of a node: the last of its class, or another."""
    return [op for op in module.walk() if isinstance(op, class_) and node_name(op) == node][place]


def run(module: ModuleOp, frames: Array, op: Operation) -> Array:
    """What an op of @main gives for frames."""
    parts: list[Array] = []
    compile_function(module).run({0: frames}, lambda _, codes: parts.append(codes[0]), [op])  # pyright: ignore
    return np.concatenate(parts)


def test_scores_are_those_of_whole_runs(residual: Reported) -> None:
    before, after = outputs(residual.before, residual.test), outputs(residual.after, residual.test)
    chosen = before.reshape(TESTED, -1).argmax(axis=1), after.reshape(TESTED, -1).argmax(axis=1)
    network = residual.data["network"]
    assert (network["calibration_frames"], network["test_frames"]) == (CALIBRATED, TESTED)
    assert network["sqnr_db"] == pytest.approx(ratio(before, after), abs=0.006)
    assert network["agreement"] == pytest.approx(100 * np.mean(chosen[0] == chosen[1]), rel=1e-5)
    assert network["accuracy_before"] == pytest.approx(100 * np.mean(chosen[0] == residual.labels), rel=1e-5)
    assert network["accuracy_after"] == pytest.approx(100 * np.mean(chosen[1] == residual.labels), rel=1e-5)


def test_every_layer_is_there_under_its_node(residual: Reported) -> None:
    layers = residual.data["layers"]
    kinds = {layer["name"]: layer["kind"] for layer in layers}
    assert (
        kinds.items() >= {"x": "input", "conv1": "conv", "conv2": "conv", "join": "add", "depth": "depthwise"}.items()
    )
    assert [layer["name"] for layer in layers if layer["weight"]] == ["conv1", "conv2", "depth", "fc"]
    assert residual.layer("relu1")["name"] == "conv1"
    assert residual.layer("average")["kind"] == "pool"


@pytest.mark.parametrize(("layer", "relu"), [("conv1", "relu1"), ("join", "relu2"), ("depth", "relu3")])
def test_activations_are_compared_with_the_float_network(residual: Reported, layer: str, relu: str) -> None:
    exact = run(residual.before, residual.test, only(residual.before, relu, ReluOp))
    result = run(residual.after, residual.test, only(residual.after, relu, MulOp))
    figures = residual.layer(layer)["activation"]
    assert figures["sqnr_db"] == pytest.approx(ratio(exact, result), abs=0.006)
    quantizer = only(residual.after, relu, QuantizeOp)
    assert figures["format"] == str(element_type(quantizer.results[0])).replace("!q.", "")
    codes = run(residual.after, residual.test, quantizer)
    counts = np.bincount(codes.reshape(-1), minlength=32)
    assert figures["codes"] == {
        "held": 32,
        "used": int(np.count_nonzero(counts)),
        "values": list(range(32)),
        "counts": counts.tolist(),
    }


def test_ranges_and_saturation_of_an_activation(residual: Reported) -> None:
    source = only(residual.after, "relu1", ReluOp)
    scale = constant_of(only(residual.after, "relu1", DivOp).operands[1])
    assert scale is not None
    step = float(scale.array)
    figures = residual.layer("conv1")["activation"]
    seen = run(residual.after, residual.frames[:CALIBRATED], source)
    assert figures["range_calibration"] == pytest.approx([seen.min(), seen.max()], rel=1e-5)
    assert figures["range_held"] == pytest.approx([0, 31 * step], rel=1e-5)
    assert figures["scales"] == pytest.approx([step, step], rel=1e-5)
    saturated = np.mean(run(residual.after, residual.test, source) > 31.5 * np.float32(step))
    assert saturated > 0
    assert figures["saturated"] == pytest.approx(saturated, rel=1e-5)


def test_weights_are_compared_with_the_float_weights(residual: Reported) -> None:
    stored = constant_of(only(residual.before, "conv2", ConvOp).operands[1])
    scale = constant_of(only(residual.after, "conv2", DivOp, 0).operands[1])
    assert stored is not None
    assert scale is not None
    codes = np.clip(np.rint(stored.array / scale.array), -15, 15)
    figures = residual.layer("conv2")["weight"]
    assert figures["sqnr_db"] == pytest.approx(ratio(stored.array, codes * scale.array), abs=0.006)
    assert (figures["format"], figures["bits"], figures["count"]) == ("fixed<5, 0>", 5, 8 * 8 * 9)
    assert figures["codes"]["counts"] == [int(np.sum(codes == code)) for code in range(-16, 16)]
    assert figures["codes"]["used"] == len(np.unique(codes))
    assert figures["range_float"] == pytest.approx([stored.array.min(), stored.array.max()], rel=1e-5)
    assert sum(figures["float_histogram"]["counts"]) == 8 * 8 * 9


def test_batch_normalisation_is_part_of_the_float_weights(residual: Reported) -> None:
    assert 20 < residual.layer("norm1")["weight"]["sqnr_db"] < 40
    assert residual.layer("norm1")["bias"]["sqnr_db"] > 40


def test_costs_are_counted(residual: Reported) -> None:
    products = {"conv1": 8 * 64 * 27, "conv2": 8 * 64 * 72, "depth": 8 * 16 * 9, "fc": 8 * 5}
    weights = {"conv1": 8 * 27, "conv2": 8 * 72, "depth": 8 * 9, "fc": 8 * 5}
    for name, count in products.items():
        costs = residual.layer(name)["costs"]
        assert (costs["multiplications"], costs["input_bits"]) == (count, 5)
        assert costs["bit_operations"] == count * 25
    network = residual.data["network"]
    assert network["bit_operations"] == 25 * sum(products.values())
    assert network["bit_operations_int8"] == 64 * sum(products.values())
    assert network["weight_bits"] == 5 * sum(weights.values())
    assert network["weight_bits_float32"] == 32 * sum(weights.values())


def test_accumulators_hold_what_is_proven_and_seen(dense: Reported) -> None:
    codes, weights = dense.frames[:CALIBRATED], only(dense.typed, "fc2", MatMulOp)
    figures = dense.layer("fc2")["accumulator"]
    low, high = figures["range_proven"]
    assert figures["range_held"][0] <= low <= figures["range_calibration"][0] < 0
    assert figures["range_held"][1] >= high >= figures["range_calibration"][1] > 0
    assert figures["format"] == str(element_type(weights.results[0])).replace("!q.", "")
    assert figures["bits"] < figures["bits_by_type"] == 8 + 8 + 5
    seen = run(dense.typed, codes, weights)
    assert figures["range_calibration"] == [seen.min(), seen.max()]


def test_shared_weights_list_their_codebook(tmp_path: Path) -> None:
    reported = Reported(dense_network(3), tmp_path, EIGHT_BITS, share=4)
    figures = reported.layer("fc2")["weight"]
    book = figures["codebook"]
    assert (book["entries"], book["codebooks"], book["index_bits"], book["value_format"]) == (4, 1, 2, "fixed<8, 0>")
    used = [value for value, count in zip(figures["codes"]["values"], figures["codes"]["counts"], strict=True) if count]
    assert book["codes"] == [used]
    assert (figures["format"], figures["bits"]) == ("shared<4, fixed<8, 0>>", 2)
    assert figures["memory_bits"] == 24 * 16 * 2 + 4 * 8
    assert reported.layer("fc2")["costs"]["bit_operations"] == 24 * 16 * 8 * 8


def test_float_formats(tmp_path: Path) -> None:
    specification = (EXAMPLES / "float_digits" / "floats.spec").read_text()
    module = import_onnx(str(EXAMPLES / "float_digits" / "digits.onnx"))
    stated = parse_specification(specification, "floats.spec", EXAMPLES / "float_digits")
    origin = FloatOrigin(module.clone(), stated)
    quantize_network(new_context(), module, stated)
    data = precision_data(new_context(), "floats", module, None, origin)
    figures = data["layers"][1]
    assert figures["weight"]["format"].startswith("float<4, 3")
    assert max(figures["weight"]["codes"]["values"]) == 448
    assert sum(figures["weight"]["codes"]["counts"]) == 64 * 32
    assert figures["costs"]["bit_operations"] == 64 * 32 * 8 * 8
    assert figures["accumulator"] is None
    assert 20 < figures["activation"]["sqnr_db"] < 60


def test_same_network_same_report(residual: Reported, tmp_path: Path) -> None:
    again = Reported(residual_network(), tmp_path, FIVE_BITS)
    assert json.dumps(again.data, allow_nan=False) == json.dumps(residual.data, allow_nan=False)


@pytest.mark.parametrize("more", ["equalize = on", "rounding = reconstruct", "bias_correction = on"])
def test_ways_to_quantise(more: str, tmp_path: Path) -> None:
    layers = Reported(residual_network(4), tmp_path, f"{FIVE_BITS}\n{more}").data["layers"]
    least = -5 if "reconstruct" in more else 15  # reconstruction makes up for errors in other weights
    assert all(layer["activation"]["sqnr_db"] > 8 for layer in layers if layer["activation"])
    assert all(layer["weight"]["sqnr_db"] > least for layer in layers if layer["weight"])


def test_weights_alone_need_no_frames() -> None:
    module = dense_network()
    stated = parse_specification('layers "*" { weight = fixed<4> per channel }', "test.spec")
    origin = FloatOrigin(module.clone(), stated)
    quantize_network(new_context(), module, stated)
    data = precision_data(new_context(), "weights", module, None, origin)
    assert data["compared"] == "float32"
    assert data["network"]["test_frames"] is None
    for layer in data["layers"]:
        assert layer["weight"]["bits"] == 4
        assert 10 < layer["weight"]["sqnr_db"] < 30
        assert (layer["activation"], layer["costs"]["input_bits"]) == (None, 32)


def test_what_came_quantised_is_not_called_float(dense: Reported, tmp_path: Path) -> None:
    again = Reported(dense.after.clone(), tmp_path, EIGHT_BITS)
    assert again.data["compared"] == "the quantised network that was given"
    assert again.data["network"]["sqnr_db"] == "exact"
    page = html(again.data)
    assert "against the quantised network that was given" in page
    assert "the float network" not in page


def test_images_too_large_for_a_batch(residual: Reported, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(observing, "KEPT_NUMBERS", 10_000)
    again = Reported(residual_network(), tmp_path, FIVE_BITS)
    assert again.data == residual.data


def test_layers_that_stay_float(tmp_path: Path) -> None:
    reported = Reported(dense_network(), tmp_path, f'{EIGHT_BITS}\nlayers "fc3" {{ keep }}')
    figures = reported.layer("fc3")
    assert (figures["weight"]["format"], figures["weight"]["memory_bits"]) == ("float32", 32 * 64)
    assert figures["accumulator"] is None


def test_concerns() -> None:
    codes = {"held": 256, "used": 100, "values": None, "counts": None}
    row = {
        "weight": {"sqnr_db": 12.0, "saturated": 0.0, "codes": codes, "codebook": None},
        "activation": {"sqnr_db": "exact", "saturated": 0.25, "codes": codes | {"used": 200}},
    }
    assert concerns(row) == [
        "weight SQNR is 12.0 dB, below 20 dB",
        "weights use 100 of 256 codes",
        "25.0 % of the activations saturate",
    ]
    assert not concerns({"weight": None, "activation": None})


def test_build_with_a_search(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model, stated = EXAMPLES / "float_digits" / "digits.onnx", EXAMPLES / "float_digits" / "word_lengths.spec"
    assert build([str(model), "--spec", str(stated), "-o", str(tmp_path / "out")]) == 0
    printed = capsys.readouterr().out
    data = json.loads((tmp_path / "out" / "precision.json").read_text())
    (search,), network = data["searches"], data["network"]
    assert f"cost {search['cost_before']} -> {search['cost_after']}" in printed
    assert f"{search['evaluations']} choices tried" in printed
    assert 1 < len(search["trials"]) <= search["evaluations"]  # of some choices the noise alone is measured
    assert search["cost_after"] == network["bit_operations"] < search["cost_before"] == network["bit_operations_int8"]
    assert {"cost": search["cost_after"], "margin": search["margin"]} in search["trials"]
    assert f"{network['accuracy_before']:.2f} % -> {network['accuracy_after']:.2f} %" in printed
    assert (tmp_path / "out" / "precision.html").is_file()


def test_build_of_a_quantised_network(tmp_path: Path) -> None:
    model = EXAMPLES / "digits" / "digits.onnx"
    assert build([str(model), "-o", str(tmp_path / "out")]) == 0
    data = json.loads((tmp_path / "out" / "precision.json").read_text())
    assert data["compared"] is None
    assert data["searches"] == []
    assert data["network"]["sqnr_db"] is None
    weights = [layer["weight"] for layer in data["layers"] if layer["weight"]]
    assert {weight["bits"] for weight in weights} == {4}
    assert all(weight["sqnr_db"] is None and weight["codes"]["held"] == 16 for weight in weights)
    assert "came quantised" in (tmp_path / "out" / "precision.html").read_text()


def test_failing_build_leaves_no_report(tmp_path: Path) -> None:
    model, stated = EXAMPLES / "float_digits" / "digits.onnx", EXAMPLES / "float_digits" / "eight_bits.spec"
    with pytest.raises(QoptError):
        build([str(model), "--spec", str(stated), "-o", str(tmp_path / "out"), "--fps", "1e12"])
    assert not list(tmp_path.iterdir())
