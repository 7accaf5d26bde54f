# SPDX-License-Identifier: Apache-2.0
"""q.quantize and q.threshold."""

from __future__ import annotations

from math import prod

import numpy as np

from ....qdialect.attrs import Array
from ....qdialect.errors import QoptError
from ....qdialect.formats import BipolarFormat, FixedFormat, FloatFormat, Overflow, Rounding
from ....qdialect.q import QuantizeOp, ThresholdOp
from ....qdialect.q.inference import code_range
from ....qdialect.types import element_type, format_of, integer_format, is_f32, is_integer_type, shape_of
from ..context import Context
from ..graph import QONNX_DOMAIN, Tensor
from ..numbers import FLOAT32, FLOAT64, holds, is_power_in_range, numbers
from ..quantizers import Codes, bipolar_node, can_say, float_quantizer_node, quantizer_node
from ..registry import exporter
from ..rounding import rounded, rounded_to_float, saturated, wrapped

_LARGEST_FLOAT32 = float(np.finfo(np.float32).max)
_HALF_MODES = (Rounding.HALF_UP, Rounding.HALF_DOWN)


@exporter(QuantizeOp)
def export_quantize(op: QuantizeOp, out: Context) -> Tensor:
    x, target = out.tensor(op.input), element_type(op.result)
    if is_f32(target):
        return _to_float32(op, out, x)
    match format_of(target):
        case BipolarFormat():
            return bipolar_node(out, x, np.ones((), np.float32))
        case FloatFormat() as format_:
            return _to_custom_float(op, out, x, format_)
        case FixedFormat() as format_:
            return _to_fixed(op, out, x, Codes(format_, op.narrow))


def _to_float32(op: QuantizeOp, out: Context, x: Tensor) -> Tensor:
    if op.rounding is not Rounding.HALF_EVEN:
        raise QoptError(f"ONNX rounds to float32 to nearest, not {op.rounding.value}", op, "write half_even")
    if x.dtype == FLOAT32:
        return x
    if not is_integer_type(element_type(op.input)):  # a Cast would give infinity
        x = out.node("Clip", x, out.number(-_LARGEST_FLOAT32, x), out.number(_LARGEST_FLOAT32, x))
    return x  # what binds the result casts it


def _to_custom_float(op: QuantizeOp, out: Context, x: Tensor, format_: FloatFormat) -> Tensor:
    """FloatQuant, on float32; else arithmetic, in front of a FloatQuant that only names the format."""
    named = out.style == "qonnx" and format_.subnormals and out.carrier(op.result) == FLOAT32
    saturate = op.overflow is Overflow.SATURATE
    if named and is_f32(element_type(op.input)):
        return float_quantizer_node(out, x, format_, op.rounding, saturate)
    y = rounded_to_float(out, x, format_, op.rounding, op.overflow)
    return float_quantizer_node(out, out.cast(y, FLOAT32), format_, Rounding.HALF_EVEN, saturate) if named else y


def _to_fixed(op: QuantizeOp, out: Context, x: Tensor, codes: Codes) -> Tensor:
    """The quantiser node of the style; where the number needs more care, arithmetic in front of it or instead."""
    rounding, saturates = op.rounding, op.overflow is Overflow.SATURATE
    quantum = np.asarray(2.0**-codes.format.fraction_bits, np.float32)
    direct = saturates and x.dtype == FLOAT32 and can_say(out.style, codes, rounding) and _adds_half_exactly(op)
    if direct:
        return quantizer_node(out, x, codes, rounding, quantum)
    named = out.carrier(op.result) == FLOAT32 and can_say(out.style, codes, Rounding.HALF_EVEN)
    y = _arithmetic(op, out, x, codes, saturates and not named)
    return quantizer_node(out, out.cast(y, FLOAT32), codes, Rounding.HALF_EVEN, quantum) if named else y


def _adds_half_exactly(op: QuantizeOp) -> bool:
    """Whether float32 rounds as q.quantize does: always from f32, whose arithmetic it is; of codes, if x + 1/2 fits."""
    type_ = element_type(op.input)
    if op.rounding not in _HALF_MODES or not is_integer_type(type_):
        return True
    dropped = integer_format(type_).fraction_bits - integer_format(element_type(op.result)).fraction_bits
    codes = code_range(op.input)
    return dropped < 1 or max(-codes.lo, codes.hi) + (1 << (dropped - 1)) <= 1 << 24


def _arithmetic(op: QuantizeOp, out: Context, x: Tensor, codes: Codes, saturate: bool) -> Tensor:
    """Mul, Round, Clip, Mul; f32 numbers are scaled and rounded in float32, as QONNX does."""
    format_, source = codes.format, element_type(op.input)
    if not is_power_in_range(format_.fraction_bits, x.dtype):
        x = out.cast(x, FLOAT64)
    y = out.scaled(x, format_.fraction_bits)
    if not is_integer_type(source) or integer_format(source).fraction_bits > format_.fraction_bits:
        y = rounded(out, y, op.rounding, as_qonnx=is_f32(source))
    if not holds(y.dtype, codes.range, 0) or out.carrier(op.result) == FLOAT64:
        y = out.cast(y, FLOAT64)
    if op.overflow is Overflow.WRAP:
        y = wrapped(out, y, format_.word_length, format_.signed)
    elif saturate:
        y = saturated(out, y, codes.range)
    return out.scaled(y, -format_.fraction_bits)


@exporter(ThresholdOp)
def export_threshold(op: ThresholdOp, out: Context) -> Tensor:
    """MultiThreshold in QONNX; else the comparisons with all thresholds, added up."""
    format_, count = integer_format(element_type(op.result)), shape_of(op.thresholds)[1]
    step = 2.0 if isinstance(format_, BipolarFormat) else 2.0**-format_.fraction_bits
    base = -1.0 if isinstance(format_, BipolarFormat) else op.base * step
    constant = out.constant_of(op.thresholds)
    assert constant is not None, "the verifier asks for constant thresholds"
    x = out.tensor(op.input, out.work)
    thresholds = numbers(constant, x.dtype)
    if op.descending is None and out.style == "qonnx" and x.dtype == FLOAT32:
        return _multi_threshold(op, out, x, thresholds, step, base)
    spread = out.reshape(x, (*x.shape, 1))
    rows = thresholds.reshape(len(thresholds), *(1,) * op.trailing, count)
    reached = out.at_least(spread, out.plain(rows, "thresholds"), x.dtype)
    y = out.node("ReduceSum", reached, out.integers([-1], "axes"), shape=x.shape, attributes={"keepdims": 0})
    steps, bases = np.asarray(step), np.asarray(base)
    if op.descending is not None:
        flags = out.constant_of(op.descending)
        assert flags is not None, "the verifier asks for constant flags"
        falls = flags.array.reshape(-1, *(1,) * op.trailing)
        steps, bases = np.where(falls, -step, step), np.where(falls, base + count * step, base)
    y = out.node("Mul", y, out.plain(steps.astype(x.dtype), "steps"))
    return out.node("Add", y, out.plain(bases.astype(x.dtype), "base"))


def _multi_threshold(op: ThresholdOp, out: Context, x: Tensor, thresholds: Array, step: float, base: float) -> Tensor:
    """FINN's node; a tensor whose axes it has no letters for is one of frames, channels and the rest."""
    spatial = {2: "", 3: "W", 4: "HW", 5: "DHW"}.get(len(x.shape))
    if spatial is None or not op.axis:
        shape = (prod(x.shape[: op.axis]), prod(x.shape[op.axis : op.axis + 1]), prod(x.shape[op.axis + 1 :]))
        layout = "NCW"
    else:
        shape, layout = x.shape, f"N{spatial[: op.axis - 1]}C{spatial[op.axis - 1 :]}"
    options = {"out_scale": step, "out_bias": base, "out_dtype": _finn_name(op), "data_layout": layout}
    inputs = (out.reshape(x, shape), out.plain(thresholds, "thresholds"))
    y = out.node("MultiThreshold", *inputs, shape=shape, domain=QONNX_DOMAIN, attributes=options)
    return out.reshape(y, x.shape)


def _finn_name(op: ThresholdOp) -> str:
    """FINN's name of the result's type: of the codes, or where they are scaled, of the numbers."""
    format_ = integer_format(element_type(op.result))
    if isinstance(format_, BipolarFormat):
        return "BIPOLAR"
    if format_.fraction_bits:
        return "FLOAT32"
    return f"{'' if format_.signed else 'U'}INT{format_.word_length}"
