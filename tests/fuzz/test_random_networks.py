# SPDX-License-Identifier: Apache-2.0
"""Random networks from ONNX to Verilog: every level gives what a second, simple reading of the ONNX graph gives.

`pytest tests/fuzz -m slow` takes many more seeds, compares with the qonnx package and simulates the Verilog.
"""

from __future__ import annotations

import random
from fractions import Fraction
from pathlib import Path

import numpy as np
import onnx
import pytest
from qopt_mlir.backends.build import BuildOptions, build
from qopt_mlir.backends.execute import BuildFolder, Engine, Request, run_folder, run_module
from qopt_mlir.backends.simulators import missing_engines
from qopt_mlir.frontends.onnx import import_onnx
from qopt_mlir.passes.check_ranges import check_ranges
from qopt_mlir.passes.pipelines import to_dataflow, to_typed
from qopt_mlir.passes.runner import parse_passes, run_passes
from qopt_mlir.passes.verify_each import EquivalenceChecker
from qopt_mlir.qdialect.errors import QoptError
from qopt_mlir.qdialect.text import module_text, new_context, parse_module, verify_module
from xdsl.dialects.builtin import ModuleOp

from .generator import Array, Generator, frames_for
from .oracle import Oracle

KNOWN_LIMITS = (
    "cannot be hardware",
    "works on real numbers",
    "differs between the elements that it sums",
    "is not made of integers",
    "differ along the summed axis",
    "no unit of its own",
    "has no hardware unit",
    "no place on the host side",  # top-k of more than one
    "one of each is supported",  # top-k with two outputs
)
MARGIN = 2e-3  # codes; closer to a rounding boundary float32 may fall on either side


def reread(module: ModuleOp) -> ModuleOp:
    text = module_text(module)
    again = parse_module(text, "again.mlir")
    verify_module(again)
    assert module_text(again) == text
    return again


def outputs_of(module: ModuleOp, x: Array) -> list[Array]:
    return run_module(module, {"": x}).outputs


def expect_known_limit(seed: int, fault: QoptError) -> None:
    if not any(limit in fault.what for limit in KNOWN_LIMITS):
        raise AssertionError(f"seed {seed}: refused") from fault


def same(actual: list[Array], expected: list[Array]) -> bool:
    return all(np.array_equal(a.reshape(b.shape), b) for a, b in zip(actual, expected, strict=True))


def is_nearest_float32(number: float, exact: Fraction) -> bool:
    if Fraction(number) == exact:
        return True
    near = np.float32(number)
    neighbours = (np.nextafter(near, np.float32(end)) for end in (np.inf, -np.inf))
    error = abs(Fraction(float(near)) - exact)
    return float(near) == number and all(abs(Fraction(float(n)) - exact) >= error for n in neighbours)


def check_graph(seed: int, generator: Generator, proto: onnx.ModelProto, graph: ModuleOp, x: Array) -> Oracle:
    """The graph level against float32 arithmetic; returns the exact oracle, which has run."""
    exact = Oracle(proto, True)
    exact.run(x)
    clear = np.full(len(x), True) if generator.dyadic else exact.margin > MARGIN
    for actual, expected in zip(outputs_of(graph, x), Oracle(proto, False).run(x), strict=True):
        a, b = actual.reshape(expected.shape)[clear].astype(float), expected[clear].astype(float)
        strict = generator.dyadic and proto.graph.node[-1].op_type != "Softmax"
        tolerance = 0 if strict else 1e-4 * np.abs(expected).max()  # of all frames: a sum may cancel in the clear ones
        wrong = (np.abs(a - b) > tolerance).any(axis=tuple(range(1, a.ndim))).sum()
        # sums that cancel leave float32 noise, which depends on their order; what it shifts is seldom
        assert wrong <= (0 if generator.dyadic else len(a) / 10), f"seed {seed}: graph level and ONNX"
    return exact


def check_typed(seed: int, actual: list[Array], expected: list[Array]) -> None:
    for a, b in zip(actual, expected, strict=True):
        if b.dtype == object:
            pairs = zip(a.reshape(-1).tolist(), b.reshape(-1).tolist(), strict=True)
            assert all(is_nearest_float32(float(x), y) for x, y in pairs), f"seed {seed}: typed level and exact ONNX"
        else:
            np.testing.assert_allclose(a.reshape(b.shape), b, atol=1e-5 * (b.dtype.kind == "f"), err_msg=f"seed {seed}")


def check_levels(seed: int) -> bool:
    """Import, every pass, every level, text of every level. False if the network is one that hardware cannot be."""
    generator = Generator(seed)
    proto = generator.model()
    x = frames_for(proto, seed)
    module = import_onnx(proto.SerializeToString())
    exact = check_graph(seed, generator, proto, reread(module), x)
    checker = EquivalenceChecker(module, {"": x})
    try:
        run_passes(new_context(), module, parse_passes(to_typed()), checker.check)
    except QoptError as fault:
        expect_known_limit(seed, fault)
        return False
    typed = outputs_of(reread(module), x)
    check_typed(seed, typed, [exact.values[output.name] for output in proto.graph.output])
    fps = random.Random(seed).choice([None, 1e3, 1e6, 1e7])
    run_passes(new_context(), module, parse_passes(to_dataflow(200e6, fps)))
    dataflow = reread(module)
    check_ranges(dataflow)
    assert same(outputs_of(dataflow, x), typed), f"seed {seed}: dataflow and typed level"
    return True


@pytest.mark.parametrize("start", range(0, 40, 10))
def test_levels_agree(start: int) -> None:
    assert sum(check_levels(seed) for seed in range(start, start + 10)) >= 3


@pytest.mark.slow
@pytest.mark.parametrize("start", range(1000, 2500, 100))
def test_levels_agree_on_many(start: int) -> None:
    assert sum(check_levels(seed) for seed in range(start, start + 100)) >= 50


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:Some old-style domain attributes:UserWarning")
@pytest.mark.parametrize("seed", range(60))
def test_quantised_values_equal_those_of_qonnx(seed: int) -> None:
    pytest.importorskip("qonnx")
    from qonnx.core.modelwrapper import ModelWrapper
    from qonnx.core.onnx_exec import execute_onnx
    from qonnx.transformation.infer_shapes import InferShapes

    generator = Generator(seed)
    proto = generator.model()
    x = frames_for(proto, seed)[::4]
    exact = Oracle(proto, True)
    exact.run(x)
    clear = np.full(len(x), True) if generator.dyadic else exact.margin > MARGIN
    outputs = outputs_of(import_onnx(proto.SerializeToString()), x)
    proto.graph.input[0].type.tensor_type.shape.dim[0].dim_value = 1
    wrapper = ModelWrapper(proto).transform(InferShapes())
    for frame in np.flatnonzero(clear):
        values = execute_onnx(wrapper, {"x": x[frame]})
        for output, name in zip(outputs, (o.name for o in wrapper.graph.output), strict=True):
            expected = values[name]
            np.testing.assert_allclose(
                output[frame].reshape(expected.shape), expected, rtol=1e-4, atol=1e-4 * np.abs(expected).max()
            )


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def check_hardware(seed: int, folder: Path, engine: Engine) -> bool:
    """Two builds, a build from each level, and the simulated hardware."""
    proto = Generator(seed).model()
    x, fps = frames_for(proto, seed, 16), random.Random(seed).choice([None, 1e5, 1e7])

    def build_again(name: str, module: ModuleOp) -> BuildFolder:
        options = BuildOptions("net", fps=None if name == "dataflow" else fps)
        build(new_context(), module, folder / name, options, lambda _: None)
        return BuildFolder.open(folder / name)

    try:
        first = build_again("first", import_onnx(proto.SerializeToString()))
    except QoptError as fault:
        expect_known_limit(seed, fault)
        return False
    build_again("second", import_onnx(proto.SerializeToString()))
    assert files(folder / "first") == files(folder / "second"), f"seed {seed}: two builds"
    expected = run_folder(first, Request({"": x}, "reference")).outputs
    for level in ("graph", "typed", "dataflow"):
        path = first.path / "ir" / f"{level}.mlir"
        again = build_again(level, parse_module(path.read_text(), str(path)))
        run = run_folder(again, Request({"": x}, "dataflow"))
        assert same(run.outputs, expected), f"seed {seed}: built from {level}"
        assert all(comparison.passed for comparison in run.comparisons), f"seed {seed}: built from {level}"
    for stall in (0.0, 0.4):
        run = run_folder(first, Request({"": x}, engine, stall, seed))
        assert all(comparison.passed for comparison in run.comparisons), f"seed {seed}: {run.comparisons}"
        for a, b in zip(run.outputs, expected, strict=True):
            np.testing.assert_allclose(a.reshape(b.shape), b, rtol=1e-6, err_msg=f"seed {seed}")
    return True


def test_hardware_agrees(tmp_path: Path) -> None:
    assert sum(check_hardware(seed, tmp_path / str(seed), "amaranth") for seed in range(200, 203)) >= 1


@pytest.mark.slow
@pytest.mark.skipif(missing_engines() is not None, reason=f"{missing_engines()}")
@pytest.mark.parametrize("start", range(300, 360, 10))
def test_verilog_agrees(start: int, tmp_path: Path) -> None:
    built = [check_hardware(seed, tmp_path / str(seed), "verilog") for seed in range(start, start + 10)]
    assert sum(built) >= 3
