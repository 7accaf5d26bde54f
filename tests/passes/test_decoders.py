# SPDX-License-Identifier: Apache-2.0
"""Networks that make an image of a vector: reshapes and transpositions leave no trace in front of the first layer."""

from __future__ import annotations

import random
from collections.abc import Callable
from fractions import Fraction

import numpy as np
import pytest
from qopt_mlir.qdialect.attrs import DenseAttr
from qopt_mlir.qdialect.formats import IntRange
from qopt_mlir.qdialect.q import (
    AddOp,
    ConstantOp,
    ConvOp,
    ConvTransposeOp,
    MatMulOp,
    MulOp,
    QuantizeOp,
    ReluOp,
    ReshapeOp,
    TransposeOp,
)
from qopt_mlir.qdialect.q.base import tensor
from qopt_mlir.qdialect.text import verify_module
from qopt_mlir.qdialect.types import FixedType, RealType, UFixedType, fixed_type
from xdsl.dialects.builtin import ModuleOp
from xdsl.dialects.func import FuncOp, ReturnOp
from xdsl.ir import Block, Region, SSAValue

HARDWARE = "q-infer-ranges,q-lower-quantizers,q-infer-ranges,q-lower-conv-transpose,q-make-channels-last"


def decoder(seed: int) -> ModuleOp:
    """A matrix, an image of its result with scales and offsets of channels or elements, two layers."""
    rnd, numbers = random.Random(seed), np.random.default_rng(seed)
    block = Block(arg_types=[tensor(FixedType(4), (1, 3))])
    shape = (1, rnd.choice([2, 4]), *(rnd.randint(1, 3) for _ in range(rnd.choice([1, 2]))))
    rank = len(shape) - 2

    def integers(*sizes: int) -> SSAValue:
        return constant(numbers.integers(-4, 4, sizes), fixed_type(IntRange(-4, 3)))

    def constant(array: np.ndarray, type_: RealType | FixedType | UFixedType) -> SSAValue:
        op = ConstantOp(DenseAttr(array, tensor(type_, array.shape)))
        block.add_op(op)
        return op.result

    def reals(positive: bool) -> SSAValue:
        sizes = rnd.choice([shape[1:], (shape[1], *(1,) * rank), ()])
        array = np.empty(sizes, object)
        array[...] = Fraction(1)
        flat = [Fraction(rnd.randint(1 if positive else -9, 9), rnd.choice([4, 7, 8])) for _ in range(array.size)]
        array.reshape(-1)[:] = flat
        return constant(array, RealType())

    def add(op: MatMulOp | ReshapeOp | MulOp | AddOp | ReluOp | QuantizeOp | ConvOp | ConvTransposeOp) -> SSAValue:
        block.add_op(op)
        return op.result

    x = add(MatMulOp(block.args[0], integers(3, int(np.prod(shape)))))
    x = add(ReshapeOp(x, shape))
    x = add(AddOp(add(MulOp(x, reals(True))), reals(False)))
    if rnd.random() < 0.5:
        x = add(ReluOp(x))
    x = add(QuantizeOp(x, rnd.choice([FixedType(3), UFixedType(2)])))
    twos, zeros, ones = (2,) * rank, (0,) * rank, (1,) * rank
    x = add(ConvTransposeOp(x, integers(shape[1], 2, *twos), twos, zeros * 2, zeros, ones))
    x = add(QuantizeOp(x, FixedType(4)))
    x = add(ConvOp(x, integers(2, 2, *ones), ones, zeros * 2, ones))
    block.add_op(ReturnOp(x))
    module = ModuleOp([FuncOp("main", ([block.args[0].type], [x.type]), Region(block))])
    verify_module(module)
    return module


@pytest.mark.parametrize("seed", range(16))
def test_image_is_made_in_its_order(seed: int, exact_pass: Callable[[ModuleOp, str], ModuleOp]) -> None:
    module = exact_pass(decoder(seed), "q-move-reshapes")
    module = exact_pass(module, f"{HARDWARE},q-absorb-transposes")
    (main,) = (op for op in module.ops if isinstance(op, FuncOp))
    ops = list(main.body.block.ops)
    transposed = [index for index, op in enumerate(ops) if isinstance(op, TransposeOp)]
    layers = [index for index, op in enumerate(ops) if isinstance(op, ConvOp)]
    assert all(index > max(layers) for index in transposed)
    assert not [op for op in ops if isinstance(op, MulOp) and isinstance(op.result.type.element_type, RealType)]
