# SPDX-License-Identifier: Apache-2.0
"""Float models of the collection: accuracy after quantisation, and Verilog that gives the same bits."""

from pathlib import Path

import numpy as np
import pytest
from qopt_mlir.backends.build import BuildOptions, build
from qopt_mlir.backends.execute import BuildFolder, Request, run_folder
from qopt_mlir.frontends.onnx import import_onnx
from qopt_mlir.frontends.precision.parser import parse_specification
from qopt_mlir.passes.calibration.quantization import quantize_network
from qopt_mlir.passes.calibration.scoring import Score
from qopt_mlir.qdialect.text import new_context
from xdsl.dialects.builtin import ModuleOp

COLLECTION = Path(__file__).parents[3] / "shared" / "data"
MNIST = 'data { file = "mnist.npz"; calibration = x_train; test = x_test labels y_test; samples = 300 }'
CIFAR = 'data { file = "cifar10_jpeg_subset.npz"; calibration = x_train; test = x_test labels y_test; samples = 200 }'
KWS = (
    'data { file = "kws_mlperftiny_1000.npz"; calibration = x_mfcc_int8; test = x_mfcc_int8 labels y; samples = 200; '
    "scale = 0.58470; offset = -48.5301 }\nlayers input { activation = fixed<8> asymmetric }"
)
EIGHT_BITS = 'layers "*" { weight = fixed<8> per channel; activation = fixed<8> }'
FOUR_BITS = 'layers "*" { weight = fixed<4> per channel; activation = fixed<8> }'

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not COLLECTION.is_dir(), reason=f"the model collection ({COLLECTION}) is not here"),
]


def quantised(name: str, rules: str) -> tuple[ModuleOp, Score]:
    module = import_onnx(str(COLLECTION / "models" / f"{name}.onnx"))
    specification = parse_specification(rules, "test.spec", COLLECTION / "datasets")
    score = quantize_network(new_context(), module, specification).score
    assert score is not None
    return module, score


@pytest.mark.parametrize(
    ("name", "data"),
    [("mnist_conv_cntk", MNIST), ("mlperftiny_ic_resnet8_fp32", CIFAR), ("alibaba_kws", KWS)],
)
def test_eight_bits_lose_half_a_point_at_most(name: str, data: str) -> None:
    score = quantised(name, f"{EIGHT_BITS}\n{data}")[1]
    assert score.accuracy is not None
    assert score.float_accuracy is not None
    assert score.accuracy >= score.float_accuracy - 0.5


def test_reconstruction_where_nearest_rounding_loses() -> None:
    nearest = quantised("alibaba_kws", f"{FOUR_BITS}\n{KWS}")[1]
    reconstructed = quantised("alibaba_kws", f"{FOUR_BITS}\n{KWS}\nrounding = reconstruct")[1]
    assert nearest.accuracy is not None
    assert reconstructed.accuracy is not None
    assert reconstructed.float_accuracy is not None
    assert nearest.accuracy < reconstructed.float_accuracy - 2
    assert reconstructed.accuracy >= reconstructed.float_accuracy - 2


@pytest.mark.parametrize(
    ("name", "data", "input_format", "array", "scale"),
    [
        ("mnist_conv_cntk", MNIST, "Input3: uint<8>", ("mnist", "x_test"), (1.0, 0.0)),
        (
            "alibaba_kws",
            KWS,
            "x:0: int<8> scale 5847/10000 offset -485301/10000",
            ("kws_mlperftiny_1000", "x_mfcc_int8"),
            (0.5847, -48.5301),
        ),
    ],
    ids=["mnist", "kws"],
)
def test_verilog_gives_the_same_bits(
    name: str, data: str, input_format: str, array: tuple[str, str], scale: tuple[float, float], tmp_path: Path
) -> None:
    module = quantised(name, f"{EIGHT_BITS}\n{data}")[0]
    build(
        new_context(), module, tmp_path / "b", BuildOptions(name="net", input_formats=(input_format,)), lambda _: None
    )
    stored = np.load(COLLECTION / "datasets" / f"{array[0]}.npz")[array[1]][:2]
    frames = (stored * scale[0] + scale[1]).astype(np.float32)
    run = run_folder(BuildFolder.open(tmp_path / "b"), Request({"": frames}, "verilog"))
    assert len(run.comparisons) >= 3
    assert all(comparison.passed and comparison.total for comparison in run.comparisons)
