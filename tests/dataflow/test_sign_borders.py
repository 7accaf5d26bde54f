# SPDX-License-Identifier: Apache-2.0
"""Zero-padded convolutions of signs stay on one bit, and compute what padding by zero computes."""

from __future__ import annotations

import random
import sys
from pathlib import Path

import numpy as np
import pytest
from qopt_mlir.passes.check_ranges import check_ranges
from qopt_mlir.passes.range_analysis import analyse
from qopt_mlir.qdialect.attrs import DenseAttr
from qopt_mlir.qdialect.cost import total_cost
from qopt_mlir.qdialect.dataflow import MatrixVectorOp, SlidingWindowOp, hardware_function, unit_graph
from qopt_mlir.qdialect.q import AddOp, ConstantOp, ConvOp, QuantizeOp
from qopt_mlir.qdialect.q.base import tensor
from qopt_mlir.qdialect.reference import compile_function
from qopt_mlir.qdialect.text import module_text, parse_module
from qopt_mlir.qdialect.types import BipolarType, FixedType, shape_of
from xdsl.dialects.builtin import ModuleOp
from xdsl.dialects.func import FuncOp, ReturnOp
from xdsl.ir import Attribute, Block, Operation, Region, SSAValue

sys.path.insert(0, str(Path(__file__).parent))
from hardware_check import check_hardware
from networks import fold_at_random, random_codes, run_passes

TO_HARDWARE = "q-infer-ranges,q-lower-quantizers,q-make-channels-last,q-partition,q-convert-to-dataflow"
FINISH = "q-insert-width-converters,q-insert-fifos"


def network(seed: int) -> ModuleOp:
    """Two convolutions of signs, each with a border of zeros; the second one's sums go out."""
    rnd, rng = random.Random(seed), np.random.default_rng(seed)
    rank = rnd.choice([1, 2, 2])
    block = Block(arg_types=[tensor(BipolarType(), (1, rnd.randint(1, 3), *(rnd.randint(3, 5) for _ in range(rank))))])

    def add(op: Operation) -> SSAValue:
        block.add_op(op)
        return op.results[0]

    def constant(type_: Attribute, shape: tuple[int, ...]) -> SSAValue:
        return add(ConstantOp(DenseAttr(random_codes(rng, type_, shape), tensor(type_, shape))))

    x: SSAValue = block.args[0]
    for layer in range(2):
        kernel = tuple(rnd.choice([2, 3]) for _ in range(rank))
        pads = tuple(rnd.choice([1, 1, 2]) for _ in range(2 * rank))
        strides, dilations = (tuple(rnd.choice([1, 1, 2]) for _ in range(rank)) for _ in range(2))
        channels = rnd.choice([2, 3])
        weights = constant(rnd.choice([BipolarType(), FixedType(3)]), (channels, shape_of(x)[1], *kernel))
        x = add(ConvOp(x, weights, strides, pads, dilations))
        if rnd.random() < 0.5:
            x = add(AddOp(x, constant(FixedType(4), (1, channels, *(1,) * rank))))
        if layer == 0 or rnd.random() < 0.5:
            x = add(QuantizeOp(x, BipolarType()))
    block.add_op(ReturnOp(x))
    return ModuleOp([FuncOp("main", ([block.args[0].type], [x.type]), Region(block))])


@pytest.mark.parametrize("seed", range(24))
def test_as_padding_by_zero(seed: int) -> None:
    module = network(seed)
    (main,) = (op for op in module.ops if isinstance(op, FuncOp))
    x = random_codes(np.random.default_rng(seed), BipolarType(), (5, *shape_of(main.args[0])))
    expected = np.asarray(compile_function(module).run_codes({0: x})[0])
    module = run_passes(module, TO_HARDWARE)
    units = unit_graph(hardware_function(module))
    windows = [unit for unit in units if isinstance(unit, SlidingWindowOp)]
    assert [unit.input_type.format.word_length for unit in windows] == [1, 1]
    fold_at_random(module, random.Random(seed))
    module = run_passes(module, FINISH)
    assert module_text(parse_module(module_text(module), "text")) == module_text(module)
    assert np.array_equal(np.asarray(compile_function(module).run_codes({0: x})[0]), expected)
    check_ranges(module)
    (returned,) = hardware_function(module).body.block.last_op.operands  # pyright: ignore[reportOptionalMemberAccess]
    proven = analyse(module)[returned]
    sent, made = (np.moveaxis(images, 2, -1) for images in (x, expected))  # channels last
    assert ((proven.lo <= made.reshape(5, -1)) & (made.reshape(5, -1) <= proven.hi)).all()
    if seed < 4:
        check_hardware(module, sent[:3], made[:3])


def test_a_network_of_signs_takes_fewer_tables_than_with_two_bits() -> None:
    """Measured against the same network with zeros as codes of two bits."""
    rng, area = np.random.default_rng(0), list[int]()
    codes = random_codes(rng, BipolarType(), (32, 32, 3, 3))
    for type_ in (BipolarType(), FixedType(2)):
        block = Block(arg_types=[tensor(type_, (1, 32, 8, 8))])
        weights = ConstantOp(DenseAttr(codes, tensor(BipolarType(), codes.shape)))
        conv = ConvOp(block.args[0], weights.result, (1, 1), (1, 1, 1, 1), (1, 1))
        out = QuantizeOp(conv.result, BipolarType())
        block.add_ops([weights, conv, out, ReturnOp(out.result)])
        module = ModuleOp([FuncOp("main", ([block.args[0].type], [out.result.type]), Region(block))])
        module = run_passes(module, f"{TO_HARDWARE},q-set-folding{{cycles=576}},{FINISH}")
        units = unit_graph(hardware_function(module))
        area.append(total_cost(units).lut)
        assert any(isinstance(unit, MatrixVectorOp) and unit.bias_runs == ((1, 6, 1),) * 2 for unit in units) == (
            len(area) == 1
        )
    assert area[0] < 0.65 * area[1]
