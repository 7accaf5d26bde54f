# SPDX-License-Identifier: Apache-2.0
"""Networks that cut, split, shuffle and join channels, rows and columns: every bit, in the cycles foretold."""

from __future__ import annotations

import random
import sys
from pathlib import Path

import numpy as np
import pytest
from qopt_mlir.qdialect.attrs import DenseAttr
from qopt_mlir.qdialect.dataflow import SliceOp as SliceUnitOp
from qopt_mlir.qdialect.dataflow import hardware_function, unit_graph
from qopt_mlir.qdialect.formats import IntRange
from qopt_mlir.qdialect.q import (
    ConcatOp,
    ConstantOp,
    ConvOp,
    ConvTransposeOp,
    GatherOp,
    MaxPoolOp,
    PadOp,
    QOp,
    QuantizeOp,
    ReshapeOp,
    SliceOp,
    TransposeOp,
)
from qopt_mlir.qdialect.q.base import tensor
from qopt_mlir.qdialect.q.window import Window
from qopt_mlir.qdialect.reference import compile_function
from qopt_mlir.qdialect.types import FixedType, fixed_type, shape_of
from xdsl.dialects.builtin import ModuleOp
from xdsl.dialects.func import FuncOp, ReturnOp
from xdsl.ir import Block, Region, SSAValue

sys.path.insert(0, str(Path(__file__).parent))
from hardware_check import check_hardware, check_verilog
from networks import fold_at_random, run_passes

TYPED = (
    "q-fuse-shuffles,q-infer-ranges,q-lower-quantizers,q-lower-conv-transpose,q-make-channels-last,"
    "q-absorb-transposes,q-absorb-gathers,q-fuse-views,q-partition,"
)
FINISH = "q-insert-width-converters,q-insert-fifos"
QUICK, SLOW = (0, 1, 5, 13), (3, 4, 8, 12)


class RandomNetwork:
    """From an image of one channel to one of one channel, with such steps between layers; `rnd` decides everything."""

    def __init__(self, seed: int):
        self.rnd, self.numbers = random.Random(seed), np.random.default_rng(seed)
        spatial = [self.rnd.randint(2, 5) for _ in range(self.rnd.choice([1, 2, 2]))]
        self.block = Block(arg_types=[tensor(FixedType(4), (1, 1, *spatial))])

    def add(self, op: QOp) -> SSAValue:
        self.block.add_op(op)
        return op.results[0]

    def module(self) -> ModuleOp:
        x = self.layer(self.block.args[0], 4)
        for channels in (self.rnd.choice([2, 4]), 1):
            step = self.rnd.choice([self.cut, self.halves, self.shuffle, self.pick, self.branches, self.enlarged])
            x = self.layer(step(x), channels)
        return self.returning(x)

    def returning(self, x: SSAValue) -> ModuleOp:
        self.block.add_op(ReturnOp(x))
        return ModuleOp([FuncOp("main", ([self.block.args[0].type], [x.type]), Region(self.block))])

    def weights(self, *sizes: int) -> SSAValue:
        codes = self.numbers.integers(-2, 2, sizes)
        return self.add(ConstantOp(DenseAttr(codes, tensor(fixed_type(IntRange(-2, 1)), sizes))))

    def layer(self, x: SSAValue, channels: int) -> SSAValue:
        """A convolution that keeps the size, and a quantiser."""
        rank, kernel = len(shape_of(x)) - 2, self.rnd.choice([1, 3])
        weights = self.weights(channels, shape_of(x)[1], *(kernel,) * rank)
        x = self.add(ConvOp(x, weights, (1,) * rank, (kernel // 2,) * 2 * rank, (1,) * rank))
        return self.add(QuantizeOp(x, FixedType(4, -2)))

    def cut(self, x: SSAValue) -> SSAValue:
        """A part of each axis, perhaps by steps."""
        starts, sizes, steps = [0], [1], [1]
        for length in shape_of(x)[1:]:
            start, step = self.rnd.randrange(length), self.rnd.choice([1, 1, 2])
            starts, steps = [*starts, start], [*steps, step]
            sizes.append(self.rnd.randint(1, -(-(length - start) // step)))
        return self.add(SliceOp(x, starts, sizes, steps))

    def halves(self, x: SSAValue) -> SSAValue:
        """Two parts of the channels, of which one goes through a layer (ShuffleNet)."""
        zeros, shape, half = [0] * len(shape_of(x)), [*shape_of(x)], shape_of(x)[1] // 2
        first = self.add(SliceOp(x, zeros, [1, half, *shape[2:]]))
        second = self.add(SliceOp(x, [0, half, *zeros[2:]], [1, shape[1] - half, *shape[2:]]))
        second = self.layer(second, half)
        return self.shuffle(self.add(ConcatOp([first, second], 1)), 2)

    def shuffle(self, x: SSAValue, groups: int = 0) -> SSAValue:
        """Channels of groups in turns, by views."""
        shape, groups = shape_of(x), groups or shape_of(x)[1] // 2
        x = self.add(ReshapeOp(x, (1, groups, shape[1] // groups, *shape[2:])))
        x = self.add(TransposeOp(x, (0, 2, 1, *range(3, len(shape) + 1))))
        return self.add(ReshapeOp(x, shape))

    def pick(self, x: SSAValue) -> SSAValue:
        """Some channels in any order."""
        count = shape_of(x)[1]
        return self.add(GatherOp(x, [self.rnd.randrange(count) for _ in range(self.rnd.randint(1, count))], 1))

    def branches(self, x: SSAValue) -> SSAValue:
        """The middle of the image beside what a smaller layer made of it."""
        rank = len(shape_of(x)) - 2
        if min(shape_of(x)[2:]) < 2:
            return x
        weights = self.weights(2, shape_of(x)[1], *(2,) * rank)
        small = self.add(ConvOp(x, weights, (1,) * rank, (0,) * 2 * rank, (1,) * rank))
        small = self.add(QuantizeOp(small, FixedType(4, -2)))
        cut = self.add(SliceOp(x, [0, 0, *[1] * rank], [1, *shape_of(x)[1:2], *shape_of(small)[2:]]))
        return self.add(ConcatOp([small, cut], 1))

    def enlarged(self, x: SSAValue) -> SSAValue:
        """A transposed convolution whose kernel is shorter than its stride, or whose padding leaves inputs unused."""
        rank = len(shape_of(x)) - 2
        kernel, pad = self.rnd.choice([(1, 0), (2, 0), (3, 1)])
        pad = pad if min(shape_of(x)[2:]) > 1 else 0
        geometry = ((3,) * rank, (pad,) * 2 * rank, (0,) * rank, (1,) * rank)
        x = self.add(ConvTransposeOp(x, self.weights(shape_of(x)[1], 2, *(kernel,) * rank), *geometry))
        return self.add(QuantizeOp(x, FixedType(4, -2)))


def hardware(seed: int) -> tuple[ModuleOp, np.ndarray, np.ndarray]:
    """(a network of units, folded at random; inputs; what the typed network makes of them)."""
    return units_of(RandomNetwork(seed).module(), seed)


def units_of(module: ModuleOp, seed: int) -> tuple[ModuleOp, np.ndarray, np.ndarray]:
    """As `hardware`, of a typed network."""
    module.verify()
    (main,) = (op for op in module.ops if isinstance(op, FuncOp))
    x = np.random.default_rng(seed).integers(-8, 8, (3, *shape_of(main.args[0])))
    expected = np.asarray(compile_function(module).run_codes({0: x})[0])
    typed = run_passes(module, TYPED)
    assert np.array_equal(np.asarray(compile_function(typed).run_codes({0: x})[0]), expected)
    module = run_passes(typed, "q-convert-to-dataflow,q-insert-forks")
    fold_at_random(module, random.Random(seed))
    module = run_passes(module, FINISH)
    assert np.array_equal(np.asarray(compile_function(module).run_codes({0: x})[0]), expected)
    return module, x, expected


@pytest.fixture(scope="module")
def networks() -> dict[int, tuple[ModuleOp, np.ndarray, np.ndarray]]:
    return {seed: hardware(seed) for seed in QUICK}


def test_seeds_reach_the_unit(networks: dict[int, tuple[ModuleOp, np.ndarray, np.ndarray]]) -> None:
    """Parts of rows, columns and channels, and pixels whose channels change their order."""
    units = [unit for module, _, _ in networks.values() for unit in unit_graph(hardware_function(module))]
    slices = [unit for unit in units if isinstance(unit, SliceUnitOp)]
    for axis in range(3):
        assert any(unit.sizes[axis] < unit.image[axis] for unit in slices), axis
    assert any(unit.order_attr is not None for unit in slices)


@pytest.mark.parametrize("seed", QUICK)
def test_hardware_computes_and_keeps_time_as_predicted(
    seed: int, networks: dict[int, tuple[ModuleOp, np.ndarray, np.ndarray]]
) -> None:
    check_hardware(*networks[seed])


@pytest.mark.parametrize(("axis", "indices"), [(1, [0]), (1, [0, 0, 0]), (2, [1, 0]), (3, [0, 1, 2])])
def test_gathers_along_any_axis(axis: int, indices: list[int]) -> None:
    """Nothing changes, channels are repeated, rows change places: a pool of the whole image takes any of them."""
    network = RandomNetwork(0)
    network.block = Block(arg_types=[tensor(FixedType(4), (1, 1, 2, 3))])
    x = network.layer(network.block.args[0], 1)
    x = network.add(GatherOp(x, indices, axis))
    x = network.add(MaxPoolOp(x, Window((2, 3), (1, 1), (0,) * 4, (1, 1))))
    module, codes, expected = units_of(network.returning(network.layer(x, 2)), 0)
    check_hardware(module, codes, expected)


@pytest.mark.parametrize(
    ("spatial", "low", "high"),
    [
        ((2, 3), (4, 0, 0), (4, 0, 0)),
        ((3, 2), (1, 0, 1), (0, 2, 0)),
        ((3,), (0, 1), (2, 0)),
        ((2, 2), (0, 0, 0), (3, 1, 1)),
    ],
)
def test_channels_around_those_of_a_pixel(
    spatial: tuple[int, ...], low: tuple[int, ...], high: tuple[int, ...]
) -> None:
    """As the shortcuts of small residual networks have them; with a border of rows and columns, too."""
    network = RandomNetwork(0)
    network.block = Block(arg_types=[tensor(FixedType(4), (1, 1, *spatial))])
    x = network.layer(network.block.args[0], 4)
    value = network.add(ConstantOp(DenseAttr(np.array(3), tensor(FixedType(4), ()))))
    x = network.add(PadOp(x, value, (0, *low), (0, *high)))
    module, codes, expected = units_of(network.returning(network.layer(x, 1)), 0)
    check_hardware(module, codes, expected)


@pytest.mark.slow
@pytest.mark.parametrize("seed", SLOW)
def test_more_networks(seed: int) -> None:
    check_hardware(*hardware(seed))


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 5])
def test_verilog_computes_the_same(
    seed: int, networks: dict[int, tuple[ModuleOp, np.ndarray, np.ndarray]], tmp_path: Path
) -> None:
    check_verilog(*networks[seed], tmp_path)
