# SPDX-License-Identifier: Apache-2.0
"""What a host computer does around the hardware: real numbers to beats of bytes, and beats back to real numbers.

This file needs only Python and numpy and stands alone: a build copies it next to its `interface.json`, so that the same
code serves the simulators and a program on a real board.

    host = Host("interface.json")
    beats = host.to_beats(host.before(images))          # images: (frames, *model_shape)
    in_buffer[:] = beats.reshape(-1)                    # plain little-endian bytes, say in a DMA's uint8 buffer
    dma.sendchannel.transfer(in_buffer)
    dma.recvchannel.transfer(out_buffer)                # len(images) * host.output.frame_bytes bytes
    scores, *others = host.after(host.from_beats(out_buffer))   # each output of the model: (frames, *model_shape)

One *frame* is one inference input. Frames are a leading axis in front of every shape named here. A *code* is the
integer that stands for a number on the wire (value = code * 2**-fraction_bits); bipolar codes are -1 and +1.

interface.json, version 2:

    {"version": 2, "name": "tfc", "top": "tfc", "clock": "aclk", "reset": "aresetn",
     "input": {"name": "global_in",         tensor name in the model
               "port": "s_axis",            prefix of the AXI4-Stream ports
               "format": "!q.fixed<2, 0>",  for people; the next four fields say the same
               "word_length": 2, "fraction_bits": 0, "signed": true, "bipolar": false,
               "lanes": 28, "beats": 28,    elements in a beat, beats in a frame (row-major order, lane 0 first)
               "lane_bytes": 1,             bytes of a lane: the word, sign- or zero-extended, little-endian
               "shape": [784],              tensor that the hardware takes, without the frame axis
               "model_shape": [1, 784],     tensor that the model takes, without the frame axis
               "scale": 0.00392, "offset": 0},   only if the model itself takes codes: number = value * scale + offset
     "output": {... the same, without model_shape, scale and offset ...},
     "host_before": [steps],                model input -> codes
     "host_after": [{"name": "scores",      for each output of the model: its name
                     "model_shape": [1, 10],        its shape, without the frame axis
                     "steps": [steps]}]}    codes -> model output

A step is one object; the steps run in order, each on the result of the one before. `dtype` is the numpy dtype that both
operands are brought to, so float32 steps round as ONNX does. A step of several computed operands has "others": for each
operand but the first the steps to it, from where the list of steps begins.

    {"op": "mul" | "add" | "sub" | "div" | "max" | "min", "constant": number or nested list, or "others",
     "dtype": "float32" | "float64"}
    {"op": "clip", "lo": constant, "hi": constant, "dtype": ...}      {"op": "prelu", "slope": constant, "dtype": ...}
    {"op": "quantize", "rounding": see ROUNDINGS, "overflow": "saturate" | "wrap", "lo": int, "hi": int,
     "fraction_bits": int, "bipolar": bool}    value -> code in [lo, hi]; bipolar: x >= 0 -> +1, else -1
    {"op": "threshold", "thresholds": [rows], "descending": [0 | 1], "base": int, "bipolar": bool, "axis": int}
        value -> code base + number of the thresholds it reaches, or does not reach where descending; a row in rising
        order for each index along axis, or one for all; bipolar: -1 or +1
    {"op": "table", "entries": [rows], "base": int, "fraction_bits": int, "axis": int}
        value -> code, entry (code of the value) - base, the first and the last for codes beyond; rows as above
    {"op": "dequantize", "fraction_bits": int}                        code -> float64 value, exact below 2**53
    {"op": "reshape", "shape": [...]}    {"op": "transpose", "perm": [...]}    {"op": "cast", "dtype": ...}
    {"op": "slice", "starts": [...], "sizes": [...], "steps": [...]}    (one number an axis)
    {"op": "gather", "indices": [int], "axis": int}    {"op": "concat", "axis": int, "others": [...]}
    {"op": "reduce_max" | "reduce_sum", "axes": [int], "keep_dims": bool}
    {"op": "max_pool", "axes": [int], "kernel": [...], "strides": [...], "dilations": [...], "pads": [begins, ends]}
        (one number for each of the axes; what lies outside does not count)
    {"op": "relu"}    {"op": "sigmoid"}    {"op": "tanh"}    {"op": "exp"}    {"op": "log"}
    {"op": "softmax", "axis": int}
    {"op": "arg_max", "axis": int, "keep_dims": bool}
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

VERSION = 2
Array = NDArray[Any]


@dataclass(frozen=True)
class Port:
    """One AXI4-Stream end of the hardware and the layout of a frame on it. Fields as in interface.json."""

    name: str
    port: str
    format: str
    word_length: int
    fraction_bits: int
    signed: bool
    bipolar: bool
    lanes: int
    beats: int
    lane_bytes: int
    shape: tuple[int, ...]
    model_shape: tuple[int, ...] = ()
    scale: float | None = None
    offset: float = 0.0

    @staticmethod
    def of(fields: Mapping[str, Any]) -> Port:
        """Read the "input" or "output" object of interface.json. Raises ValueError if it contradicts itself."""
        values: dict[str, Any] = dict(fields)
        values |= {"shape": tuple(fields["shape"]), "model_shape": tuple(fields.get("model_shape", ()))}
        port = Port(**values)
        if prod(port.shape) != port.lanes * port.beats:
            raise ValueError(
                f"'{port.name}': shape {list(port.shape)} has {prod(port.shape)} elements, "
                f"but {port.beats} beats of {port.lanes} lanes hold {port.lanes * port.beats}"
            )
        if 8 * port.lane_bytes < (2 if port.bipolar else port.word_length):
            raise ValueError(f"'{port.name}': {port.word_length} bits do not fit in {port.lane_bytes} bytes")
        return port

    @property
    def beat_bytes(self) -> int:
        return self.lanes * self.lane_bytes

    @property
    def frame_bytes(self) -> int:
        return self.beats * self.beat_bytes

    @property
    def code_range(self) -> tuple[int, int]:
        """Least and greatest code."""
        if self.bipolar:
            return -1, 1
        if self.signed:
            return -(1 << (self.word_length - 1)), (1 << (self.word_length - 1)) - 1
        return 0, (1 << self.word_length) - 1

    def nearest_codes(self, x: Array) -> Array:
        """The codes whose numbers are nearest to `x`, of any shape."""
        values = (x.astype(np.float64) - self.offset) / (1.0 if self.scale is None else self.scale)
        if self.bipolar:
            return np.where(values >= 0, 1, -1)
        return np.clip(np.rint(np.ldexp(values, self.fraction_bits)), *self.code_range).astype(np.int64)

    def pack(self, codes: Array) -> NDArray[np.uint8]:
        """Codes (frames, *shape) -> bytes [frames * beats, beat_bytes]. Raises ValueError for a code out of range."""
        self._check_codes(codes)
        flat = codes.reshape(-1)
        if self.lane_bytes <= 8:
            # Codes of an unsigned 64-bit lane are Python integers; uint64 and int64 have the same bytes.
            words = flat.astype("<u8" if flat.dtype == object and not self.signed else "<i8")
            data = words.view(np.uint8).reshape(-1, 8)[:, : self.lane_bytes]
        else:
            text = b"".join(int(code).to_bytes(self.lane_bytes, "little", signed=self._extends_sign) for code in flat)
            data = np.frombuffer(text, np.uint8)
        return np.ascontiguousarray(data).reshape(-1, self.beat_bytes)

    def unpack(self, data: Array) -> Array:
        """Bytes of whole frames, of any shape -> codes (frames, *shape): int64, or Python integers where too small.

        Raises ValueError for a broken frame, or for bytes that are no code of the format.
        """
        lanes = np.ascontiguousarray(data, np.uint8).reshape(-1)
        if lanes.size % self.frame_bytes:
            raise ValueError(f"'{self.name}': {lanes.size} bytes are no whole frames of {self.frame_bytes} bytes")
        lanes = lanes.reshape(-1, self.lane_bytes)
        if self.code_range[1] < 1 << 63 and self.lane_bytes <= 8:
            wide = np.zeros((len(lanes), 8), np.uint8)
            wide[:, 8 - self.lane_bytes :] = lanes
            shift = 64 - 8 * self.lane_bytes
            words = wide.view("<i8" if self._extends_sign else "<u8").reshape(-1)
            codes = np.right_shift(words, np.asarray(shift, words.dtype)).astype(np.int64)
        else:
            numbers = [int.from_bytes(lane.tobytes(), "little", signed=self._extends_sign) for lane in lanes]
            codes = np.array(numbers, dtype=object)
        codes = codes.reshape(-1, *self.shape)
        self._check_codes(codes)
        return codes

    @property
    def _extends_sign(self) -> bool:
        return self.signed or self.bipolar

    def _check_codes(self, codes: Array) -> None:
        if codes.dtype.kind not in "iuO":
            raise ValueError(f"'{self.name}': codes are integers, not {codes.dtype}")
        if codes.shape[1:] != self.shape:
            raise ValueError(f"'{self.name}': codes have the shape (frames, *{self.shape}), not {codes.shape}")
        lo, hi = self.code_range
        bad = (codes != 1) & (codes != -1) if self.bipolar else (codes < lo) | (codes > hi)
        if np.any(bad):
            raise ValueError(f"'{self.name}': {codes[bad].reshape(-1)[0]} is no code of {self.format}")


@dataclass(frozen=True)
class Result:
    """An output of the model: computed by `steps` from the codes that the hardware gives."""

    name: str
    model_shape: tuple[int, ...]
    steps: list[dict[str, Any]]


class Host:
    """The host side of one build, from its interface.json (a path, or the object already read)."""

    def __init__(self, interface: str | Path | Mapping[str, Any]):
        if not isinstance(interface, Mapping):
            interface = json.loads(Path(interface).read_text())
        assert isinstance(interface, Mapping)
        if interface.get("version") != VERSION:
            raise ValueError(f"interface version {interface.get('version')} is not {VERSION}: use its own host.py")
        self.name: str = interface["name"]
        self.top: str = interface["top"]
        self.input = Port.of(interface["input"])
        self.output = Port.of(interface["output"])
        self.results = [
            Result(fields["name"], tuple(fields["model_shape"]), list(fields["steps"]))
            for fields in interface["host_after"]
        ]
        self._before: list[dict[str, Any]] = list(interface["host_before"])
        for steps in (self._before, *(result.steps for result in self.results)):
            _check_known(steps)

    def before(self, x: Array) -> Array:
        """Model input (frames, *input.model_shape) -> codes (frames, *input.shape).

        A model whose own batch axis is 1 may also be given (frames, *model_shape without that 1). Where the model takes
        codes, an array of floats is brought to the nearest codes (ties to even), saturated.
        """
        x = np.asarray(x)
        if self.input.scale is not None and x.dtype.kind == "f":
            x = self.input.nearest_codes(x)
        shape = self.input.model_shape
        if shape[:1] == (1,) and x.ndim == len(shape) and x.shape[1:] == shape[1:]:
            x = x[:, np.newaxis]
        if x.shape[1:] != shape:
            raise ValueError(f"'{self.input.name}' takes the shape (frames, *{shape}), not {x.shape}")
        y = run_steps(self._before, x)
        codes = y if y.dtype.kind == "O" else y.astype(np.int64)
        if np.any(codes != y):
            raise ValueError(f"'{self.input.name}': the host steps end in {y.dtype} values that are no codes")
        return codes.reshape(-1, *self.input.shape)

    def to_beats(self, codes: Array) -> NDArray[np.uint8]:
        """Codes (frames, *input.shape) -> uint8 [frames * beats, bytes of a beat]."""
        return self.input.pack(codes)

    def from_beats(self, data: Array) -> Array:
        """Bytes that the hardware sent (any shape, whole frames) -> codes (frames, *output.shape)."""
        return self.output.unpack(data)

    def after(self, codes: Array) -> list[Array]:
        """Codes (frames, *output.shape) -> for each output of the model (frames, *its model_shape)."""
        return [run_steps(result.steps, codes).reshape(-1, *result.model_shape) for result in self.results]


def _check_known(steps: Sequence[Mapping[str, Any]]) -> None:
    for step in steps:
        if step["op"] not in STEPS:
            raise ValueError(f"unknown host step '{step['op']}', known are {', '.join(STEPS)}")
        for others in step.get("others", []):
            _check_known(others)


def run_steps(steps: Sequence[Mapping[str, Any]], x: Array) -> Array:
    """Run `steps` (see the module's description) on `x`, whose first axis counts frames."""
    source = x
    for step in steps:
        others = [run_steps(other, source) for other in step.get("others", [])]
        x = STEPS[step["op"]](x, step, *others)
    return x


def _away_from_zero_if(tie_or_more: Callable[[Array], Array]) -> Callable[[Array], Array]:
    """Rounding by magnitude: up where `tie_or_more(|v| - floor(|v|))`. The difference is exact, so ties are seen."""

    def rounded(v: Array) -> Array:
        whole = np.floor(np.abs(v))
        # inf - inf is nan, which compares false: infinity stays itself.
        with np.errstate(invalid="ignore"):
            return np.copysign(whole + tie_or_more(np.abs(v) - whole), v)

    return rounded


# How each named rounding brings float64 values to whole numbers.
ROUNDINGS: dict[str, Callable[[Array], Array]] = {
    "half_even": np.rint,
    "half_up": _away_from_zero_if(lambda rest: rest >= 0.5),
    "half_down": _away_from_zero_if(lambda rest: rest > 0.5),
    "ceil": np.ceil,
    "floor": np.floor,
    "up": _away_from_zero_if(lambda rest: rest > 0),
    "down": np.trunc,
}


def _quantize(x: Array, step: Mapping[str, Any]) -> Array:
    if np.any(np.isnan(x)):
        raise ValueError("not-a-number in the input cannot be quantized")
    if step.get("bipolar"):
        return np.where(x >= 0, 1, -1).astype(np.int64)
    lo, hi = int(step["lo"]), int(step["hi"])
    if max(-lo, hi) >= 1 << 53:
        raise ValueError(f"codes in [{lo}, {hi}] need more than the 53 bits of a float64")
    rounded = ROUNDINGS[step["rounding"]](np.ldexp(x.astype(np.float64), int(step["fraction_bits"])))
    if step["overflow"] == "saturate":
        return np.clip(rounded, lo, hi).astype(np.int64)
    if step["overflow"] != "wrap" or np.any(np.isinf(rounded)):
        raise ValueError(f"overflow '{step['overflow']}' cannot bring {np.max(np.abs(rounded))} into [{lo}, {hi}]")
    span = hi - lo + 1
    return lo + (np.fmod(rounded, span).astype(np.int64) - lo) % span


def _by_channel(x: Array, step: Mapping[str, Any], name: str, of_row: Callable[[Array, Array], Array]) -> Array:
    """`of_row(row, part of x)` for each row of `step[name]` and the part of `x` that it is for."""
    rows = [np.asarray(row) for row in step[name]]
    if len(rows) == 1:
        return of_row(rows[0], x)
    axis = _axis(step["axis"])
    parts = [of_row(row, part) for row, part in zip(rows, np.moveaxis(x, axis, 0), strict=True)]
    return np.stack(parts, axis=axis)


def _threshold(x: Array, step: Mapping[str, Any]) -> Array:
    if np.any(np.isnan(x)):
        raise ValueError("not-a-number in the input reaches no threshold")
    counts = _by_channel(x, step, "thresholds", lambda row, part: np.searchsorted(row, part, side="right"))
    levels = len(step["thresholds"][0])
    shape = (-1, *(1,) * (x.ndim - 1 - _axis(step["axis"]))) if len(step["descending"]) > 1 else ()
    falls = np.asarray(step["descending"], bool).reshape(shape)
    counts = np.where(falls, levels - counts, counts)
    return int(step["base"]) + counts.astype(np.int64) * (2 if step["bipolar"] else 1)


def _table(x: Array, step: Mapping[str, Any]) -> Array:
    codes = np.rint(np.ldexp(x.astype(np.float64), int(step["fraction_bits"]))).astype(np.int64) - int(step["base"])
    return _by_channel(codes, step, "entries", lambda row, part: row[np.clip(part, 0, len(row) - 1)])


def _same_axes(x: Array, y: Array) -> tuple[Array, Array]:
    """Both with as many axes: axes of one element behind the frame axis."""
    rank = max(x.ndim, y.ndim)
    wide = (array.reshape(len(array), *(1,) * (rank - array.ndim), *array.shape[1:]) for array in (x, y))
    return next(wide), next(wide)


def _arithmetic(operation: Callable[[Array, Array], Array]) -> Callable[..., Array]:
    def apply(x: Array, step: Mapping[str, Any], other: Array | None = None) -> Array:
        operand = np.asarray(step["constant"])[np.newaxis] if other is None else other
        return operation(*_same_axes(x.astype(step["dtype"]), operand.astype(step["dtype"])))

    return apply


def _constant(x: Array, step: Mapping[str, Any], name: str) -> Array:
    """A constant of a step as it meets `x`, frame by frame."""
    return _same_axes(x, np.asarray(step[name], step["dtype"])[np.newaxis])[1]


def _clip(x: Array, step: Mapping[str, Any]) -> Array:
    return np.clip(x.astype(step["dtype"]), _constant(x, step, "lo"), _constant(x, step, "hi"))


def _prelu(x: Array, step: Mapping[str, Any]) -> Array:
    x = x.astype(step["dtype"])
    return np.where(x < 0, x * _constant(x, step, "slope"), x)


def _reduction(operation: Callable[..., Array]) -> Callable[..., Array]:
    def apply(x: Array, step: Mapping[str, Any]) -> Array:
        axes = tuple(_axis(axis) for axis in step["axes"])
        return operation(x, axis=axes, keepdims=bool(step.get("keep_dims", False)))

    return apply


def _max_pool(x: Array, step: Mapping[str, Any]) -> Array:
    axes = [_axis(axis) for axis in step["axes"]]
    begins, ends = step["pads"][: len(axes)], step["pads"][len(axes) :]
    widths = [(0, 0)] * x.ndim
    for axis, *width in zip(axes, begins, ends, strict=True):
        widths[axis] = (width[0], width[1])
    x = np.pad(x, widths, constant_values=-np.inf)
    for axis, kernel, stride, dilation in zip(axes, step["kernel"], step["strides"], step["dilations"], strict=True):
        starts = np.arange(0, x.shape[axis] - dilation * (kernel - 1), stride)
        x = np.take(x, starts[:, None] + dilation * np.arange(kernel), axis=axis).max(axis=axis + 1)
    return x


def _softmax(x: Array, step: Mapping[str, Any]) -> Array:
    axis = _axis(step["axis"])
    powers = np.exp(x - np.max(x, axis=axis, keepdims=True))
    return powers / np.sum(powers, axis=axis, keepdims=True)


def _slice(x: Array, step: Mapping[str, Any]) -> Array:
    ends = zip(step["starts"], step["sizes"], step["steps"], strict=True)
    parts = [np.arange(start, start + size * by, by) for start, size, by in ends]
    return x[np.ix_(np.arange(len(x)), *parts)]


def _axis(axis: int) -> int:
    """An axis of a tensor without frames, seen from one with them."""
    return axis + 1 if axis >= 0 else axis


STEPS: dict[str, Callable[..., Array]] = {
    "mul": _arithmetic(np.multiply),
    "add": _arithmetic(np.add),
    "sub": _arithmetic(np.subtract),
    "div": _arithmetic(np.divide),
    "max": _arithmetic(np.maximum),
    "min": _arithmetic(np.minimum),
    "clip": _clip,
    "prelu": _prelu,
    "quantize": _quantize,
    "threshold": _threshold,
    "table": _table,
    "dequantize": lambda x, step: np.ldexp(x.astype(np.float64), -int(step["fraction_bits"])),
    "reshape": lambda x, step: x.reshape(len(x), *step["shape"]),
    "transpose": lambda x, step: np.transpose(x, (0, *(_axis(axis) for axis in step["perm"]))),
    "cast": lambda x, step: x.astype(step["dtype"]),
    "relu": lambda x, step: np.maximum(x, 0),
    "sigmoid": lambda x, step: 1 / (1 + np.exp(-x)),
    "tanh": lambda x, step: np.tanh(x),
    "exp": lambda x, step: np.exp(x),
    "log": lambda x, step: np.log(x),
    "softmax": _softmax,
    "slice": _slice,
    "gather": lambda x, step: np.take(x, step["indices"], axis=_axis(step["axis"])),
    "concat": lambda x, step, *others: np.concatenate([x, *others], axis=_axis(step["axis"])),
    "reduce_max": _reduction(np.max),
    "reduce_sum": _reduction(np.sum),
    "max_pool": _max_pool,
    "arg_max": lambda x, step: np.argmax(x, axis=_axis(step["axis"]), keepdims=bool(step.get("keep_dims", False))),
}
