# SPDX-License-Identifier: Apache-2.0
"""Networks of transposed and dilated convolutions as hardware: every bit, with pauses, in the cycles foretold."""

from __future__ import annotations

import random
import sys
from pathlib import Path

import numpy as np
import pytest
from qopt_mlir.qdialect.attrs import DenseAttr
from qopt_mlir.qdialect.dataflow import DepthToSpaceOp, InterleaveOp, hardware_function, unit_graph
from qopt_mlir.qdialect.formats import IntRange
from qopt_mlir.qdialect.q import ConstantOp, ConvOp, ConvTransposeOp, QuantizeOp
from qopt_mlir.qdialect.q.base import tensor
from qopt_mlir.qdialect.reference import compile_function
from qopt_mlir.qdialect.types import FixedType, fixed_type, shape_of
from xdsl.dialects.builtin import ModuleOp
from xdsl.dialects.func import FuncOp, ReturnOp
from xdsl.ir import Block, Region, SSAValue

sys.path.insert(0, str(Path(__file__).parent))
from hardware_check import check_hardware, check_verilog
from networks import fold_at_random, run_passes

TO_HARDWARE = "q-infer-ranges,q-lower-quantizers,q-lower-conv-transpose,q-make-channels-last,q-partition,"
QUICK, SLOW = (2, 6), (5, 9, 10)
FINISH = "q-insert-width-converters,q-insert-fifos"


def network(seed: int) -> ModuleOp:
    """From an image of one channel to one of one channel: two transposed convolutions and a dilated one."""
    rnd, numbers = random.Random(seed), np.random.default_rng(seed)
    shape = (1, 1, *(rnd.randint(1, 2) for _ in range(rnd.choice([1, 2, 2]))))
    block, rank = Block(arg_types=[tensor(FixedType(4), shape)]), len(shape) - 2

    def weights(*sizes: int) -> SSAValue:
        op = ConstantOp(DenseAttr(numbers.integers(-4, 4, sizes), tensor(fixed_type(IntRange(-4, 3)), sizes)))
        block.add_op(op)
        return op.result

    def add(op: ConvOp | ConvTransposeOp | QuantizeOp) -> SSAValue:
        block.add_op(op)
        return op.result

    x: SSAValue = block.args[0]
    for channels in (rnd.choice([2, 4]), 2):
        kernel, pad, more = rnd.choice([(2, 0, 0), (4, 0, 0), (4, 1, 0), (3, 1, 1), (3, 1, 0)])
        geometry = ((2,) * rank, (pad,) * 2 * rank, (more,) * rank, (1,) * rank)
        x = add(ConvTransposeOp(x, weights(shape_of(x)[1], channels, *(kernel,) * rank), *geometry))
        x = add(QuantizeOp(x, FixedType(4, -4)))
    dilation = rnd.choice([2, 3])
    x = add(ConvOp(x, weights(1, 2, *(3,) * rank), (1,) * rank, (dilation,) * 2 * rank, (dilation,) * rank))
    block.add_op(ReturnOp(x))
    return ModuleOp([FuncOp("main", ([block.args[0].type], [x.type]), Region(block))])


def hardware(seed: int) -> tuple[ModuleOp, np.ndarray, np.ndarray]:
    """(a network of units, folded at random; inputs; what the typed network makes of them)."""
    module = network(seed)
    (main,) = (op for op in module.ops if isinstance(op, FuncOp))
    x = np.random.default_rng(seed).integers(-8, 8, (3, *shape_of(main.args[0])))
    expected = np.asarray(compile_function(module).run_codes({0: x})[0])
    module = run_passes(module, f"{TO_HARDWARE}q-convert-to-dataflow,q-insert-forks")
    fold_at_random(module, random.Random(seed))
    module = run_passes(module, FINISH)
    assert np.array_equal(np.asarray(compile_function(module).run_codes({0: x})[0]), expected)
    return module, x, expected


def test_seeds_reach_both_units() -> None:
    kinds = [{type(unit) for unit in unit_graph(hardware_function(hardware(seed)[0]))} for seed in QUICK]
    assert any(InterleaveOp in kind for kind in kinds)
    assert any(DepthToSpaceOp in kind for kind in kinds)


@pytest.mark.parametrize("seed", [*QUICK, *(pytest.param(seed, marks=pytest.mark.slow) for seed in SLOW)])
def test_hardware_computes_and_keeps_time_as_predicted(seed: int) -> None:
    check_hardware(*hardware(seed))


@pytest.mark.slow
@pytest.mark.parametrize("seed", QUICK)
def test_verilog_computes_the_same(seed: int, tmp_path: Path) -> None:
    check_verilog(*hardware(seed), tmp_path)
