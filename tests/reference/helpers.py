# SPDX-License-Identifier: Apache-2.0
"""Small functions around one op, and their values as Fractions."""

from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any

import numpy as np
from qopt_mlir.qdialect.attrs import DenseAttr
from qopt_mlir.qdialect.dataflow.types import StreamType
from qopt_mlir.qdialect.float_formats import value_of
from qopt_mlir.qdialect.formats import BipolarFormat, FixedFormat, FloatFormat
from qopt_mlir.qdialect.q import ConstantOp
from qopt_mlir.qdialect.reference import ExactReal, Plan, compile_function
from qopt_mlir.qdialect.types import RealType, format_of, is_f32
from xdsl.builder import ImplicitBuilder
from xdsl.dialects.builtin import ModuleOp, TensorType
from xdsl.dialects.func import FuncOp, ReturnOp
from xdsl.ir import Attribute, SSAValue


def function(types: Sequence[Attribute], build: Callable[..., Sequence[SSAValue]], name: str = "main") -> FuncOp:
    """A function of arguments of `types` (tensors or streams) that returns what `build(*arguments)` does."""
    func = FuncOp(name, (list(types), []))
    with ImplicitBuilder(func.body) as arguments:
        results = build(*arguments)
        ReturnOp(*results)
    func.update_function_type()
    return func


def compiled(types: Sequence[Attribute], build: Callable[..., Sequence[SSAValue]]) -> Plan:
    module = ModuleOp([function(types, build)])
    module.verify()
    return compile_function(module)


def constant(array: Any, element_type: Attribute) -> SSAValue:
    array = np.asarray(array)
    return ConstantOp(DenseAttr(array, TensorType(element_type, array.shape))).result


def real_constant(fractions: Any) -> SSAValue:
    array = np.array(fractions, dtype=object)
    return constant(array, RealType())


def values(codes: Any, element_type: Attribute) -> np.ndarray:
    """What codes (or an ExactReal) stand for, as an object array of Fractions."""
    if isinstance(codes, ExactReal):
        return codes.to_fractions()
    flat = np.asarray(codes).reshape(-1).tolist()
    result = np.empty(len(flat), dtype=object)
    if is_f32(element_type) or isinstance(element_type, RealType):
        result[:] = [Fraction(number) for number in flat]
    else:
        format_ = format_of(element_type)
        if isinstance(format_, FloatFormat):
            result[:] = [value_of(int(code), format_) for code in flat]
        else:
            result[:] = [int(code) * Fraction(2) ** -format_.fraction_bits for code in flat]
    return result.reshape(np.shape(codes))


def random_codes(rng: np.random.Generator, element_type: Attribute, shape: Sequence[int]) -> np.ndarray:
    """Random codes of a type, its extreme codes often among them."""
    format_ = format_of(element_type)
    count = int(np.prod(shape))
    if isinstance(format_, BipolarFormat):
        flat = [int(sign) for sign in rng.choice([-1, 1], count)]
    else:
        if isinstance(format_, FixedFormat):
            low, high = format_.code_range.lo, format_.code_range.hi
        else:
            low, high = 0, format_.max_code
        flat = [_random_between(rng, low, high) for _ in range(count)]
    wide = any(abs(code) >= 1 << 63 for code in flat)
    return np.array(flat, dtype=object if wide else np.int64).reshape(tuple(shape))


def _random_between(rng: np.random.Generator, low: int, high: int) -> int:
    match rng.integers(0, 8):
        case 0:
            return low
        case 1:
            return high
        case _:
            return low + int.from_bytes(rng.bytes((high - low).bit_length() // 8 + 8), "little") % (high - low + 1)


def element_types(*types: Attribute) -> list[Attribute]:
    """Element types of tensors and streams."""
    return [type_.element_type for type_ in types if isinstance(type_, TensorType | StreamType)]
