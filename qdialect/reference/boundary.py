# SPDX-License-Identifier: Apache-2.0
"""Where a run meets the outside: a function's inputs and outputs as plain numpy arrays."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from math import prod
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from xdsl.dialects.func import FuncOp
from xdsl.ir import Attribute

from ..dataflow.types import StreamType
from ..errors import QoptError
from ..float_formats import decode, encode_float, fits_float64
from ..formats import BipolarFormat, FloatFormat, IntegerFormat, IntRange, Overflow, Rounding
from ..rounding import as_integers, as_objects, in_quanta
from ..types import FloatType, RealType, SharedType, integer_format, is_f32, is_integer_type, tensor_type
from .values import FLOAT32, INT64, OBJECT, Array, ExactReal, Numbers, as_codes, carrier, cast, holds_nan


@dataclass(frozen=True)
class Boundary:
    """An input or output of a function."""

    name: str
    numbers: Numbers

    def frames(self, given: ArrayLike, as_codes: bool) -> Array:
        """The stored numbers [N, *shape] for a user's array of values (or codes); QoptError if it does not fit."""
        array = self._with_frames(np.asarray(given))
        element_type = self.numbers.element_type
        if is_f32(element_type):
            if array.dtype == FLOAT32:
                return array
            with np.errstate(over="ignore"):  # beyond float32 is infinite, as in any float32 engine
                return array.astype(np.float32)
        if is_integer_type(element_type):
            return self._integer_codes(array, integer_format(element_type), as_codes)
        assert isinstance(element_type, FloatType), element_type
        return self._float_codes(array, element_type.format, as_codes)

    def check(self, frames: Array) -> None:
        """QoptError if a float32 input holds NaN."""
        if frames.dtype == FLOAT32 and holds_nan(frames):
            first = np.argwhere(np.isnan(frames))[0].tolist()
            raise QoptError(f"input '{self.name}' is NaN at {first[1:]}", mend="give numbers only")

    def values(self, stored: Array) -> Array:
        """Stored numbers as values: float32, int64 for integers, else float64."""
        element_type = self.numbers.element_type
        if is_f32(element_type):
            return stored
        if isinstance(element_type, FloatType):
            if fits_float64(element_type.format):
                return decode(stored, element_type.format)
            raise QoptError(f"output '{self.name}' of type {element_type} exceeds float64", mend="ask for its codes")
        scale, _ = self.numbers.exact
        if is_integer_type(element_type) and scale == 1:
            return as_codes(stored)
        return ExactReal(stored, scale).to_float64()

    def codes(self, stored: Array) -> Array | ExactReal:
        """Stored numbers for comparison bit by bit: codes, float32 values, or exact reals; always a copy."""
        if isinstance(self.numbers.element_type, RealType):
            return ExactReal(as_codes(stored), self.numbers.exact[0])
        return stored.copy() if self.numbers.scale is None else as_codes(stored)

    def _with_frames(self, array: Array) -> Array:
        shape = self.numbers.shape
        if array.dtype.kind not in "biuf" and array.dtype != OBJECT:
            raise QoptError(f"input '{self.name}' holds {array.dtype}", mend="give an array of numbers")
        if array.shape[1:] == shape and array.ndim == len(shape) + 1:
            return array
        if array.shape == shape or (shape[:1] == (1,) and array.ndim == len(shape) and array.shape[1:] == shape[1:]):
            return array.reshape(-1, *shape) if prod(shape) else array.reshape(1, *shape)
        wanted = f"[N, {', '.join(map(str, shape))}]" if shape else "[N]"
        raise QoptError(
            f"input '{self.name}' has shape {list(array.shape)}, one frame is {list(shape)}",
            mend=f"give {wanted} for N frames, or {list(shape)} for one",
        )

    def _integer_codes(self, array: Array, format_: IntegerFormat, given_codes: bool) -> Array:
        codes = array if given_codes else _in_quanta(array, format_.fraction_bits)
        range_ = format_.code_range
        if (
            codes is None
            or not _are_integers(codes, range_)
            or (isinstance(format_, BipolarFormat) and bool((codes == 0).any()))
        ):
            what = "codes" if given_codes else "values"
            held = "-1 and 1" if isinstance(format_, BipolarFormat) else f"{range_.lo} to {range_.hi}"
            raise QoptError(
                f"input '{self.name}' holds {what} that {self.numbers.element_type} cannot hold",
                mend=f"its codes are {held}, its quantum is 2^{-format_.fraction_bits}",
            )
        if codes.dtype.kind == "f" and self.numbers.dtype.kind == "f":
            return np.add(codes, 0, dtype=self.numbers.dtype, casting="unsafe")  # turns -0.0 to 0.0
        return cast(as_integers(codes), self.numbers.dtype)

    def _float_codes(self, array: Array, format_: FloatFormat, given_codes: bool) -> Array:
        if given_codes:
            return cast(as_integers(array), self.numbers.dtype)
        codes = encode_float(array.astype(np.float64), format_, Rounding.HALF_EVEN, Overflow.SATURATE)
        if not fits_float64(format_) or not np.array_equal(decode(codes, format_), array):
            raise QoptError(
                f"input '{self.name}' holds values that {self.numbers.element_type} cannot hold",
                mend="round them to the format first, or give codes",
            )
        return cast(codes, self.numbers.dtype)


def _are_integers(numbers: Array, range_: IntRange) -> bool:
    """Whether all numbers are integers within the range."""
    if not numbers.size:
        return True
    low, high = np.minimum.reduce(numbers, axis=None), np.maximum.reduce(numbers, axis=None)
    if numbers.dtype.kind == "f":
        low, high = float(low), float(high)  # Python compares floats with integers exactly
    if not range_.lo <= low <= high <= range_.hi:  # false for NaN
        return False
    return numbers.dtype.kind != "f" or bool(np.logical_and.reduce(numbers == np.rint(numbers), axis=None))


def _in_quanta(array: Array, fraction_bits: int) -> Array | None:
    """Values as multiples of 2^-fraction_bits, or None if an integer is none."""
    if fraction_bits == 0:
        return array
    if array.dtype == FLOAT32 and 0 < fraction_bits < 100:
        return in_quanta(array, fraction_bits)  # no number gets too small
    if array.dtype.kind == "f":
        return np.ldexp(array.astype(np.float64), fraction_bits)
    integers = as_objects(array)
    if fraction_bits > 0:
        return as_integers(integers << fraction_bits)
    return None if (integers & ((1 << -fraction_bits) - 1)).any() else as_integers(integers >> -fraction_bits)


def argument_boundaries(function: FuncOp) -> list[Boundary]:
    """The inputs of a function."""
    types = function.function_type.inputs.data
    return [
        Boundary(_name(function.arg_attrs, index, "input"), _argument_numbers(type_, function, index))
        for index, type_ in enumerate(types)
    ]


def argument_names(function: FuncOp) -> list[str]:
    """The names of a function's inputs."""
    return [_name(function.arg_attrs, index, "input") for index in range(len(function.function_type.inputs.data))]


def result_names(function: FuncOp) -> list[str]:
    """The names of a function's outputs."""
    return [_name(function.res_attrs, index, "output") for index in range(len(function.function_type.outputs.data))]


def _name(attributes: Any, index: int, default: str) -> str:
    """The `q.name` of an argument or result, else `input0`, `output0`, ..."""
    given = attributes.data[index].data.get("q.name") if attributes is not None else None
    return given.data if given is not None else f"{default}{index}"


def _argument_numbers(type_: Attribute, function: FuncOp, index: int) -> Numbers:
    if isinstance(type_, StreamType):
        element_type, shape = type_.element_type, (type_.beats, type_.lanes)
    else:
        element_type, shape = tensor_type(type_).element_type, tensor_type(type_).get_shape()
    if is_f32(element_type):
        return Numbers(element_type, shape, FLOAT32)
    if is_integer_type(element_type) and not isinstance(element_type, SharedType):
        format_ = integer_format(element_type)
        range_ = format_.code_range
        return Numbers(element_type, shape, carrier(range_), Fraction(2) ** -format_.fraction_bits, range_)
    if isinstance(element_type, FloatType):
        return Numbers(element_type, shape, INT64 if element_type.format.word_length < 64 else OBJECT)
    raise QoptError(
        f"argument {index} of @{function.sym_name.data} is {element_type}, which has no form outside the IR",
        mend="run the function that calls it",
    )
