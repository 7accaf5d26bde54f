# SPDX-License-Identifier: Apache-2.0
"""Arrays of a user as what @main takes: float32 numbers, or codes where an input has a format of its own."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
from numpy.typing import ArrayLike
from xdsl.dialects.builtin import StringAttr
from xdsl.dialects.func import FuncOp

from ..attrs import Array
from ..errors import QoptError
from ..formats import BipolarFormat, IntegerFormat
from ..rounding import as_integers
from ..types import element_type, integer_format, is_integer_type, shape_of
from .boundary import argument_names


def input_codes(main: FuncOp, inputs: dict[str, Array]) -> list[Array]:
    """One array (frames, *shape) for each input of @main.

    An input with an integer type takes codes (an array of integers), or numbers (an array of floats), which are
    divided by the input's scale, rounded to the nearest code (ties to even) and saturated, as a host would.

    Args:
        inputs: arrays by input name; the name '' stands for the only input.
    """
    names = argument_names(main)
    if len(inputs) == len(names) == 1:
        inputs = {names[0]: next(iter(inputs.values()))}
    unknown = sorted(set(inputs) - set(names))
    missing = [name for name in names if name not in inputs]
    if unknown or missing:
        given = ", ".join(f"'{name}'" for name in inputs)
        raise QoptError(
            f"the model's inputs are {', '.join(names)}; the arrays given are {given}",
            mend="save the arrays with numpy.savez under the names of the inputs",
        )
    return [_input_codes(main, index, name, np.asarray(inputs[name])) for index, name in enumerate(names)]


def _input_codes(main: FuncOp, index: int, name: str, array: Array) -> Array:
    shape, type_ = shape_of(main.args[index]), element_type(main.args[index])
    frames = _with_frames(name, array, shape)
    if not is_integer_type(type_):
        return frames
    format_ = integer_format(type_)
    if frames.dtype.kind in "iub":
        codes = as_integers(frames) if frames.dtype == np.uint64 else frames.astype(np.int64)
    else:
        codes = _nearest_codes(frames, format_, *input_scale(main, index))
    low, high = format_.code_range.lo, format_.code_range.hi
    wrong = np.asarray((codes < low) | (codes > high), dtype=bool)
    if isinstance(format_, BipolarFormat):
        wrong |= codes == 0
    if wrong.any():
        first = codes[wrong].reshape(-1)[0]
        held = "-1 and 1" if isinstance(format_, BipolarFormat) else f"{low} to {high}"
        raise QoptError(f"input '{name}' holds {first}, which is no code of {type_}", mend=f"its codes are {held}")
    return codes


def _with_frames(name: str, array: Array, shape: tuple[int, ...]) -> Array:
    if array.dtype.kind not in "biuf":
        raise QoptError(f"input '{name}' holds {array.dtype}", mend="give an array of numbers")
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        raise QoptError(f"input '{name}' holds NaN or infinity", mend="give finite numbers")
    if array.ndim == len(shape) + 1 and array.shape[1:] == shape:
        return array
    if array.shape == shape or (shape[:1] == (1,) and array.ndim == len(shape) and array.shape[1:] == shape[1:]):
        return array.reshape(-1, *shape)
    if shape[:1] == (1,) and array.ndim >= 1 and array.size and array[0].size == np.prod(shape, dtype=int):
        return array.reshape(-1, *shape)  # images as (frames, 28, 28) to an input of [1, 1, 28, 28]
    raise QoptError(
        f"input '{name}' has the shape {list(array.shape)}, one frame is {list(shape)}",
        mend=f"give an array of shape [N, {', '.join(map(str, shape))}] for N frames",
    )


def _nearest_codes(numbers: Array, format_: IntegerFormat, scale: Fraction, offset: Fraction) -> Array:
    values = (numbers.astype(np.float64) - float(offset)) / float(scale)
    if isinstance(format_, BipolarFormat):
        return np.where(values >= 0, 1, -1)
    codes = np.rint(np.ldexp(values, format_.fraction_bits))
    return np.clip(codes, format_.code_range.lo, format_.code_range.hi).astype(np.int64)


def input_scale(main: FuncOp, index: int) -> tuple[Fraction, Fraction]:
    """Scale and offset that turn the values of an input's codes into the numbers that they stand for."""
    return _number(main, index, "q.scale", 1), _number(main, index, "q.offset", 0)


def _number(main: FuncOp, index: int, key: str, default: int) -> Fraction:
    attributes = main.arg_attrs
    text = None if attributes is None else attributes.data[index].data.get(key)
    return Fraction(text.data) if isinstance(text, StringAttr) else Fraction(default)


def code_values(main: FuncOp, codes: list[Array]) -> dict[str | int, ArrayLike]:
    """Codes of @main's inputs as the values that they stand for, by index."""
    values: dict[str | int, ArrayLike] = {}
    for index, array in enumerate(codes):
        type_ = element_type(main.args[index])
        fraction_bits = integer_format(type_).fraction_bits if is_integer_type(type_) else 0
        values[index] = np.ldexp(array.astype(np.float64), -fraction_bits) if fraction_bits else array
    return values
