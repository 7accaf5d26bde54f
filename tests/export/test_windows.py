# SPDX-License-Identifier: Apache-2.0
"""Convolutions and pools whose accumulators float32 does not hold: exact in a file all the same."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from qopt_mlir.qdialect.attrs import DenseAttr
from qopt_mlir.qdialect.q import ConstantOp, ConvOp, ConvTransposeOp, QOp, SumPoolOp
from qopt_mlir.qdialect.q.window import Window
from qopt_mlir.qdialect.types import FixedType, UFixedType
from xdsl.dialects.builtin import ModuleOp, TensorType
from xdsl.dialects.func import FuncOp, ReturnOp
from xdsl.ir import Block, Region, SSAValue

from .engines import ENGINES, exported
from .networks import read_again, reference, run_file

GENERATOR = np.random.default_rng(5)


def constant(codes: NDArray[np.int64], type_: FixedType, block: Block) -> SSAValue:
    op = ConstantOp(DenseAttr(codes, TensorType(type_, codes.shape)))
    block.add_op(op)
    return op.result


def random_codes(shape: tuple[int, ...]) -> NDArray[np.int64]:
    return GENERATOR.integers(-128, 128, shape)


def conv(block: Block) -> QOp:
    """Strides, dilations, two groups, uneven borders."""
    weights = constant(random_codes((6, 2, 3, 2)), FixedType(8, 3), block)
    return ConvOp(block.args[0], weights, [2, 1], [1, 0, 0, 2], [1, 2], 2)


def line(block: Block) -> QOp:
    """One spatial axis: the others are channels."""
    weights = constant(random_codes((3, 28, 5)), FixedType(8, 0), block)
    return ConvOp(block.args[0], weights, [1], [2, 2], [1])


def transpose(block: Block) -> QOp:
    weights = constant(random_codes((4, 3, 3, 2)), FixedType(8, 3), block)
    return ConvTransposeOp(block.args[0], weights, [2, 3], [1, 0, 0, 1], [1, 0], [1, 2], 2)


def cut_transpose(block: Block) -> QOp:
    """Borders that are wider than the kernel leaves."""
    weights = constant(random_codes((4, 2, 2, 2)), FixedType(8, 3), block)
    return ConvTransposeOp(block.args[0], weights, [1, 1], [2, 2, 2, 2], [0, 0], [1, 1])


def pool(block: Block) -> QOp:
    return SumPoolOp(block.args[0], Window((3, 3), (2, 1), (1, 1, 1, 0), (1, 2)))


WINDOWS = {
    "conv": (conv, (1, 4, 7, 6)),
    "line": (line, (1, 28, 9)),
    "transpose": (transpose, (1, 4, 5, 4)),
    "cut transpose": (cut_transpose, (1, 4, 7, 6)),
    "pool": (pool, (1, 4, 7, 6)),
}


def network(name: str, word_length: int) -> ModuleOp:
    build, shape = WINDOWS[name]
    block = Block(arg_types=[TensorType(UFixedType(word_length, 2), shape)])
    op = build(block)
    block.add_ops([op, ReturnOp(op.results[0])])
    types = [block.args[0].type], [op.results[0].type]
    return ModuleOp([FuncOp("main", types, Region(block))])


def frame(name: str, word_length: int) -> NDArray[np.float32]:
    codes = GENERATOR.integers(0, 1 << word_length, WINDOWS[name][1])
    codes[..., -1] = (1 << word_length) - 1
    return np.ldexp(codes.astype(np.float32), -2)


@pytest.mark.parametrize("name", WINDOWS)
@pytest.mark.parametrize("word_length", [4, 23])
def test_sums(name: str, word_length: int) -> None:
    module, x = network(name, word_length), frame(name, word_length)
    expected = reference(module, x)
    if (name, word_length) != ("transpose", 4):  # onnx's own reference cannot do groups of a ConvTranspose
        np.testing.assert_array_equal(run_file(exported(module, ""), x), expected)
    np.testing.assert_array_equal(reference(read_again(module, "style=qonnx"), x), expected)


@pytest.mark.parametrize("style", ENGINES)
@pytest.mark.parametrize("name", WINDOWS)
@pytest.mark.parametrize("word_length", [4, 23])
def test_sums_of_engines(name: str, style: str, word_length: int) -> None:
    module, x = network(name, word_length), frame(name, word_length)
    actual = ENGINES[style](exported(module, f"style={style}"), {"input0": x})[0]
    np.testing.assert_array_equal(actual, reference(module, x))
