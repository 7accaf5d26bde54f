# SPDX-License-Identifier: Apache-2.0
"""The test cases that the onnx package brings along, run at graph level: passed, refused by name, or failed.

Many give shapes, axes or indices as inputs of the network. Where the importer refuses such an input because it is not a
constant, the case runs with that input as an initialiser; at least one input stays an input.
"""

import re
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import numpy_helper
from onnx.backend.test.loader import load_model_tests
from qopt_mlir.frontends.onnx import import_onnx
from qopt_mlir.qdialect.errors import QoptError
from qopt_mlir.qdialect.reference import compile_function

KINDS = ("node", "simple", "pytorch-operator", "pytorch-converted")
RELATIVE, ABSOLUTE = 1e-3, 1e-5  # at least what float32 functions of two libraries differ by
_EXPANDED = re.compile(r"_expanded(_ver\d+)?$")

# cases for which onnx before 1.20 states a wrong result, corrected since: 0 / 0, and int8 that wraps
CORRECTED = (
    "test_l2normalization_axis_0",
    "test_qlinearmatmul_2D_int8_float32",
    "test_qlinearmatmul_3D_int8_float32",
)
IS_OLD = tuple(map(int, onnx.__version__.split(".")[:2])) < (1, 20)

# class of reasons: what its messages say
REASONS = {
    "element type": r"element type|cast to ONNX type|of type \w+ is not supported|codes of type|zero point of type",
    "sequence or optional value": r"is not a tensor",
    "known only at run time": r"is not a constant|depends on the inputs of the network|computed",
    "no elements": r"is empty|\[(\d+, )*0(, \d+)*\]|empty tensor",
    "training": r"in training mode|names no ONNX opset",
    "op": r"ops that are not supported",
    "old op set": r"opset \d+ is older|\(opset 8\)",
}
OTHER = "form of the op"


@dataclass(frozen=True)
class Case:
    """A model, and inputs with the outputs to expect of it."""

    name: str
    model: onnx.ModelProto
    data: Sequence[tuple[list[Any], list[Any]]]
    rtol: float
    atol: float


@dataclass(frozen=True)
class Outcome:
    """`passed`, `refused` or `failed`, and why."""

    kind: str
    message: str = ""

    @property
    def reason(self) -> str:
        """Class of the reason of a refusal."""
        found = (name for name, pattern in REASONS.items() if re.search(pattern, self.message))
        return next(found, OTHER)


def cases() -> Iterator[Case]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the package computes infinities on purpose
        tests = [test for kind in KINDS for test in load_model_tests(kind=kind)]
    for test in tests:
        if IS_OLD and test.name in CORRECTED:
            continue
        model = test.model if test.model is not None else onnx.load(Path(test.model_dir) / "model.onnx")
        given = test.data_sets if test.data_sets is not None else _stored(Path(test.model_dir), model)
        data = [([_array(x) for x in inputs], [_array(x) for x in outputs]) for inputs, outputs in given]
        yield Case(test.name, model, data, max(test.rtol, RELATIVE), max(test.atol, ABSOLUTE))


def _stored(folder: Path, model: onnx.ModelProto) -> list[tuple[list[Any], list[Any]]]:
    return [
        (
            [_read(place / f"input_{i}.pb", value) for i, value in enumerate(model.graph.input)],
            [_read(place / f"output_{i}.pb", value) for i, value in enumerate(model.graph.output)],
        )
        for place in sorted(folder.glob("test_data_set_*"))
    ]


def _read(path: Path, value: onnx.ValueInfoProto) -> Any:
    """A stored tensor; None for a sequence or optional value, and for an initialiser that is listed as an input."""
    if not value.type.HasField("tensor_type") or not path.is_file():
        return None
    tensor = onnx.TensorProto()
    tensor.ParseFromString(path.read_bytes())
    return tensor


def _array(value: Any) -> Any:
    return numpy_helper.to_array(value) if isinstance(value, onnx.TensorProto) else value


def operator(case: Case, names: dict[str, Case]) -> str:
    """The op that a case is about; that of an expanded case is the op that was expanded."""
    whole = names.get(_EXPANDED.sub("", case.name), case)
    ops = [node.op_type for node in whole.model.graph.node if node.op_type != "Constant"]
    return ops[0] if len(set(ops)) == 1 else "several ops"


def outcome(case: Case) -> Outcome:
    try:
        module, inputs = _imported(case)
    except QoptError as fault:
        return Outcome("refused", fault.what)
    plan = compile_function(module)
    for given, wanted in case.data:
        try:
            results = plan.run({name: _plain(np.asarray(given[index]))[None] for name, index in inputs.items()})
        except QoptError as fault:
            return Outcome("refused", fault.what)
        for result, want in zip(results, wanted, strict=True):
            difference = _difference(np.asarray(result)[0], want, case)
            if difference:
                return Outcome("failed", difference)
    return Outcome("passed")


def _plain(array: Any) -> Any:
    """Integers of 2 and 4 bits as int8."""
    return array.astype(np.int8) if re.fullmatch(r"u?int[24]", array.dtype.name) else array


def _imported(case: Case) -> tuple[Any, dict[str, int]]:
    """The module and its inputs: names and places among the inputs of the model."""
    initializers = {tensor.name for tensor in case.model.graph.initializer}
    inputs = {value.name: i for i, value in enumerate(case.model.graph.input) if value.name not in initializers}
    arrays = case.data[0][0]
    model = onnx.ModelProto()
    model.CopyFrom(case.model)
    while True:
        shapes = {n: np.shape(arrays[i]) for n, i in inputs.items() if isinstance(arrays[i], np.ndarray)}
        shapes = {name: shape for name, shape in shapes.items() if min(shape, default=1) > 0}
        try:
            return import_onnx(model.SerializeToString(), shapes=shapes, name=case.name), inputs
        except QoptError as fault:
            name = _to_fix(fault.what, inputs, arrays)
            if name is None or len(inputs) == 1:
                raise
            array = np.asarray(arrays[inputs.pop(name)])
            model.graph.initializer.append(numpy_helper.from_array(array, name))


def _to_fix(message: str, inputs: dict[str, int], arrays: Sequence[Any]) -> str | None:
    """The input that has to be a constant; where an inner value has to be one, the first of integers or truths."""
    named = re.search(r"'([^']*)' is not a constant", message)
    if named is None or named[1] in inputs:
        return None if named is None else named[1]
    return next((name for name, index in inputs.items() if np.asarray(arrays[index]).dtype.kind in "iub"), None)


def _difference(got: Any, want: Any, case: Case) -> str:
    """How a result differs from the one to expect; nothing if it does not."""
    if got.shape != want.shape:
        return f"shape {got.shape}, not {want.shape}"
    if want.dtype.kind in "iub" or re.fullmatch(r"u?int[24]", want.dtype.name):
        wrong = got != _plain(want)
    else:
        wrong = ~np.isclose(got, want.astype(np.float64), case.rtol, case.atol, equal_nan=True)
    return f"{np.sum(wrong)} of {wrong.size} elements differ" if wrong.any() else ""
