# SPDX-License-Identifier: Apache-2.0
"""Host side: bytes of every format round-trip, steps do what plain numpy does."""

import json
import subprocess
import sys
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from qopt_mlir.backends import host as host_module
from qopt_mlir.backends.host import Host, Port, run_steps
from qopt_mlir.backends.interface import function, host_steps
from qopt_mlir.qdialect.errors import QoptError
from qopt_mlir.qdialect.formats import Rounding
from qopt_mlir.qdialect.reference import compile_function
from qopt_mlir.qdialect.text import parse_module, verify_module


def port(**changes: Any) -> dict[str, Any]:
    """Fields of a port of 6 elements in 3 beats of 2 lanes."""
    fields = {"name": "x", "port": "s_axis", "format": "test", "word_length": 8, "fraction_bits": 0, "signed": True}
    fields |= {"bipolar": False, "lanes": 2, "beats": 3, "lane_bytes": 1, "shape": [6], "model_shape": [1, 6]}
    return fields | changes


def interface(**changes: Any) -> dict[str, Any]:
    ends = {"input": port(), "output": port(name="y", port="m_axis")}
    return {"version": 2, "name": "t", "top": "t", **ends, "host_before": [], "host_after": []} | changes


def result(steps: list[dict[str, Any]], shape: list[int], name: str = "y") -> dict[str, Any]:
    """Fields of an output of the model."""
    return {"name": name, "model_shape": shape, "steps": steps}


@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize("word_length", [*range(1, 34), 40, 47, 48, 63, 64, 65, 72, 80])
def test_pack_unpack_is_the_identity_and_little_endian(word_length: int, signed: bool) -> None:
    lane_bytes = -(-word_length // 8)
    end = Port.of(port(word_length=word_length, signed=signed, lane_bytes=lane_bytes))
    lo, hi = end.code_range
    numbers = [lo, hi, 0, hi // 3, lo // 3, min(hi, 1), lo, hi, hi // 5, 0, 0, lo]
    codes = np.array(numbers, np.int64 if hi < 1 << 63 else object).reshape(2, 6)
    beats = end.pack(codes)
    assert beats.shape == (6, 2 * lane_bytes)
    expected = b"".join(number.to_bytes(lane_bytes, "little", signed=signed) for number in numbers)
    assert beats.tobytes() == expected
    back = end.unpack(beats.reshape(-1))
    assert back.dtype == codes.dtype
    assert back.tolist() == codes.tolist()


def test_padding_bits_extend_the_sign() -> None:
    end = Port.of(port(word_length=10, lane_bytes=2, lanes=1, beats=1, shape=[1]))
    assert end.pack(np.array([[-512], [511], [-1]])).tolist() == [[0x00, 0xFE], [0xFF, 0x01], [0xFF, 0xFF]]


def test_bipolar_travels_as_int8() -> None:
    end = Port.of(port(bipolar=True, word_length=1))
    codes = np.array([[1, -1, -1, 1, 1, -1]])
    assert end.pack(codes).tolist() == [[1, 255], [255, 1], [1, 255]]
    assert np.array_equal(end.unpack(end.pack(codes)), codes)
    with pytest.raises(ValueError, match="0 is no code of test"):
        end.pack(np.zeros((1, 6), np.int64))


@pytest.mark.parametrize(
    ("codes", "message"),
    [
        (np.full((1, 6), 128), "128 is no code of test"),
        (np.full((1, 6), -129), "-129 is no code of test"),
        (np.zeros((1, 6)), "codes are integers, not float64"),
        (np.zeros((1, 5), int), "codes have the shape"),
    ],
)
def test_what_is_no_code_is_refused(codes: np.ndarray, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Port.of(port()).pack(codes)


def test_bytes_from_the_device_are_checked() -> None:
    end = Port.of(port(word_length=4))
    with pytest.raises(ValueError, match="5 bytes are no whole frames of 6 bytes"):
        end.unpack(np.zeros(5, np.uint8))
    with pytest.raises(ValueError, match="8 is no code of test"):
        end.unpack(np.full(6, 8, np.uint8))


def test_an_interface_that_contradicts_itself_is_refused() -> None:
    with pytest.raises(ValueError, match="has 7 elements, but 3 beats of 2 lanes hold 6"):
        Port.of(port(shape=[7]))
    with pytest.raises(ValueError, match="9 bits do not fit in 1 bytes"):
        Port.of(port(word_length=9))
    with pytest.raises(ValueError, match="interface version 1 is not 2"):
        Host(interface(version=1))
    with pytest.raises(ValueError, match="unknown host step 'square'"):
        Host(interface(host_after=[result([{"op": "square"}], [1, 6])]))


def exact_round(value: Fraction, rounding: str) -> int:
    """A plain restatement of each rounding on exact numbers."""
    floor, ceil = value.numerator // value.denominator, -(-value.numerator // value.denominator)
    away, toward = (ceil, floor) if value > 0 else (floor, ceil)
    if rounding in ("ceil", "floor", "up", "down"):
        return {"ceil": ceil, "floor": floor, "up": away, "down": toward}[rounding]
    if value - floor == Fraction(1, 2):
        return {"half_even": floor if floor % 2 == 0 else ceil, "half_up": away, "half_down": toward}[rounding]
    return floor if value - floor < Fraction(1, 2) else ceil


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("rounding", list(Rounding))
def test_each_rounding_is_exact(rounding: str, dtype: type) -> None:
    values = np.concatenate([np.arange(-40, 41) / 8, np.nextafter(dtype(0.5), dtype(0)) * np.array([1, -1])])
    values = np.concatenate([values, np.random.default_rng(1).normal(0, 9, 200), [0.49999999999999994, 1e-30]])
    x = values.astype(dtype)[np.newaxis]
    for fraction_bits in (-1, 0, 2):
        step = {"op": "quantize", "rounding": rounding, "overflow": "saturate", "lo": -50, "hi": 50}
        y = run_steps([{**step, "fraction_bits": fraction_bits}], x)
        scaled = [Fraction(float(v)) * Fraction(2) ** fraction_bits for v in x[0]]
        expected = [max(-50, min(50, exact_round(v, rounding))) for v in scaled]
        assert y.dtype == np.int64
        assert y[0].tolist() == expected


@pytest.mark.parametrize(("lo", "hi"), [(-8, 7), (0, 15), (-7, 7)])
def test_wrap_is_modular_and_saturate_clips(lo: int, hi: int) -> None:
    step = {"op": "quantize", "rounding": "floor", "lo": lo, "hi": hi, "fraction_bits": 0}
    x = np.concatenate([np.arange(-60, 61), [2.0**60, -(2.0**60) + 2**10]])[np.newaxis]
    wrapped = run_steps([{**step, "overflow": "wrap"}], x)[0]
    span = hi - lo + 1
    assert wrapped.tolist() == [lo + (int(v) - lo) % span for v in x[0]]
    extreme = run_steps([{**step, "overflow": "saturate"}], np.array([[np.inf, -np.inf, 1e300]], np.float64))
    assert extreme.tolist() == [[hi, lo, hi]]


def test_not_a_number_is_refused() -> None:
    step = {"op": "quantize", "rounding": "floor", "overflow": "saturate", "lo": 0, "hi": 1, "fraction_bits": 0}
    with pytest.raises(ValueError, match="not-a-number"):
        run_steps([step], np.array([[np.nan]]))


def test_bipolar_quantize_takes_zero_as_plus_one() -> None:
    x = np.array([[-1.5, -0.0, 0.0, 2.0, -1e-30]], np.float32)
    assert run_steps([{"op": "quantize", "bipolar": True}], x).tolist() == [[-1, 1, 1, 1, -1]]


def test_float32_steps_round_as_float32() -> None:
    x = np.random.default_rng(2).normal(size=(5, 3, 4)).astype(np.float32)
    scale, offset = [0.1, 0.2, 0.3, 0.7], 1 / 3
    steps = [
        {"op": "div", "constant": scale, "dtype": "float32"},
        {"op": "add", "constant": offset, "dtype": "float32"},
    ]
    y = run_steps(steps, x)
    assert y.dtype == np.float32
    assert np.array_equal(y, x / np.array(scale, np.float32) + np.float32(offset))
    assert not np.array_equal(y, (x.astype(np.float64) / scale + offset))
    y = run_steps(
        [{"op": "sub", "constant": 0.1, "dtype": "float64"}, {"op": "mul", "constant": 3, "dtype": "float64"}], x
    )
    assert np.array_equal(y, (x.astype(np.float64) - 0.1) * 3)


def test_steps_never_touch_the_frame_axis() -> None:
    x = np.random.default_rng(3).normal(size=(4, 2, 3, 4)).astype(np.float32)
    assert np.array_equal(run_steps([{"op": "transpose", "perm": [2, 0, 1]}], x), x.transpose(0, 3, 1, 2))
    assert np.array_equal(run_steps([{"op": "reshape", "shape": [6, 4]}], x), x.reshape(4, 6, 4))
    assert np.array_equal(run_steps([{"op": "arg_max", "axis": 0}], x), np.argmax(x, axis=1))
    assert run_steps([{"op": "arg_max", "axis": -1, "keep_dims": True}], x).shape == (4, 2, 3, 1)
    assert np.array_equal(run_steps([{"op": "relu"}], x), np.maximum(x, 0))
    soft = run_steps([{"op": "softmax", "axis": 1}], x)
    assert np.allclose(soft.sum(axis=2), 1)
    assert np.allclose(np.log(soft) - np.log(soft[:, :, :1]), x - x[:, :, :1], atol=1e-5)
    # (4 frames of 4) + (4, 1) is (4 frames of 4 x 4), each frame by itself
    flat = x[:, 0, 0]
    column = np.arange(4.0).reshape(4, 1)
    y = run_steps([{"op": "add", "constant": column.tolist(), "dtype": "float32"}], flat)
    assert np.array_equal(y, np.stack([frame + column.astype(np.float32) for frame in flat]))


def test_host_end_to_end_from_a_file(tmp_path: Path) -> None:
    before = [
        {"op": "reshape", "shape": [6]},
        {"op": "mul", "constant": 255.0, "dtype": "float32"},
        {"op": "quantize", "rounding": "half_even", "overflow": "saturate", "lo": 0, "hi": 255, "fraction_bits": 0},
    ]
    after = [{"op": "dequantize", "fraction_bits": 2}, {"op": "cast", "dtype": "float32"}]
    path = tmp_path / "interface.json"
    ends = {
        "input": port(signed=False, model_shape=[1, 2, 3]),
        "output": port(word_length=12, fraction_bits=2, lane_bytes=2, lanes=1, beats=2, shape=[2]),
    }
    last = [{"op": "gather", "indices": [1], "axis": 0}]
    results = [result(after, [1, 2]), result(last, [1, 1], "last")]
    path.write_text(json.dumps(interface(**ends, host_before=before, host_after=results)))
    host = Host(path)
    x = np.random.default_rng(4).random((7, 1, 2, 3)).astype(np.float32)
    codes = host.before(x)
    assert np.array_equal(codes, np.rint(x * np.float32(255)).astype(np.int64).reshape(7, 6))
    assert np.array_equal(host.before(x[:, 0]), codes), "a model's own batch axis of 1 may be left out"
    assert host.to_beats(codes).shape == (21, 2)
    sent = np.array([[-2048, 2047], [5, -1]], "<i2")
    back = host.from_beats(sent.view(np.uint8))
    assert back.tolist() == sent.tolist()
    y, second = host.after(back)
    assert second.tolist() == [[[2047]], [[-1]]]
    assert y.dtype == np.float32
    assert y.tolist() == [[[-512.0, 511.75]], [[1.25, -0.25]]]


def test_model_input_is_checked() -> None:
    host = Host(interface())
    assert host.before(np.arange(6.0).reshape(1, 1, 6)).tolist() == [[0, 1, 2, 3, 4, 5]]
    with pytest.raises(ValueError, match="takes the shape"):
        host.before(np.zeros((1, 1, 5)))
    with pytest.raises(ValueError, match="no codes"):
        host.before(np.full((1, 1, 6), 0.5))


def test_the_module_stands_alone(tmp_path: Path) -> None:
    (tmp_path / "host.py").write_text(Path(host_module.__file__).read_text())
    program = (
        "import sys, host; assert not [name for name in sys.modules if name.startswith('qopt')]; print(host.VERSION)"
    )
    # -I: neither the environment nor user packages; the folder is put on the path by hand.
    command = [sys.executable, "-I", "-c", f"import sys; sys.path.insert(0, {str(tmp_path)!r}); {program}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.stdout == "2\n", done.stderr


@pytest.mark.parametrize(
    ("ops", "result"),
    [
        ("", "tensor<1x2x!q.fixed<4, 1>>"),
        ("%y = q.reshape %x : {input} -> tensor<2x1x!q.fixed<4, 1>>", "tensor<2x1x!q.fixed<4, 1>>"),
        (
            "%r = q.relu %x : {input} -> tensor<1x2x!q.ufixed<3, 1>>\n"
            "%y = q.relu %r : tensor<1x2x!q.ufixed<3, 1>> -> tensor<1x2x!q.ufixed<3, 1>>",
            "tensor<1x2x!q.ufixed<3, 1>>",
        ),
        (
            "%y = q.gather %x indices [1, 0, 1] axis 1 : {input} -> tensor<1x3x!q.fixed<4, 1>>",
            "tensor<1x3x!q.fixed<4, 1>>",
        ),
        (
            "%y = q.slice %x starts [0, 1] sizes [1, 2] steps [1, -1] : {input} -> tensor<1x2x!q.fixed<4, 1>>",
            "tensor<1x2x!q.fixed<4, 1>>",
        ),
        (
            "%y = q.reduce_max %x axes [1] keep_dims : {input} -> tensor<1x1x!q.fixed<4, 1>>",
            "tensor<1x1x!q.fixed<4, 1>>",
        ),
        (
            "%a = q.arg_max %x axis 1 keep_dims : {input} -> tensor<1x1x!q.ufixed<1, 0>>\n"
            "%y = q.relu %a : tensor<1x1x!q.ufixed<1, 0>> -> tensor<1x1x!q.ufixed<1, 0>>",
            "tensor<1x1x!q.ufixed<1, 0>>",
        ),
    ],
)
def test_codes_with_fraction_bits_become_numbers_once(ops: str, result: str) -> None:
    input_ = "tensor<1x2x!q.fixed<4, 1>>"
    body = ops.format(input=input_) + f"\nfunc.return %{'y' if ops else 'x'} : {result}"
    module = parse_module(f"func.func @host_after(%x: {input_}) -> {result} {{\n{body}\n}}", "host.mlir")
    verify_module(module)
    codes = np.array([[[-8, 7]], [[3, 1]], [[0, -1]]])
    (expected,) = compile_function(module, "host_after").run({0: codes / 2})
    np.testing.assert_array_equal(run_steps(host_steps(function(module, "host_after")), codes), expected)


def test_outputs_of_the_model_are_chains_from_the_results() -> None:
    """Two outputs share a first step; a third is a sum of two computed values, which has the steps to both."""
    module = parse_module(
        """
        func.func @host_after(%x: tensor<1x2x!q.fixed<4, 0>>)
            -> (tensor<1x1xf32>, tensor<1x2x!q.fixed<4, 0>>, tensor<1x2x!q.fixed<5, 0>>) {
          %a = q.gather %x indices [1, 0] axis 1 : tensor<1x2x!q.fixed<4, 0>> -> tensor<1x2x!q.fixed<4, 0>>
          %b = q.reduce_max %a axes [1] keep_dims : tensor<1x2x!q.fixed<4, 0>> -> tensor<1x1x!q.fixed<4, 0>>
          %f = q.quantize %b half_even saturate : tensor<1x1x!q.fixed<4, 0>> -> tensor<1x1xf32>
          %s = q.add %a, %x : tensor<1x2x!q.fixed<4, 0>>, tensor<1x2x!q.fixed<4, 0>> -> tensor<1x2x!q.fixed<5, 0>>
          func.return %f, %a, %s : tensor<1x1xf32>, tensor<1x2x!q.fixed<4, 0>>, tensor<1x2x!q.fixed<5, 0>>
        }""",
        "host.mlir",
    )
    after = function(module, "host_after")
    assert [step["op"] for step in host_steps(after, 0)] == ["gather", "reduce_max", "dequantize", "cast"]
    assert [step["op"] for step in host_steps(after, 1)] == ["gather"]
    assert [step["op"] for step in host_steps(after, 2)] == ["gather", "dequantize", "add"]
    codes = np.array([[[-8, 7]], [[3, 1]]])
    np.testing.assert_array_equal(run_steps(host_steps(after, 2), codes), codes + codes[..., ::-1])


def test_branches_behind_branches_are_refused_at_once() -> None:
    """Each sum takes the one before twice: 2^40 steps, which nobody should begin to write down."""
    type_ = "tensor<2xf32>"
    sums = "".join(f"%x{i + 1} = q.add %x{i}, %x{i} : {type_}, {type_} -> {type_}\n" for i in range(40))
    text = f"func.func @host_after(%x0: {type_}) -> {type_} {{\n{sums}func.return %x40 : {type_}\n}}"
    with pytest.raises(QoptError, match="takes more than 400 steps on the host"):
        host_steps(function(parse_module(text, "host.mlir"), "host_after"))


def test_a_result_of_two_values_that_the_hardware_gives_is_refused() -> None:
    type_ = "tensor<2x!q.fixed<4, 0>>"
    sum_ = f"%s = q.add %x, %y : {type_}, {type_} -> tensor<2x!q.fixed<5, 0>>"
    text = f"func.func @host_after(%x: {type_}, %y: {type_}) -> tensor<2x!q.fixed<5, 0>> {{\n{sum_}\n"
    module = parse_module(text + "func.return %s : tensor<2x!q.fixed<5, 0>>\n}", "host.mlir")
    with pytest.raises(QoptError, match="an output follows from 2 values that the hardware gives"):
        host_steps(function(module, "host_after"))


@pytest.mark.parametrize(
    "ops",
    [
        "%a = q.relu %f : {f} -> {f}\n%y = q.mul %a, %f : {f}, {f} -> {f}",
        "%m = q.reduce_max %f axes [1] keep_dims : {f} -> tensor<1x1xf32>\n"
        "%d = q.sub %f, %m : {f}, tensor<1x1xf32> -> {f}\n"
        "%e = q.exp %d : {f}\n%t = q.reduce_sum %e axes [1] keep_dims : {f} -> tensor<1x1xf32>\n"
        "%l = q.log %t : tensor<1x1xf32>\n%y = q.sub %d, %l : {f}, tensor<1x1xf32> -> {f}",
        "%k = q.constant #q.dense<[0.5, -0.25] : tensor<2xf32>>\n%y = q.prelu %f, %k : {f}, tensor<2xf32> -> {f}",
        "%lo = q.constant #q.dense<-1.5 : tensor<f32>>\n%hi = q.constant #q.dense<2.0 : tensor<f32>>\n"
        "%y = q.clip %f, %lo, %hi : {f}, tensor<f32>, tensor<f32> -> {f}",
        "%h = q.constant #q.dense<0.5 : tensor<f32>>\n%y = q.max %f, %h : {f}, tensor<f32> -> {f}",
    ],
)
def test_functions_of_one_result(ops: str) -> None:
    """What the reference gives, products of branches and a logarithm of a softmax among them."""
    codes_type, f = "tensor<1x2x!q.fixed<4, 1>>", "tensor<1x2xf32>"
    body = f"%f = q.quantize %x half_even saturate : {codes_type} -> {f}\n" + ops.format(f=f)
    module = parse_module(
        f"func.func @host_after(%x: {codes_type}) -> {f} {{\n{body}\nfunc.return %y : {f}\n}}", "host.mlir"
    )
    verify_module(module)
    codes = np.array([[[-8, 7]], [[3, 1]], [[0, -1]]])
    (expected,) = compile_function(module, "host_after").run_codes({0: codes})
    steps = json.loads(json.dumps(host_steps(function(module, "host_after"))))
    np.testing.assert_allclose(run_steps(steps, codes), expected, rtol=1e-6)


@pytest.mark.parametrize(
    ("input_", "result", "window"),
    [
        ("1x2x5x6", "1x2x2x3", "kernel [2, 2] strides [2, 2] pads [0, 0, 0, 0] dilations [1, 1]"),
        ("1x2x5x6", "1x2x3x3", "kernel [3, 2] strides [2, 2] pads [1, 1, 1, 1] dilations [1, 2]"),
        ("1x5x6x2", "1x4x6x2", "kernel [3, 2] strides [1, 1] pads [0, 1, 1, 0] dilations [1, 1] channels_last"),
        ("1x2x7", "1x2x4", "kernel [3] strides [2] pads [0, 2] dilations [1]"),
    ],
)
@pytest.mark.parametrize("type_", ["f32", "!q.fixed<4, 1>"])
def test_max_pooling(input_: str, result: str, window: str, type_: str) -> None:
    """Windows over the border, of all negative numbers as well, and codes, of which the host makes numbers."""
    codes_type, numbers = f"tensor<{input_}x!q.fixed<4, 1>>", f"tensor<{input_}x{type_}>"
    cast = f"%f = q.quantize %x half_even saturate : {codes_type} -> {numbers}\n" if type_ == "f32" else ""
    pool = f"%y = q.max_pool {'%f' if cast else '%x'} {window} : {numbers} -> tensor<{result}x{type_}>"
    text = f"{cast}{pool}\nfunc.return %y : tensor<{result}x{type_}>"
    module = parse_module(
        f"func.func @host_after(%x: {codes_type}) -> tensor<{result}x{type_}> {{\n{text}\n}}", "host.mlir"
    )
    verify_module(module)
    codes = np.random.default_rng(4).integers(-8, 0, (3, *map(int, input_.split("x"))))
    (expected,) = compile_function(module, "host_after").run({0: codes / 2})
    steps = json.loads(json.dumps(host_steps(function(module, "host_after"))))
    np.testing.assert_array_equal(run_steps(steps, codes), expected)
