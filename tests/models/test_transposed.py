# SPDX-License-Identifier: Apache-2.0
"""Quantised networks with transposed and dilated convolutions: every bit through the levels, Verilog of a small one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from qopt_mlir.backends.build import BuildOptions, build
from qopt_mlir.backends.execute import BuildFolder, Request, run_folder
from qopt_mlir.backends.simulators import missing_engine
from qopt_mlir.frontends.onnx import import_onnx
from qopt_mlir.passes.runner import parse_passes, run_passes
from qopt_mlir.qdialect.dataflow import DepthToSpaceOp, SlidingWindowOp
from qopt_mlir.qdialect.reference import compile_function
from qopt_mlir.qdialect.text import new_context
from xdsl.dialects.builtin import ModuleOp

from .models import DATA

QUANTIZE = 'q-quantize{{weight="fixed<8>" activation="fixed<8>" data="{data}"}}'


def quantized(
    model: onnx.ModelProto, folder: Path, shape: tuple[int, ...], count: int = 3
) -> tuple[ModuleOp, np.ndarray]:
    """(the model with 8 bits everywhere; so many random frames)."""
    onnx.save(model, folder / "model.onnx")
    frames = np.random.default_rng(0).uniform(-1, 1, (count, *shape)).astype(np.float32)
    np.save(folder / "frames.npy", frames)
    module = import_onnx(folder / "model.onnx")
    run_passes(new_context(), module, parse_passes(QUANTIZE.format(data=folder / "frames.npy")))
    return module, frames


def check_levels(model: onnx.ModelProto, folder: Path, shape: tuple[int, ...], special: int, frames: int = 3) -> None:
    """Typed and dataflow level give the same bits; so many units shuffle pixels or have dilated windows."""
    module, x = quantized(model, folder, shape, frames)
    run_passes(new_context(), module, parse_passes("q-to-typed"))
    wanted = compile_function(module).run_codes({0: x})
    run_passes(new_context(), module, parse_passes("q-convert-to-dataflow,q-insert-forks"))
    found = compile_function(module).run_codes({0: x})
    assert all(np.array_equal(np.asarray(a), np.asarray(b)) for a, b in zip(wanted, found, strict=True))
    assert sum(isinstance(op, DepthToSpaceOp) or _dilated(op) for op in module.walk()) == special


def _dilated(op: object) -> bool:
    return isinstance(op, SlidingWindowOp) and max(op.window.dilations) > 1


def collected(name: str) -> onnx.ModelProto:
    path = DATA / "models" / f"{name}.onnx"
    if not path.is_file():
        pytest.skip(f"the model collection beside the checkout is absent: {path.name}")
    return onnx.load(path)


@pytest.mark.slow
def test_generator_and_judge(tmp_path: Path) -> None:
    check_levels(collected("vnn_cgan32_ch1"), tmp_path, (1, 5), special=3)


@pytest.mark.slow
def test_detector_with_dilated_block(tmp_path: Path) -> None:
    """Dilations of 2, 3 and 5; heads of four sizes, whose results stand behind each other."""
    check_levels(collected("ultraface_rfb320"), tmp_path, (1, 3, 240, 320), special=3, frames=1)


def narrow_generator() -> onnx.ModelProto:
    """The generator of a few channels: a matrix, an image of its result, three transposed convolutions."""
    rng = np.random.default_rng(0)
    arrays = {"w": rng.normal(size=(3, 16)), "b": rng.normal(size=16), "s": np.array([1, 4, 2, 2])}
    nodes = [
        helper.make_node("Gemm", ["x", "w", "b"], ["g"], name="Gemm_0"),
        helper.make_node("Reshape", ["g", "s"], ["i0"], name="Reshape_1"),
    ]
    layers = ((4, 2, 4, 2, 0, 0), (2, 2, 3, 2, 1, 1), (2, 1, 3, 1, 1, 0))
    for number, (channels, outputs, kernel, stride, pad, more) in enumerate(layers):
        arrays[f"k{number}"] = rng.normal(size=(channels, outputs, kernel, kernel))
        names = ([f"i{number}", f"k{number}"], [f"c{number}"])
        node = helper.make_node(
            "ConvTranspose",
            *names,
            name=f"ConvTranspose_{number}",
            strides=[stride] * 2,
            pads=[pad] * 4,
            output_padding=[more] * 2,
        )
        nodes += [node, helper.make_node("Relu", [f"c{number}"], [f"i{number + 1}"], name=f"Relu_{number}")]
    constants = [
        numpy_helper.from_array(array.astype(np.int64 if name == "s" else np.float32), name)
        for name, array in arrays.items()
    ]
    x, y = (
        helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
        for name, shape in (("x", [1, 3]), ("i3", [1, 1, 12, 12]))
    )
    graph = helper.make_graph(nodes, "generator", [x], [y], constants)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])


def test_narrow_generator(tmp_path: Path) -> None:
    check_levels(narrow_generator(), tmp_path, (1, 3), special=1)


@pytest.mark.slow
def test_verilog_of_narrow_generator(tmp_path: Path) -> None:
    if missing := missing_engine("verilator") and missing_engine("icarus"):
        pytest.skip(missing)
    module, frames = quantized(narrow_generator(), tmp_path, (1, 3))
    folder = tmp_path / "build"
    build(new_context(), module, folder, BuildOptions("generator"), lambda _: None)
    execution = run_folder(BuildFolder.open(folder), Request({"": frames}, "verilog", stall=0.3, seed=1))
    assert execution.comparisons
    assert all(comparison.passed for comparison in execution.comparisons), "\n".join(map(str, execution.comparisons))
