# SPDX-License-Identifier: Apache-2.0
"""Run a few ops through the reference, as a module of their own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from xdsl.dialects.builtin import ModuleOp, f32
from xdsl.dialects.func import FuncOp, ReturnOp
from xdsl.ir import Block, Operation, Region, SSAValue

from ..qdialect.attrs import Array, DenseAttr
from ..qdialect.q.base import tensor
from ..qdialect.reference import compile_function
from ..qdialect.types import shape_of, tensor_type


def evaluate(op: Operation) -> list[DenseAttr]:
    """The results of an op whose operands are all `q.constant`."""
    block = Block(arg_types=[tensor(f32, [1])])  # not used: its one frame makes one frame of results
    mapping: dict[SSAValue, SSAValue] = {}
    for operand in op.operands:
        if operand not in mapping:
            assert isinstance(operand.owner, Operation)
            block.add_op(operand.owner.clone(mapping))
    clone = op.clone(mapping)
    block.add_op(clone)
    codes = run_block(block, clone.results, np.zeros((1, 1), np.float32))
    return [DenseAttr(array[0], tensor_type(result)) for array, result in zip(codes, op.results, strict=True)]


def computed(value: SSAValue) -> Array:
    """Codes of a value that no input reaches."""
    needed, work = set[Operation](), [value]
    while work:
        owner = work.pop().owner
        if isinstance(owner, Operation) and owner not in needed:
            needed.add(owner)
            work += owner.operands
    block, mapping = Block(arg_types=[tensor(f32, [1])]), dict[SSAValue, SSAValue]()
    assert isinstance(value.owner, Operation)
    assert value.owner.parent is not None
    block.add_ops([op.clone(mapping) for op in value.owner.parent.ops if op in needed])
    (codes,) = run_block(block, [mapping[value]], np.zeros((1, 1), np.float32))
    return codes.reshape(shape_of(value))


def run_block(block: Block, results: Sequence[SSAValue], frames: Array) -> list[Array]:
    """Codes of `results` for frames of the block's one argument; the block is used up."""
    block.add_op(ReturnOp(*results))
    types = ([argument.type for argument in block.args], [result.type for result in results])
    module = ModuleOp([FuncOp("main", types, Region(block))])
    outputs: list[Any] = compile_function(module, "main").run_codes({0: frames})
    return [output.to_fractions() if hasattr(output, "to_fractions") else output for output in outputs]
