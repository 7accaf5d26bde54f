# SPDX-License-Identifier: Apache-2.0
"""What fuzzing has found once."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import onnx
import pytest
from onnx import helper
from qopt_mlir.backends.execute import run_module
from qopt_mlir.backends.interface import function
from qopt_mlir.frontends.onnx import import_onnx
from qopt_mlir.frontends.onnx.datatypes import whole_number_type
from qopt_mlir.frontends.onnx.ops import picking
from qopt_mlir.passes.rewriting import matmul_with, moved_through
from qopt_mlir.passes.runner import parse_passes, run_passes
from qopt_mlir.qdialect.attrs import DenseAttr
from qopt_mlir.qdialect.errors import QoptError
from qopt_mlir.qdialect.q import ConvOp, ExpandOp, MaxPoolOp
from qopt_mlir.qdialect.reference.q.convolution import _under_taps
from qopt_mlir.qdialect.text import module_text, new_context, parse_module, verify_module
from qopt_mlir.qdialect.types import FixedType, UFixedType
from xdsl.dialects.builtin import Float32Type, ModuleOp, TensorType
from xdsl.ir import Block


def imported(nodes: list[onnx.NodeProto], constants: dict[str, np.ndarray], shape: list[int]) -> ModuleOp:
    graph = helper.make_graph(
        nodes,
        "graph",
        [helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, None)],
        [onnx.numpy_helper.from_array(array, name) for name, array in constants.items()],
    )
    opsets = [helper.make_opsetid("", 13), helper.make_opsetid("qonnx.custom_op.general", 1)]
    result = import_onnx(helper.make_model(graph, opset_imports=opsets, ir_version=8).SerializeToString())
    verify_module(result)
    return result


def module(text: str) -> ModuleOp:
    result = parse_module(text, "fault.mlir")
    verify_module(result)
    return result


def passed(text: str, passes: str) -> ModuleOp:
    result = module(text)
    run_passes(new_context(), result, parse_passes(passes))
    return result


def test_long_names_do_not_fill_screens() -> None:
    fault = QoptError("w" * 5000, "p" * 5000, "m" * 5000)
    assert len(str(fault)) < 4000
    assert " ... " in fault.what
    assert QoptError("what", None, "mend").where is None


def test_streams_are_no_float32_numbers() -> None:
    text = """
func.func @main(%x: tensor<8x!q.fixed<2, 0>>) -> tensor<8x!q.fixed<2, 0>> {
  %0 = dataflow.send %x lanes 1
  %1 = func.call @hardware(%0) : (!dataflow.stream<!q.fixed<2, 0>, lanes = 1, beats = 8>) -> !dataflow.stream<!q.fixed<2, 0>, lanes = 1, beats = 8>
  %2 = dataflow.receive %1 -> tensor<8x!q.fixed<2, 0>>
  func.return %2 : tensor<8x!q.fixed<2, 0>>
}
func.func private @hardware(%x: !dataflow.stream<!q.fixed<2, 0>, lanes = 1, beats = 8>) -> !dataflow.stream<!q.fixed<2, 0>, lanes = 1, beats = 8> {
  func.return %x : !dataflow.stream<!q.fixed<2, 0>, lanes = 1, beats = 8>
}
"""  # noqa: E501
    assert module_text(passed(text, "q-convert-to-typed,q-make-channels-last")) == module_text(module(text))


@pytest.mark.parametrize("shape", [(3, 1000, 1000)])
def test_constants_of_large_views(shape: tuple[int, ...]) -> None:
    """Takes minutes if each of the numbers is compared as a Fraction."""
    source = Block(arg_types=[TensorType(Float32Type(), (3, 1, 1))]).args[0]
    array = np.array([Fraction(1), Fraction(2), Fraction(1)], object).reshape(3, 1, 1)
    moved = moved_through(ExpandOp(source, shape), array)
    assert moved.shape == (3, 1, 1)
    assert moved.reshape(-1).tolist() == [1, 2, 1]


def test_type_of_joined_values_does_not_depend_on_their_ops() -> None:
    """A quantiser becomes thresholds of the same type, which give fewer codes: what joins them keeps its type."""
    text = """
func.func @main(%x: tensor<1x2x!q.fixed<3, 0>>) -> tensor<1x2xf32> {
  %s = q.constant #q.dense<"2/3" : tensor<!q.real>>
  %a = q.mul %x, %s : tensor<1x2x!q.fixed<3, 0>>, tensor<!q.real> -> tensor<1x2x!q.real>
  %b = q.quantize %a floor saturate : tensor<1x2x!q.real> -> tensor<1x2x!q.ufixed<8, 0>>
  %c = q.concat %x, %b axis 1 : tensor<1x2x!q.fixed<3, 0>>, tensor<1x2x!q.ufixed<8, 0>> -> tensor<1x4x!q.fixed<9, 0>>
  %w = q.constant #q.dense<[[1, 1], [1, 0], [0, 1], [1, 1]] : tensor<4x2x!q.ufixed<1, 0>>>
  %d = q.matmul %c, %w : tensor<1x4x!q.fixed<9, 0>>, tensor<4x2x!q.ufixed<1, 0>> -> tensor<1x2x!q.fixed<11, 0>>
  %y = q.quantize %d half_even saturate : tensor<1x2x!q.fixed<11, 0>> -> tensor<1x2xf32>
  func.return %y : tensor<1x2xf32>
}
"""
    assert "q.threshold" in module_text(passed(text, "q-lower-quantizers"))


def test_quantised_bias_of_one_number() -> None:
    quant = helper.make_node("Quant", ["b", "s", "z", "n"], ["q"], domain="qonnx.custom_op.general", signed=1, narrow=0)
    constants = {"b": [0.7], "w": [[[[1.0]]]], "s": 0.25, "z": 0.0, "n": 4.0}
    arrays = {name: np.asarray(number, np.float32) for name, number in constants.items()}
    network = imported([quant, helper.make_node("Conv", ["x", "w", "q"], ["y"])], arrays, [1, 1, 2, 2])
    assert run_module(network, {"x": np.zeros((1, 1, 1, 2, 2), np.float32)}).outputs[0].tolist() == [
        [[[[0.75] * 2] * 2]]
    ]


def test_weights_of_zeros_and_large_values() -> None:
    """The products are small, the values are not."""
    weights = DenseAttr(np.zeros((2, 2), np.int64), TensorType(FixedType(4), (2, 2)))
    values = np.array([[Fraction(1 << 80), Fraction(1, 1 << 80)]], object)
    assert matmul_with(weights, values, True).tolist() == [[0, 0]]


def test_logic_on_numbers() -> None:
    node = helper.make_node("And", ["x", "x"], ["y"])
    with pytest.raises(QoptError, match="'x' is no truth value") as fault:
        imported([node], {}, [1, 2])
    assert fault.value.mend == "cast it to bool in the model"


def test_pool_of_one_channel_and_one_result() -> None:
    """No reshape is left behind that would use the result outside of any function."""
    text = """
func.func @main(%x: tensor<1x1x2x2x!q.ufixed<8, 0>>) -> tensor<1x1x1x1x!q.ufixed<8, 0>> {
  %y = q.max_pool %x kernel [1, 1] strides [2, 2] pads [0, 0, 0, 0] dilations [1, 1]
    : tensor<1x1x2x2x!q.ufixed<8, 0>> -> tensor<1x1x1x1x!q.ufixed<8, 0>>
  func.return %y : tensor<1x1x1x1x!q.ufixed<8, 0>>
}
"""
    last = passed(text, "q-make-channels-last")
    pools = [op for op in last.walk() if isinstance(op, MaxPoolOp)]
    assert [use.operation.parent for use in pools[0].result.uses] != [None]
    run_passes(new_context(), last, parse_passes("q-partition"))


def test_negative_variance() -> None:
    """NaN as in ONNX, without a warning."""
    text = """
func.func @main(%x: tensor<1x1xf32>) -> tensor<1x1xf32> {
  %c = q.constant #q.dense<[-1.0] : tensor<1xf32>>
  %y = q.batch_norm %x, %c, %c, %c, %c axis 1 epsilon 0.0 : f32
    : tensor<1x1xf32>, tensor<1xf32>, tensor<1xf32>, tensor<1xf32>, tensor<1xf32> -> tensor<1x1xf32>
  func.return %y : tensor<1x1xf32>
}
"""
    assert np.isnan(run_module(module(text), {"": np.ones((1, 1, 1), np.float32)}).outputs[0]).all()


def test_pads_beyond_any_memory() -> None:
    with pytest.raises(QoptError, match="at most 16777216 along an axis"):
        imported(
            [helper.make_node("MaxPool", ["x"], ["y"], kernel_shape=[1 << 61], pads=[(1 << 60), 1 << 61])],
            {},
            [1, 1, 4],
        )


def test_wide_scalars_computed_from_constants() -> None:
    """An element of numpy's arrays of objects is a bare Python integer."""
    text = """
func.func @main(%x: tensor<2xf32>) -> tensor<2xf32> {
  %c = q.constant #q.dense<0.5 : tensor<f32>>
  %0 = q.quantize %c half_even saturate : tensor<f32> -> tensor<!q.fixed<70, 3>>
  %1 = q.add %x, %0 : tensor<2xf32>, tensor<!q.fixed<70, 3>> -> tensor<2xf32>
  func.return %1 : tensor<2xf32>
}
"""
    (output,) = run_module(module(text), {"": np.ones((1, 2), np.float32)}).outputs
    assert output.tolist() == [[1.5, 1.5]]


def test_scales_that_no_type_has_behind_a_concatenation() -> None:
    """1/4 of a value with one fraction bit beside a value with three: 3 = 3 + 0 leaves no fraction bits for 1/4."""
    text = """
func.func @main(%x: tensor<1x2x!q.fixed<9, 1>>, %y: tensor<1x2x!q.ufixed<9, 3>>) -> tensor<1x4x!q.fixed<11, 3>> {
  %c = q.constant #q.dense<[1, 4]> : tensor<2x!q.ufixed<3, 2>>>
  %a = q.mul %x, %c : tensor<1x2x!q.fixed<9, 1>>, tensor<2x!q.ufixed<3, 2>> -> tensor<1x2x!q.fixed<11, 3>>
  %b = q.concat %a, %y axis 1 : tensor<1x2x!q.fixed<11, 3>>, tensor<1x2x!q.ufixed<9, 3>> -> tensor<1x4x!q.fixed<11, 3>>
  func.return %b : tensor<1x4x!q.fixed<11, 3>>
}
""".replace("]> :", "] :")
    assert module_text(passed(text, "q-move-affine-past-linear")) == module_text(module(text))


def test_stride_beyond_the_image() -> None:
    text = """
func.func @main(%x: tensor<1x1x3x3xf32>) -> tensor<1x1x1x3xf32> {
  %w = q.constant #q.dense<[[[[2.0]]]] : tensor<1x1x1x1xf32>>
  %y = q.conv %x, %w strides [4611686018427387904, 1] pads [0, 0, 0, 0] dilations [1, 1] groups 1
    : tensor<1x1x3x3xf32>, tensor<1x1x1x1xf32> -> tensor<1x1x1x3xf32>
  func.return %y : tensor<1x1x1x3xf32>
}
"""
    assert run_module(module(text), {"": np.ones((1, 1, 1, 3, 3), np.float32)}).outputs[0].tolist() == [[[[[2] * 3]]]]


def test_constants_reshaped_to_one_number() -> None:
    text = """
func.func @main(%x: tensor<1x2xf32>) -> tensor<1x2xf32> {
  %c = q.constant #q.dense<[2.0] : tensor<1xf32>>
  %d = q.reshape %c : tensor<1xf32> -> tensor<f32>
  %y = q.mul %x, %d : tensor<1x2xf32>, tensor<f32> -> tensor<1x2xf32>
  func.return %y : tensor<1x2xf32>
}
"""
    assert "q.reshape" not in module_text(passed(text, "q-fold-constants"))


def test_numbers_beyond_64_bits() -> None:
    text = "func.func @main(%x: tensor<2xf32>) -> tensor<2xf32> {\n  %y = q.transpose %x perm [99999999999999999999]\n}"
    with pytest.raises(QoptError, match="beyond the 64 bits") as fault:
        module(text)
    assert fault.value.where
    assert fault.value.where.startswith("fault.mlir:2:")


@pytest.mark.parametrize("op", ["q.softmax %1 axis 1", "q.reduce_sum %1 axes [1] keep_dims"])
def test_float32_sums_do_not_depend_on_views(op: str) -> None:
    """Sums of a transposed view are those of its copy, to the last bit."""
    size = 1 if "sum" in op else 64
    result = "tensor<8x64xf32>" if size == 64 else "tensor<8x64xf32> -> tensor<8x1xf32>"
    text = f"""
func.func @main(%0: tensor<SHAPExf32>) -> tensor<8x{size}xf32> {{
  VIEW
  %y = {op} : {result}
  func.return %y : tensor<8x{size}xf32>
}}
"""
    view = "%1 = q.transpose %0 perm [1, 0] : tensor<64x8xf32> -> tensor<8x64xf32>"
    transposed = text.replace("SHAPE", "64x8").replace("VIEW", view)
    plain = text.replace("SHAPE", "8x64").replace("VIEW", "").replace("%1", "%0")
    x = np.random.default_rng(0).normal(size=(20, 64, 8)).astype(np.float32)
    copied = np.ascontiguousarray(x.swapaxes(1, 2))
    assert np.array_equal(
        run_module(module(transposed), {"": x}).outputs[0], run_module(module(plain), {"": copied}).outputs[0]
    )


def test_windows_beyond_the_image() -> None:
    """The shape is judged before the codes are counted."""
    text = """
func.func @main(%x: tensor<1x1x2x!q.fixed<4, 0>>) -> tensor<1x1x1x!q.fixed<9, 0>> {
  %y = q.sum_pool %x kernel [7] strides [1] pads [0, 0] dilations [1]
    : tensor<1x1x2x!q.fixed<4, 0>> -> tensor<1x1x1x!q.fixed<9, 0>>
  func.return %y : tensor<1x1x1x!q.fixed<9, 0>>
}
"""
    with pytest.raises(QoptError, match=r"q\.sum_pool"):
        module(text)


def test_convolution_of_an_image_one_wide() -> None:
    """numpy gives an axis of one element any stride: what is read behind the first row must be the second."""
    text = """
func.func @main(%x: tensor<1x3x2x1xf32>) -> tensor<1x3x2x1xf32> {
  %w = q.constant #q.dense<[[[[1.0]]], [[[2.0]]], [[[3.0]]]] : tensor<3x1x1x1xf32>>
  %a = q.conv %x, %w strides [1, 1] pads [0, 0, 0, 0] dilations [1, 1] groups 3
    : tensor<1x3x2x1xf32>, tensor<3x1x1x1xf32> -> tensor<1x3x2x1xf32>
  func.return %a : tensor<1x3x2x1xf32>
}
"""
    x = np.arange(6, dtype=np.float32).reshape(1, 3, 2, 1)
    odd = np.lib.stride_tricks.as_strided(x, x.shape, (*x.strides[:-1], 20))
    assert odd.flags.c_contiguous
    (conv,) = [op for op in module(text).walk() if isinstance(op, ConvOp)]
    under, _ = _under_taps(odd, conv.window, (2, 1), 2.0)
    assert under.reshape(-1).tolist() == [0, 1, 2, 3, 4, 5]


def test_join_that_is_returned_keeps_its_type() -> None:
    """Its two codes have a narrower type, which the function does not return."""
    text = """
func.func @main(%x: tensor<1x2x!q.fixed<2, 0>>, %y: tensor<1x2x!q.fixed<3, 0>>) -> tensor<1x2x!q.ufixed<2, 0>> {
  %s = q.constant #q.dense<"1/30" : tensor<!q.real>>
  %a = q.mul %x, %s : tensor<1x2x!q.fixed<2, 0>>, tensor<!q.real> -> tensor<1x2x!q.real>
  %b = q.mul %y, %s : tensor<1x2x!q.fixed<3, 0>>, tensor<!q.real> -> tensor<1x2x!q.real>
  %c = q.add %a, %b : tensor<1x2x!q.real>, tensor<1x2x!q.real> -> tensor<1x2x!q.real>
  %z = q.quantize %c up saturate narrow : tensor<1x2x!q.real> -> tensor<1x2x!q.ufixed<2, 0>>
  func.return %z : tensor<1x2x!q.ufixed<2, 0>>
}
"""
    assert "q.real" not in module_text(passed(text, "q-lower-joins"))


def test_functions_without_a_body() -> None:
    with pytest.raises(QoptError, match="@main has no body"):
        function(module("func.func private @main(tensor<1xf32>) -> tensor<1xf32>"), "main")


@pytest.mark.parametrize(("op_type", "constants"), [("EyeLike", {}), ("GatherND", {"i": np.array([[7]])})])
def test_nodes_that_the_standards_reference_cannot_compute(
    op_type: str, constants: dict[str, np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object) -> list[np.ndarray]:
        raise ValueError("-1")

    monkeypatch.setattr(picking, "evaluate", fails)
    with pytest.raises(QoptError, match="cannot be computed: -1"):
        imported([helper.make_node(op_type, ["x", *constants], ["y"])], constants, [2, 2])


@pytest.mark.filterwarnings("error")
def test_whole_numbers_of_half_precision() -> None:
    """float16 does not hold the bound that they are compared with."""
    assert whole_number_type(np.array([1, 2], np.float16)) == UFixedType(2)
    assert whole_number_type(np.array([1, 0.5], np.float16)) is None


@pytest.mark.filterwarnings("error")
def test_complex_attribute() -> None:
    node = helper.make_node("RequantShift", ["x", "m", "m"], ["y"], domain="", n_levels_out=256, signed=1)
    node.attribute.append(helper.make_attribute("div", onnx.numpy_helper.from_array(np.array([1 + 1j], np.complex64))))
    with pytest.raises(QoptError, match="attribute 'div' is not one number"):
        imported([node], {"m": np.array([1.0], np.float32)}, [1, 2])


def test_quantisers_of_too_many_levels_behind_an_input() -> None:
    text = """
func.func @main(%x: tensor<1x2xf32> {q.name = "x"}) -> tensor<1x2x!q.fixed<40, 0>> {
  %c = q.constant #q.dense<1.0e9 : tensor<f32>>
  %y = q.mul %x, %c : tensor<1x2xf32>, tensor<f32> -> tensor<1x2xf32>
  %z = q.quantize %y half_even saturate : tensor<1x2xf32> -> tensor<1x2x!q.fixed<40, 0>>
  func.return %z : tensor<1x2x!q.fixed<40, 0>>
}
"""
    with pytest.raises(QoptError, match="levels"):
        passed(text, 'q-set-input-format{input-format="x: fixed<8, 0>"}')
