# SPDX-License-Identifier: Apache-2.0
"""Real networks of images, level by level to Verilog: every output is the stored one, every bit that of the reference.

| network                             | image of the Verilog | outputs                                            |
|-------------------------------------|----------------------|----------------------------------------------------|
| hls4ml_separable_conv_model_ch_last | 16 x 16 of 512 x 512 | of the graph level, none is stored                 |
| hls4ml_tiny_unet_ch_last            | 16 x 16 of 256 x 256 | of the graph level, none is stored                 |
| espcn_subpixel_quant                | 8 x 8 of 128 x 128   | of the graph level; a test of coverage has all     |
| nemo_frontnet                       | 96 x 160             | the four stored ones                               |
| nemo_residual1                      | 200 x 200            | the stored one                                     |
| nemo_dronet20                       | 200 x 200            | the two stored ones                                |
| nemo_penguinet32                    | 96 x 160             | the four stored ones                               |
| vnn_gtsrb_bnn_30                    | 30 x 30              | the stored one                                     |

mcunet_vww_int8, too large for a simulation in a minute, goes to the dataflow level, whose run gives the stored output,
and to Verilog text (`qopt build` and `qopt run --engine verilog --stall` simulate all of it in some minutes).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from qopt_mlir.backends.build import BuildOptions, build
from qopt_mlir.backends.execute import BuildFolder, Request, run_folder
from qopt_mlir.backends.simulators import missing_engine
from qopt_mlir.backends.verilog import verilog_files
from qopt_mlir.frontends.onnx import import_onnx
from qopt_mlir.passes.pipelines import to_dataflow, to_typed
from qopt_mlir.passes.runner import parse_passes, run_passes
from qopt_mlir.qdialect.reference import compile_function
from qopt_mlir.qdialect.text import new_context

from .models import DATA, assert_close

MODELS = DATA / "models"
CLOCK = 200e6


@dataclass(frozen=True)
class ImageModel:
    """A network of images. `crop`: rows and columns of the part that is simulated, and their axes."""

    name: str
    input_formats: tuple[str, ...] = ()
    crop: tuple[int, int] | None = None
    axes: tuple[int, int] = (1, 2)

    @property
    def path(self) -> Path:
        return MODELS / f"{self.name}.onnx"

    @property
    def frame(self) -> NDArray[np.float32]:
        """The stored input, or seeded pixels from 0 to 1; cropped."""
        stored = self.path.with_suffix(".in.npy")
        if stored.is_file():
            frame = np.load(stored)
        else:
            shape = [dim.dim_value for dim in onnx.load(self.path).graph.input[0].type.tensor_type.shape.dim]
            frame = np.random.default_rng(1).random(shape).astype(np.float32)
        if self.crop is None:
            return frame
        start = frame.shape[self.axes[0]] // 3
        for axis, size in zip(self.axes, self.crop, strict=True):
            frame = np.take(frame, range(start, start + size), axis=axis)
        return frame

    @property
    def outputs(self) -> list[NDArray[np.float32]]:
        """The stored outputs; none where only a crop is run."""
        files = sorted(MODELS.glob(f"{self.name}.out*.npy"), key=lambda path: path.name.replace(".out.", ".out0."))
        return [] if self.crop else [np.load(file) for file in files]

    def written(self, folder: Path) -> Path:
        """The network for images of the size of the crop."""
        if self.crop is None:
            return self.path
        model = onnx.load(self.path)
        dims = model.graph.input[0].type.tensor_type.shape.dim
        for axis, size in zip(self.axes, self.crop, strict=True):
            dims[axis].dim_value = size
        del model.graph.value_info[:]
        for output in model.graph.output:
            output.type.tensor_type.ClearField("shape")
        path = folder / f"{self.name}.onnx"
        onnx.save(model, path)
        return path


SIMULATED = (
    ImageModel("hls4ml_separable_conv_model_ch_last", crop=(16, 16)),
    ImageModel("hls4ml_tiny_unet_ch_last", crop=(16, 16)),
    ImageModel("espcn_subpixel_quant", ("x.7: uint<8> scale 1/255",), (8, 8), (2, 3)),
    ImageModel("nemo_frontnet", ("0: uint<8>",)),
    ImageModel("nemo_residual1", ("0: uint<8>",)),
    ImageModel("nemo_dronet20", ("0: uint<8>",)),
    ImageModel("nemo_penguinet32", ("0: uint<8>",)),
    ImageModel("vnn_gtsrb_bnn_30", ("quant_conv2d_20_input: fixed<28, 25>",)),
)
WRITTEN = (ImageModel("mcunet_vww_int8"),)


def skip_without(model: ImageModel) -> None:
    if not model.path.is_file():
        pytest.skip(f"the model collection beside the checkout is absent: {model.path.name}")


def expected_outputs(model: ImageModel, path: Path) -> list[NDArray[np.float32]]:
    if model.outputs:
        return model.outputs
    return [
        output.astype(np.float32) for output in compile_function(import_onnx(path)).run({0: model.frame[np.newaxis]})
    ]


@pytest.mark.slow
@pytest.mark.parametrize("model", SIMULATED, ids=lambda model: model.name)
def test_verilog(model: ImageModel, tmp_path: Path) -> None:
    skip_without(model)
    if missing := missing_engine("verilator"):
        pytest.skip(missing)
    path, folder = model.written(tmp_path), tmp_path / "build"
    options = BuildOptions(model.name, input_formats=model.input_formats)
    build(new_context(), import_onnx(path), folder, options, lambda _: None)
    request = Request({"": model.frame[np.newaxis]}, "verilog", stall=0.3, seed=2)
    execution = run_folder(BuildFolder.open(folder), request)
    assert len(execution.comparisons) == 3
    assert all(comparison.passed for comparison in execution.comparisons), "\n".join(map(str, execution.comparisons))
    expected = expected_outputs(model, path)
    assert len(execution.outputs) == len(expected)
    for actual, wanted in zip(execution.outputs, expected, strict=True):
        assert_close(actual, wanted)


@pytest.mark.slow
@pytest.mark.parametrize("model", WRITTEN, ids=lambda model: model.name)
def test_dataflow_level(model: ImageModel) -> None:
    skip_without(model)
    module = import_onnx(model.path)
    for passes in (to_typed(model.input_formats), to_dataflow(CLOCK)):
        run_passes(new_context(), module, parse_passes(passes))
        outputs = compile_function(module, "main").run({0: model.frame[np.newaxis]})
        for actual, wanted in zip(outputs, model.outputs, strict=True):
            assert_close(actual, wanted)
    top, *units = verilog_files(module, "network").values()
    assert "module network(" in top
    assert len(units) > 10
