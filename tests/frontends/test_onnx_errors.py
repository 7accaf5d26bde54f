# SPDX-License-Identifier: Apache-2.0
"""Every refusal of the ONNX front end: what is wrong, at which node, how to mend it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from qopt_mlir.frontends.onnx import import_onnx
from qopt_mlir.qdialect.errors import QoptError

from .graphs import QONNX, model, op

W = np.ones((4, 3), np.float32)
ROW = np.ones(4, np.float32)
NORM = {"s": ROW, "b": ROW, "m": ROW, "v": ROW}
LONG = np.int64


def refusal(source: Any, **options: Any) -> QoptError:
    data = source.SerializeToString() if isinstance(source, onnx.ModelProto) else source
    with pytest.raises(QoptError) as caught:
        import_onnx(data, **options)
    assert caught.value.mend
    return caught.value


def quant(**changes: Any) -> onnx.ModelProto:
    """A Quant node with one thing changed: an attribute, or the constant `s`, `z` or `b`."""
    constants = {"s": 0.3, "z": 0.0, "b": 4.0} | {k: v for k, v in changes.items() if k in "szb"}
    attributes = {"signed": 1, "narrow": 0, "rounding_mode": "ROUND"} | {
        k: v for k, v in changes.items() if k not in "szb"
    }
    return model([op("Quant", "x s z b", domain=QONNX, **attributes)], constants)


def one(op_type: str, inputs: str = "x", *, opset: int = 13, x: Any = (1, 4), domain: str = "", **more: Any) -> Any:
    """A model of one node; arrays among `more` are constants, the rest are attributes."""
    constants = {k: v for k, v in more.items() if isinstance(v, np.ndarray | np.generic)}
    attributes = {k: v for k, v in more.items() if k not in constants}
    return model([op(op_type, inputs, domain=domain, **attributes)], constants, opset=opset, x=x)


def linear(op_type: str, inputs: str, **more: Any) -> Any:
    defaults = {"s": np.float32(0.5), "z": np.int8(0)}
    return one(op_type, inputs, **(defaults | more))


def threshold(**more: Any) -> Any:
    return one("MultiThreshold", "x t", domain=QONNX, **({"t": np.zeros((1, 3), np.float32)} | more))


def quantised_threshold(**attributes: Any) -> Any:
    nodes = [
        op("Quant", "x s z b", "i", domain=QONNX, signed=1, narrow=0),
        op("MultiThreshold", "i t", domain=QONNX, **attributes),
    ]
    return model(nodes, {"s": 1.0, "z": 0.0, "b": 4.0, "t": np.zeros((1, 3))})


# what (a part of it), mend (a part of it), model
AT_NODES: dict[str, tuple[str, str, Callable[[], Any]]] = {
    "scale 0": ("scale holds 0.0", "positive", lambda: quant(s=0.0)),
    "scale < 0": ("scale holds -1.0", "positive", lambda: quant(s=np.array([1, -1, 1, 1.0]))),
    "scale NaN": ("the scale holds NaN or infinity", "finite", lambda: quant(s=np.nan)),
    "scale inf": ("the scale holds NaN or infinity", "finite", lambda: quant(s=np.inf)),
    "scale shape": ("scale of shape [3] does not fit a tensor of shape [1, 4]", "channel", lambda: quant(s=np.ones(3))),
    "scale rank": ("scale of shape [2, 1, 4]", "channel", lambda: quant(s=np.ones((2, 1, 4)))),
    "zero point inf": ("the zero point holds NaN or infinity", "finite", lambda: quant(z=np.inf)),
    "zero point shape": ("zero point of shape [3]", "channel", lambda: quant(z=np.ones(3))),
    "0 bits": ("the bit width is 0", "from 1 to 64", lambda: quant(b=0.0)),
    "-2 bits": ("the bit width is -2", "from 1 to 64", lambda: quant(b=-2.0)),
    "2.5 bits": ("the bit width is 2.5", "whole number", lambda: quant(b=2.5)),
    "1000 bits": ("the bit width is 1000", "from 1 to 64", lambda: quant(b=1000.0)),
    "NaN bits": ("the bit width holds NaN", "finite", lambda: quant(b=np.nan)),
    "bits by channel": (
        "the bit width of shape [2] is not one number",
        "one bit width",
        lambda: quant(b=np.array([2.0, 3])),
    ),
    "rounding": ("unknown rounding mode 'STOCHASTIC'", "HALF_EVEN", lambda: quant(rounding_mode="STOCHASTIC")),
    "signed 2": ("attribute 'signed' is 2", "0 or 1", lambda: quant(signed=2)),
    "one code": ("has the code 0 only", "two bits", lambda: quant(b=1.0, signed=0, narrow=1)),
    "no signed": (
        "attribute 'signed' is missing",
        "export the model again",
        lambda: one("Quant", "x s s s", domain=QONNX, s=np.float32(1), narrow=0),
    ),
    "wrong attribute": ("attribute 'narrow' is not an integer", "export", lambda: quant(narrow="yes")),
    "list of modes": ("'rounding_mode' is not a string", "export", lambda: quant(rounding_mode=["ROUND", "CEIL"])),
    "no bit width": (
        "input 3 is missing",
        "export",
        lambda: one("Quant", "x s s", domain=QONNX, s=np.float32(1), narrow=0, signed=1),
    ),
    "dynamic scale": (
        "the scale 'x' is not a constant",
        "initialiser",
        lambda: one("Quant", "x x s s", domain=QONNX, s=np.float32(1), narrow=0, signed=1),
    ),
    "bipolar scale": ("scale holds 0.0", "positive", lambda: one("BipolarQuant", "x s", domain=QONNX, s=np.float32(0))),
    "trunc": (
        "the output has more bits than the input",
        "correct the bit widths",
        lambda: one(
            "Trunc", "x s z b c", domain=QONNX, s=np.float32(1), z=np.float32(0), b=np.float32(4), c=np.float32(8)
        ),
    ),
    "trunc scale": (
        "differ by no common power of two",
        "output scale",
        lambda: one(
            "Trunc", "x s z b t b", domain=QONNX, s=np.float32(1), z=np.float32(0), b=np.float32(4), t=np.float32(3)
        ),
    ),
    "quantize scale": ("scale holds -1.0", "positive", lambda: linear("QuantizeLinear", "x s z", s=np.float32(-1))),
    "float8 zero point": (
        "float codes with a zero point are not supported",
        "zero point 0",
        lambda: linear("QuantizeLinear", "x s z", z=np.ones((), onnx.helper.tensor_dtype_to_np_dtype(17)), opset=21),
    ),
    "float8 without infinity": (
        "overflow to NaN is not supported for float8 types without infinity",
        "saturate = 1",
        lambda: linear("QuantizeLinear", "x s", output_dtype=18, saturate=0, opset=21),
    ),
    "float8 NaN": (
        "the constant holds NaN or infinity",
        "finite numbers",
        lambda: linear(
            "DequantizeLinear", "c s", c=np.full(4, np.nan, onnx.helper.tensor_dtype_to_np_dtype(17)), opset=21
        ),
    ),
    "output type": (
        "codes of type float16 are not supported",
        "integers or float8",
        lambda: linear("QuantizeLinear", "x s", output_dtype=10, opset=21),
    ),
    "32 bits": (
        "codes of type int32 are not supported",
        "at most 16 bits",
        lambda: linear("QuantizeLinear", "x s z", z=np.zeros((), np.int32), opset=21),
    ),
    "blocks": (
        "parameters of shape [1, 3] for blocks of 2",
        "give it the shape [1, 2]",
        lambda: linear("QuantizeLinear", "x s", s=np.ones((1, 3), np.float32), block_size=2, opset=21),
    ),
    "precision": (
        "a division in float16 is not supported",
        "scale in float32",
        lambda: linear("QuantizeLinear", "x s", s=np.ones((), np.float16), opset=21),
    ),
    "short numbers": (
        "numbers rounded to float16 are not supported",
        "scale in float32",
        lambda: linear("DequantizeLinear", "c s", c=np.ones(4, np.int8), s=np.float16(0.3), opset=21),
    ),
    "float8 with a computed scale": (
        "float codes with a computed scale are not supported",
        "constant scale",
        lambda: linear("QuantizeLinear", "x x", output_dtype=17, opset=21),
    ),
    "blocks with a computed scale": (
        "blocks with a computed scale are not supported",
        "constant scale",
        lambda: linear("QuantizeLinear", "x x", block_size=1, opset=21),
    ),
    "no codes": ("the input holds no integer codes", "QuantizeLinear", lambda: linear("DequantizeLinear", "x s z")),
    "float codes": (
        "codes of type float32 are not supported",
        "integers or float8",
        lambda: linear("DequantizeLinear", "c s", c=ROW),
    ),
    "axis": (
        "axis 5 does not exist in a tensor of 2 dimensions",
        "axis",
        lambda: linear("QuantizeLinear", "x s", s=ROW, axis=5),
    ),
    "thresholds": (
        "the thresholds have shape [2, 3]",
        "each of 4 channels",
        lambda: threshold(t=np.zeros((2, 3), np.float32)),
    ),
    "threshold NaN": ("the thresholds holds NaN", "finite", lambda: threshold(t=np.full((1, 1), np.nan, np.float32))),
    "threshold scale": ("out_scale or out_bias is not finite", "export", lambda: threshold(out_scale=float("inf"))),
    "threshold type": (
        "UINT1 does not hold the results 0 to 3",
        "out_dtype",
        lambda: quantised_threshold(out_dtype="UINT1"),
    ),
    "matmul": ("cannot multiply shapes [1, 4] and [3, 4]", "", lambda: one("MatMul", "x w", w=W.T.copy())),
    "matmul of a number": ("a single number", "Mul", lambda: one("MatMul", "x w", w=np.float32(2))),
    "gemm rank": (
        "operand 0 of shape [1, 2, 2] is not a matrix",
        "reshape",
        lambda: one("Gemm", "x w", w=W, x=(1, 2, 2)),
    ),
    "gemm bias": (
        "the bias of shape [4] does not fit a result of shape [1, 3]",
        "reshape",
        lambda: one("Gemm", "x w c", w=W, c=ROW),
    ),
    "gemm alpha": ("alpha or beta is not finite", "export", lambda: one("Gemm", "x w", w=W, alpha=float("nan"))),
    "division by zero": (
        "q.div by a constant that holds zero",
        "remove the zero",
        lambda: model(
            [
                op("Quant", "x one zero bits", "q", domain=QONNX, signed=1, narrow=0),
                op("BatchNormalization", "q s b m v", "n"),
                op("Div", "n zero"),
            ],
            {"one": 1.0, "zero": 0.0, "bits": 4.0, **NORM},
        ),
    ),
    "text": ("constant of type", "float32", lambda: model([op("Cast", "c", "t", to=8), op("Add", "x t")], {"c": ROW})),
    "broadcast": (
        "cannot broadcast shapes [1, 4] and [3]",
        "reshape",
        lambda: one("Add", "x c", c=np.ones(3, np.float32)),
    ),
    "broadcast axis": (
        "axis 1 leaves no room",
        "axis",
        lambda: one("Add", "x c", c=np.ones((4, 1), np.float32), broadcast=1, axis=1, opset=6),
    ),
    "integers": (
        "integers and real numbers as operands of one op",
        "cast",
        lambda: model([op("ArgMax", "x", "i"), op("Add", "i c")], {"c": np.float32(1)}),
    ),
    "integer quotient": (
        "the divisor of integers 'j' is not a constant",
        "initialiser",
        lambda: model([op("ArgMax", "x", "i"), op("ArgMax", "x", "j"), op("Div", "i j")], {}),
    ),
    "no integer quotient": (
        "the divisor holds 0",
        "correct",
        lambda: model([op("ArgMax", "x", "i"), op("Div", "i c")], {"c": np.array([1, 0])}),
    ),
    "integer constant": ("integer arithmetic on 'c'", "cast", lambda: one("Add", "x c", c=np.ones(4, LONG))),
    "NaN weights": ("constant 'w' holds NaN", "train", lambda: one("MatMul", "x w", w=W * np.float32(np.nan))),
    "empty": ("constant 'c' of shape [0] is empty", "export", lambda: one("Add", "x c", c=np.ones(0, np.float32))),
    "integer power": (
        "a power of integers is not supported",
        "exponent 1, 2 or 3",
        lambda: model([op("ArgMax", "x", "i"), op("Pow", "i e")], {"e": np.float32(0.5)}),
    ),
    "remainder": (
        "the remainder of real numbers is not supported",
        "integers",
        lambda: one("Mod", "x e", e=np.float32(3), fmod=1),
    ),
    "shift": (
        "a shift by 40 to 40 bits is not supported",
        "31 bits",
        lambda: model([op("Cast", "x", "i", to=13), op("BitShift", "i e", direction="LEFT")], {"e": np.uint64(40)}),
    ),
    "no infinity": ("no infinity is asked for", "set", lambda: one("IsInf", "x", detect_positive=0, detect_negative=0)),
    "clip bounds": (
        "a bound of shape [4] is not one number",
        "one number",
        lambda: one("Clip", "x c", c=np.arange(4.0)),
    ),
    "clip NaN": ("a bound is NaN", "export", lambda: one("Clip", "x c", c=np.float32(np.nan))),
    "clip codes": (
        "leave no code",
        "correct the bounds",
        lambda: model(
            [op("QuantizeLinear", "x s z", "q"), op("Clip", "q lo hi")],
            {"s": 1.0, "z": np.int8(0), "lo": np.int8(5), "hi": np.int8(-5)},
        ),
    ),
    "norm training": (
        "training mode",
        "inference",
        lambda: one("BatchNormalization", "x s b m v", **NORM, training_mode=1, opset=15),
    ),
    "norm 6 training": (
        "training mode",
        "model.eval()",
        lambda: one("BatchNormalization", "x s b m v", **NORM, opset=6),
    ),
    "norm by element": (
        "by element is not supported",
        "spatial = 1",
        lambda: one("BatchNormalization", "x s b m v", **NORM, spatial=0, opset=7),
    ),
    "norm rank": ("no channel axis", "batch", lambda: one("BatchNormalization", "x s b m v", **NORM, x=(4,))),
    "norm shape": (
        "the scale has shape [4], the input has 3 channels",
        "axis 1",
        lambda: one("BatchNormalization", "x s b m v", **NORM, x=(1, 3)),
    ),
    "norm variance": (
        "a variance is negative",
        "train",
        lambda: one("BatchNormalization", "x s b m v", **(NORM | {"v": -ROW})),
    ),
    "norm epsilon": (
        "variance plus epsilon (0) is not positive",
        "epsilon",
        lambda: one("BatchNormalization", "x s b m v", **(NORM | {"v": ROW * 0}), epsilon=0.0),
    ),
    "norm dynamic": (
        "the bias 'x' is not a constant",
        "initialiser",
        lambda: one("BatchNormalization", "x s x m v", **NORM),
    ),
    "dropout training": (
        "training mode",
        "inference",
        lambda: one("Dropout", "x r t", r=np.float32(0.5), t=np.bool_(True)),
    ),
    "unsupported output": (
        "output 'm' is not supported",
        "inference",
        lambda: model([op("MaxPool", "x", "d m", kernel_shape=[2, 2]), op("Cast", "m", to=1)], x=(1, 1, 4, 4)),
    ),
    "cast": ("a cast to ONNX type 10", "float32", lambda: one("Cast", to=TensorProto.FLOAT16)),
    "constant": (
        "no numbers in a form that is supported",
        "'value'",
        lambda: model([op("Constant", "", "y", value_string="a")]),
    ),
    "reshape": ("cannot reshape [1, 4] to [3]", "same number", lambda: one("Reshape", "x s", s=np.array([3], LONG))),
    "reshape twice": (
        "cannot reshape [1, 4] to [-1, -1]",
        "",
        lambda: one("Reshape", "x s", s=np.array([-1, -1], LONG)),
    ),
    "reshape copies": (
        "copies a dimension that [1, 4] has not",
        "shape",
        lambda: one("Reshape", "x s", s=np.array([1, 4, 0], LONG)),
    ),
    "dynamic shape": (
        "the shape 's' is not a constant",
        "may not depend on the inputs",
        lambda: model([op("Cast", "x", "s", to=7), op("Reshape", "x s")]),
    ),
    "float shape": ("the shape is not a list of integers", "export", lambda: one("Reshape", "x s", s=np.ones(2))),
    "flatten": ("axis 3 does not exist", "axis", lambda: one("Flatten", axis=3)),
    "squeeze": (
        "axes [1] of shape [1, 4] are not all of size 1",
        "axes",
        lambda: one("Squeeze", "x a", a=np.array([1])),
    ),
    "unsqueeze": ("name one axis twice", "axes", lambda: one("Unsqueeze", "x a", a=np.array([0, -4]))),
    "transpose": ("[0, 0] is not a permutation of 2 axes", "perm", lambda: one("Transpose", perm=[0, 0])),
    "softmax axis": ("axis 2 does not exist", "axis", lambda: one("Softmax", axis=2)),
    "topk": (
        "k is [9], axis 1 has 4 elements",
        "k",
        lambda: model([op("TopK", "x k", "y i")], {"k": np.array([9], LONG)}),
    ),
    "standard": ("the node is not valid ONNX: ", "export", lambda: one("Relu", colour=1)),
    "folding": (
        "the constant cannot be computed: ",
        "simplify",
        lambda: model([op("Concat", "a b", "c", axis=0), op("Add", "x c")], {"a": ROW, "b": W}),
    ),
    "large axis": (
        "attribute 'axis' is 4611686018427387904",
        "export",
        lambda: model([op("Concat", "a a", "c", axis=1 << 62), op("Add", "x c")], {"a": ROW}),
    ),
    "large constant": (
        "the result is too large for a constant",
        "export",
        lambda: model([op("ConstantOfShape", "n", "c"), op("Add", "x c")], {"n": np.array([1 << 40])}),
    ),
    "undefined value": (
        "'q' is neither an input, an initialiser nor an earlier result",
        "'q'",
        lambda: one("Add", "x q"),
    ),
    "defined twice": ("'y' is defined a second time", "rename", lambda: model([op("Relu", "x"), op("Relu", "x")])),
}


@pytest.mark.parametrize("case", AT_NODES)
def test_refusal_at_a_node(case: str) -> None:
    what, mend, build = AT_NODES[case]
    error = refusal(build(), name="net.onnx")
    assert what in error.what
    assert mend in (error.mend or "")
    assert error.where is not None
    assert error.where.startswith("node '")
    assert error.where.endswith("of net.onnx")


def broken(change: Callable[[onnx.ModelProto], object]) -> onnx.ModelProto:
    proto = model([op("Relu", "x")], {"w": W})
    change(proto)
    return proto


def test_not_onnx(tmp_path: Path) -> None:
    for data in (b"hello, world", b"\x00" * 64, b"builtin.module {}"):
        assert "not an ONNX model" in refusal(data).what or "no ONNX graph" in refusal(data).what
    assert "no ONNX graph" in refusal(b"").what
    data = model([op("MatMul", "x w")], {"w": W}).SerializeToString()
    assert refusal(data[: len(data) // 2]).what == f"not an ONNX model, or a truncated one ({len(data) // 2} bytes)"
    assert "cannot read" in refusal(tmp_path / "none.onnx").what
    assert "cannot read" in refusal(tmp_path).what


SHAPES: dict[str, tuple[Any, dict[str, Any], str, str]] = {
    "open": ((1, None, 4), {}, "input 'x' has the open shape [1, ?, 4]", "pass --shape x=1,N,4"),
    "symbol": (("batch", 3, "width"), {}, "input 'x' has the open shape [batch, 3, width]", "pass --shape x=1,3,N"),
    "no shape": (None, {}, "input 'x' has the open shape unknown", "pass --shape x=1,3,32,32"),
    "zero": ((1, 0), {}, "input 'x' has the shape [1, 0]", "at least 1"),
    "huge": ((1, 1 << 40), {}, "input 'x' of shape [1, 1099511627776] is too large", "correct"),
    "given rank": ((1, 4), {"x": (4,)}, "shape [4] given for input 'x' does not fit its shape [1, 4]", "same number"),
    "given size": ((1, 4), {"x": (1, 5)}, "shape [1, 5] given for input 'x' does not fit", "open ones and the batch"),
    "given name": ((1, 4), {"z": (1, 4)}, "the model has no input 'z'", "its inputs are x"),
    "given name of an open shape": ((1, None), {"z": (1, 4)}, "the model has no input 'z'", "its inputs are x"),
}


@pytest.mark.parametrize("case", SHAPES)
def test_refused_input_shapes(case: str) -> None:
    shape, given, what, mend = SHAPES[case]
    error = refusal(model([op("Relu", "x")], x=shape), shapes=given, name="net.onnx")
    assert what in error.what
    assert error.where == "net.onnx"
    assert mend in (error.mend or "")


def test_refused_models() -> None:
    assert "opset 5 is older than 6" in refusal(model([op("Relu", "x")], opset=5)).what
    newer = onnx.defs.onnx_opset_version() + 1
    assert f"opset {newer} is newer than {newer - 1}" in refusal(model([op("Relu", "x")], opset=newer)).what
    assert "names no ONNX opset" in refusal(broken(lambda p: p.ClearField("opset_import"))).what
    assert "'y' is not computed by any node" in refusal(broken(lambda p: p.graph.ClearField("node"))).what
    assert "element type DOUBLE" in refusal(model([op("Relu", "x")], x_type=TensorProto.DOUBLE)).what
    assert "has shape [1, 4], the model declares [1, 5]" in refusal(model([op("Relu", "x")], y=(1, 5))).what
    assert "same name" in refusal(broken(lambda p: p.graph.initializer.append(p.graph.initializer[0]))).what
    sequence = helper.make_tensor_sequence_value_info("s", 1, None)
    assert "'s' is not a tensor" in refusal(broken(lambda p: p.graph.input.append(sequence))).what
    sparse = onnx.SparseTensorProto()
    assert "sparse" in refusal(broken(lambda p: p.graph.sparse_initializer.append(sparse))).what
    assert (
        "unknown element type 99"
        in refusal(broken(lambda p: setattr(p.graph.input[0].type.tensor_type, "elem_type", 99))).what
    )


def test_damaged_tensors() -> None:
    error = refusal(broken(lambda p: setattr(p.graph.initializer[0], "raw_data", b"123")), name="net.onnx")
    assert "a tensor cannot be read" in error.what
    assert error.where == "initialiser 'w' of net.onnx"
    assert "negative dimension" in refusal(broken(lambda p: p.graph.initializer[0].dims.append(-1))).what
    error = refusal(broken(lambda p: p.graph.initializer[0].dims.append(1 << 40)))
    assert "less data than shape [4, 3, 1099511627776] needs" in error.what
    data = model([op("Relu", "x", name="bad_name")]).SerializeToString().replace(b"bad_name", b"bad\xff\xfeame")
    assert refusal(data).what == "a name in the model is not UTF-8 text"


def test_external_data(tmp_path: Path) -> None:
    proto = model([op("MatMul", "x w")], {"w": W})
    onnx.save_model(proto, tmp_path / "net.onnx", save_as_external_data=True, location="net.data", size_threshold=0)
    import_onnx(tmp_path / "net.onnx")
    error = refusal((tmp_path / "net.onnx").read_bytes())
    assert error.what == "initialiser 'w' is stored in another file"
    (tmp_path / "net.data").unlink()
    error = refusal(tmp_path / "net.onnx")
    assert "external data of the model cannot be read" in error.what
    assert error.where == "net.onnx"


def test_external_data_of_an_attribute(tmp_path: Path) -> None:
    value = numpy_helper.from_array(W.astype(np.float32), "value")
    proto = model([op("Constant", "", "w", value=value), op("MatMul", "x w")])
    onnx.convert_model_to_external_data(proto, location="net.data", size_threshold=0, convert_attribute=True)
    onnx.save_model(proto, tmp_path / "net.onnx")
    assert (tmp_path / "net.data").exists()
    import_onnx(tmp_path / "net.onnx")


@pytest.mark.parametrize("relative", [True, False])
def test_external_data_stay_in_the_folder_of_the_model(relative: bool, tmp_path: Path) -> None:
    proto = model([op("MatMul", "x w")], {"w": W})
    (tmp_path / "data.bin").write_bytes(W.astype(np.float32).tobytes())
    (tmp_path / "folder").mkdir()
    location = "../data.bin" if relative else str(tmp_path / "data.bin")
    tensor = proto.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value=location)
    (tmp_path / "folder" / "net.onnx").write_bytes(proto.SerializeToString())
    assert "external data of the model cannot be read" in refusal(tmp_path / "folder" / "net.onnx").what
