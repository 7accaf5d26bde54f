# SPDX-License-Identifier: Apache-2.0
"""Every op of the q dialect, as the textual tests show it, computes the same as an ONNX file."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from qopt_mlir.backends.onnx import ops as ops  # fills the registry
from qopt_mlir.backends.onnx.registry import exporter_of
from qopt_mlir.qdialect.attrs import DenseAttr
from qopt_mlir.qdialect.float_formats import decode
from qopt_mlir.qdialect.formats import BipolarFormat, FloatFormat
from qopt_mlir.qdialect.q import BatchNormOp, ConstantOp, MulOp, Q, QOp
from qopt_mlir.qdialect.reference import compile_function
from qopt_mlir.qdialect.text import new_context, parse_module
from qopt_mlir.qdialect.types import FixedType, RealType, element_type, format_of, is_f32, shape_of, tensor_type
from xdsl.dialects.builtin import ModuleOp, TensorType
from xdsl.dialects.func import FuncOp, ReturnOp
from xdsl.ir import Block, Region, SSAValue

from .engines import ENGINES, exported, run_onnx_reference

FILES = sorted((Path(__file__).parents[2] / "lit_tests" / "qdialect" / "q").glob("*.mlir"))
ABSTRACT_NUMBER = FixedType(8, 4)  # what stands in for an argument of !q.real
FRAMES = 4


def functions() -> Iterator[tuple[str, str]]:
    """Name and text of the module of each function in the textual tests of the dialect."""
    for file in FILES:
        if not file.stem.endswith("-invalid"):
            for index, part in enumerate(file.read_text().split("// -----")):
                yield f"{file.stem}-{index}", part


CASES = dict(functions())


def whole_module(text: str) -> ModuleOp | None:
    """The first function of a text as @main, every result of it an output; None if it has no op to export."""
    module = parse_module(text, "case", new_context())
    function = next(op for op in module.ops if isinstance(op, FuncOp))
    old = function.body.block
    computed = [op for op in old.ops if isinstance(op, QOp) and not isinstance(op, ConstantOp)]
    if not computed:
        return None
    block = Block(arg_types=[argument_type(argument) for argument in old.args])
    values: dict[SSAValue, SSAValue] = {}
    for argument, new in zip(old.args, block.args, strict=True):
        values[argument] = as_real(new, block) if argument.type != new.type else new
        if any(isinstance(use.operation, BatchNormOp) and use.index for use in argument.uses):
            values[argument] = positive_constant(argument, block)
    for op in old.ops:
        if isinstance(op, QOp):
            block.add_op(op.clone(value_mapper=values))
    results = [values[result] for op in computed for result in op.results]
    block.add_op(ReturnOp(*results))
    types = [argument.type for argument in block.args], [result.type for result in results]
    return ModuleOp([FuncOp("main", types, Region(block))])


def argument_type(argument: SSAValue) -> Any:
    is_real = isinstance(element_type(argument), RealType)
    return TensorType(ABSTRACT_NUMBER, shape_of(argument)) if is_real else argument.type


def as_real(value: SSAValue, block: Block) -> SSAValue:
    one = ConstantOp(DenseAttr(np.asarray(Fraction(1), object), TensorType(RealType(), [])))
    product = MulOp(value, one.result)
    block.add_ops([one, product])
    return product.result


def positive_constant(value: SSAValue, block: Block) -> SSAValue:
    """A parameter of a normalisation, which the reference wants constant."""
    numbers = np.linspace(0.5, 2, prod(shape_of(value)), dtype=np.float32).reshape(shape_of(value))
    constant = ConstantOp(DenseAttr(numbers, tensor_type(value)))
    block.add_op(constant)
    return constant.result


def random_numbers(argument: SSAValue, small: bool, generator: np.random.Generator) -> NDArray[np.float32]:
    """Numbers of an argument's type; `small`: one 1 and else 0, on which no proof of a range is wrong."""
    shape, type_ = (FRAMES, *shape_of(argument)), element_type(argument)
    if is_f32(type_):
        return generator.normal(0, 2, shape).astype(np.float32)
    format_ = format_of(type_)
    if isinstance(format_, FloatFormat):
        return decode(generator.integers(0, format_.max_code + 1, shape), format_).astype(np.float32)
    range_ = format_.code_range
    codes = generator.integers(range_.lo, range_.hi + 1, shape)
    if small:
        codes = (np.arange(codes.size).reshape(shape) % codes[0].size == 0).astype(np.int64)
    if isinstance(format_, BipolarFormat):
        codes[codes == 0] = 1
    return np.ldexp(codes.astype(np.float32), -format_.fraction_bits)


def assert_same(actual: NDArray[Any], expected: NDArray[Any], value: SSAValue) -> None:
    """Exact types agree in every bit; float32 and real numbers but for their last bits."""
    type_ = element_type(value)
    tolerance = 3e-6 if is_f32(type_) else 1e-13 if isinstance(type_, RealType) else 0
    np.testing.assert_allclose(actual, expected, rtol=tolerance, atol=tolerance, equal_nan=True)


@pytest.mark.parametrize("style", ["onnx", *ENGINES])
@pytest.mark.parametrize("case", CASES)
def test_results(case: str, style: str) -> None:
    module = whole_module(CASES[case])
    if module is None:
        return
    options = f"style={'qcdq' if style == 'onnx' else style} real=float64"
    model = exported(module, options)
    run = run_onnx_reference if style == "onnx" else ENGINES[style]
    main = next(op for op in module.ops if isinstance(op, FuncOp))
    generator = np.random.default_rng(len(case))
    inputs = [random_numbers(argument, "range <" in CASES[case], generator) for argument in main.args]
    with np.errstate(all="ignore"):
        expected = compile_function(module).run(dict(enumerate(inputs)))
    returned = main.body.block.last_op
    assert returned is not None
    for frame in range(FRAMES):
        given = {info.name: np.asarray(array[frame]) for info, array in zip(model.graph.input, inputs, strict=True)}
        for actual, wanted, value in zip(run(model, given), expected, returned.operands, strict=True):
            assert_same(actual, wanted[frame] if len(wanted) > 1 else wanted[0], value)


def test_every_op_has_an_exporter() -> None:
    missing = [op.name for op in Q.operations if op is not ConstantOp and exporter_of(op) is None]
    assert not missing


def test_every_op_is_shown() -> None:
    shown = {op.name for text in CASES.values() for op in parse_module(text, "case", new_context()).walk()}
    assert {op.name for op in Q.operations} <= shown
