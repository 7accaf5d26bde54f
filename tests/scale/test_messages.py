# SPDX-License-Identifier: Apache-2.0
"""No message holds weights: errors of every stage on a network with large constants are short, and come quickly."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
import onnx
import pytest
from onnx import numpy_helper
from qopt_mlir.driver.cli import main
from qopt_mlir.frontends.onnx import import_onnx
from qopt_mlir.passes.rewriting import rewrite
from qopt_mlir.passes.runner import parse_passes, run_passes
from qopt_mlir.qdialect.attrs import DenseAttr
from qopt_mlir.qdialect.errors import QoptError
from qopt_mlir.qdialect.q import ConstantOp, ConvOp
from qopt_mlir.qdialect.q.base import tensor
from qopt_mlir.qdialect.reference import compile_function
from qopt_mlir.qdialect.text import module_text, new_context, parse_module, verify_module
from qopt_mlir.qdialect.types import FixedType
from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp, f32
from xdsl.ir import Operation
from xdsl.passes import ModulePass
from xdsl.pattern_rewriter import PatternRewriter, RewritePattern

from .networks import topologies

MOST_CHARACTERS = 4000  # a list of all supported ops is the longest part of any message


def network(form: str = "qonnx", bits: int = 8) -> onnx.ModelProto:
    """Half a million weights."""
    return topologies.generate("mobilenet_v1", form, bits, size=32, width=0.25)


@pytest.fixture(scope="module")
def text() -> str:
    return module_text(import_onnx(network().SerializeToString()))


@pytest.fixture
def module() -> ModuleOp:
    return import_onnx(network().SerializeToString())


def message_of(action: Callable[[], object]) -> str:
    """All that Python would show of the error, notes included, but for the source lines of the traceback."""
    with pytest.raises(Exception) as caught:  # noqa: PT011
        action()
    return "".join(traceback.format_exception_only(caught.value))


def check_short(message: str) -> None:
    assert len(message) < MOST_CHARACTERS, f"{len(message)} characters: {message[:500]} ... {message[-500:]}"


def longest_literal(text: str) -> int:
    """Where the text of the largest constant starts."""
    starts = [i for i in range(len(text)) if text.startswith('#q.dense<"', i)]
    return max(starts, key=lambda i: text.index('"', i + 10) - i) + 10


# --- textual IR ---


def end_of_line(text: str, at: int) -> int:
    return text.index("\n", at)


def misspelled_op(text: str, at: int) -> str:
    start = text.rindex("q.constant", 0, at)
    return f"{text[:start]}q.constnat{text[start + 10 :]}"


DAMAGE: dict[str, Callable[[str, int], str]] = {
    "character in the packed codes": lambda text, at: text[: at + 5000] + "?" + text[at + 5001 :],
    "packed codes too short": lambda text, at: text[:at] + text[at + 400 :],
    "end of the string lost": lambda text, at: text[: text.index('"', at)] + text[text.index('"', at) + 1 :],
    "text cut in the codes": lambda text, at: text[: at + 100_000],
    "wrong type of the constant": lambda text, at: text[:at] + text[at:].replace("tensor<", "tensor<7x", 1),
    "rubbish behind the constant": lambda text, at: (
        text[: end_of_line(text, at)] + " rubbish" + text[end_of_line(text, at) :]
    ),
    "unknown op on the line": misspelled_op,
    "strides of another rank": lambda text, at: text.replace("strides [2, 2]", "strides [2, 2, 2]", 1),
    "value that is not defined": lambda text, at: text.replace("q.add %", "q.add %no", 1),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_damaged_text(damage: str, text: str) -> None:
    damaged = DAMAGE[damage](text, longest_literal(text))
    assert damaged != text

    def read() -> None:
        verify_module(parse_module(damaged, "net.mlir"))

    message = message_of(read)
    assert message.splitlines()[-1]
    check_short(message)


# --- the verifier ---


def a_convolution(module: ModuleOp) -> ConvOp:
    return next(op for op in module.walk() if isinstance(op, ConvOp))


def test_verifier_names_shapes_alone(module: ModuleOp) -> None:
    op = a_convolution(module)
    shape = [300, 500, 3, 3]
    numbers = np.random.default_rng(5).normal(0, 1, shape).astype(np.float32)
    weights = ConstantOp(DenseAttr(numbers, tensor(f32, shape)))
    assert op.parent is not None
    op.parent.insert_op_before(weights, op)
    op.operands[1] = weights.result
    message = message_of(lambda: verify_module(module))
    assert "[300, 500, 3, 3]" in message
    check_short(message)


def test_constant_names_one_code(module: ModuleOp) -> None:
    codes = np.arange(10**6).reshape(1000, 1000)
    check_short(message_of(lambda: DenseAttr(codes, tensor(FixedType(8, 0), [1000, 1000]))))
    check_short(message_of(lambda: DenseAttr(codes, tensor(FixedType(8, 0), [1000, 999]))))


def test_constants_as_text_are_short(module: ModuleOp) -> None:
    for op in module.walk():
        if isinstance(op, ConstantOp):
            assert len(str(op.value)) < 1500
            assert len(repr(op.value)) < 1500


# --- import ---


def weights_named(proto: onnx.ModelProto, index: int) -> onnx.TensorProto:
    return [tensor for tensor in proto.graph.initializer if tensor.name.startswith("weights_")][index]


def changed(tensor: onnx.TensorProto, change: Callable[[np.ndarray], np.ndarray]) -> None:
    tensor.CopyFrom(numpy_helper.from_array(change(numpy_helper.to_array(tensor).copy()), tensor.name))


def not_a_number(array: np.ndarray) -> np.ndarray:
    array.reshape(-1)[5] = np.nan
    return array


def lose_bytes(proto: onnx.ModelProto) -> None:
    tensor = weights_named(proto, 20)
    tensor.raw_data = tensor.raw_data[:-100]


def unknown_op(proto: onnx.ModelProto) -> None:
    next(node for node in proto.graph.node if node.op_type == "Relu").op_type = "Rleu"


WRONG: dict[str, Callable[[onnx.ModelProto], None]] = {
    "NaN among the weights": lambda proto: changed(weights_named(proto, 20), not_a_number),
    "weights of another shape": lambda proto: changed(weights_named(proto, 20), lambda a: a.reshape(-1, *a.shape[:1])),
    "weights of strings": lambda proto: changed(weights_named(proto, 20), lambda a: np.full(a.shape, "a", object)),
    "complex weights": lambda proto: changed(weights_named(proto, 20), lambda a: a.astype(np.complex64)),
    "weights cut": lose_bytes,
    "an op that is not known": unknown_op,
    "scales that are negative": lambda proto: changed(
        next(t for t in proto.graph.initializer if t.name.startswith("scale_") and len(t.dims) > 1), lambda a: -a
    ),
}


FLOAT_ONLY = ("NaN among the weights", "scales that are negative")  # int8 holds no NaN; there scales have one axis
MODELS = [(fault, form) for form in ("qonnx", "qdq") for fault in WRONG if form == "qonnx" or fault not in FLOAT_ONLY]


@pytest.mark.parametrize(("fault", "form"), MODELS)
def test_wrong_models(fault: str, form: str) -> None:
    proto = network(form)
    WRONG[fault](proto)
    message = message_of(lambda: import_onnx(proto.SerializeToString()))
    assert message.startswith("qopt_mlir.qdialect.errors.QoptError"), message[:500]
    check_short(message)


# --- passes, reference, command ---


class Fail(RewritePattern):
    """A fault of a pattern of ours, in the middle of a network."""

    def match_and_rewrite(self, op: Operation, rewriter: PatternRewriter, /) -> None:
        if isinstance(op, ConvOp):
            raise ZeroDivisionError("a fault of the pattern")


class FailingPass(ModulePass):
    name = "q-failing"
    exact: ClassVar[bool] = True

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        rewrite(op, Fail())


@dataclass(frozen=True)
class BreakingPass(ModulePass):
    """Gives a convolution weights that do not fit."""

    name = "q-breaking"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        first, *_, last = (inner for inner in op.walk() if isinstance(inner, ConvOp))
        last.operands[1] = first.weights


def test_fault_of_a_pass(module: ModuleOp) -> None:
    message = message_of(lambda: run_passes(new_context(), module, [FailingPass()]))
    assert "ZeroDivisionError" in message
    assert "elided" in message  # it quotes the ops of the whole network
    assert len(message) < len(module_text(module)) / 10


def test_pass_that_breaks_the_module(module: ModuleOp) -> None:
    message = message_of(lambda: run_passes(new_context(), module, [BreakingPass()]))
    check_short(message)


def test_pass_refuses(module: ModuleOp) -> None:
    passes = parse_passes("q-fold-constants,q-convert-to-typed,q-to-dataflow")
    check_short(message_of(lambda: run_passes(new_context(), module, passes)))


def test_wrong_inputs_of_the_reference(module: ModuleOp) -> None:
    plan = compile_function(module, "main")
    check_short(message_of(lambda: plan.run({0: np.zeros((1, 1, 3, 1000, 1000), np.float32)})))
    check_short(message_of(lambda: plan.run({"no": np.zeros((1, 1, 3, 32, 32), np.float32)})))


@pytest.mark.parametrize("arguments", [["-p", "q-convert-to-dataflow"], ["-t", "verilog"], ["--nonsense"]])
def test_command(arguments: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    onnx.save(network(), tmp_path / "net.onnx")
    try:
        status = main([str(tmp_path / "net.onnx"), *arguments])
    except SystemExit as end:
        status = end.code
    captured = capsys.readouterr()
    assert status in (1, 2)
    check_short(captured.out + captured.err)


def test_error_is_a_qopt_error(text: str) -> None:
    with pytest.raises(QoptError) as caught:
        parse_module(text[: len(text) // 2], "net.mlir")
    check_short(str(caught.value))
