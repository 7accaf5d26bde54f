# SPDX-License-Identifier: Apache-2.0
"""Sums, differences and products of two streams, of which one may repeat its elements: meaning, hardware, cycles."""

from __future__ import annotations

import random
import sys
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from qopt_mlir.passes.range_analysis import analyse
from qopt_mlir.qdialect.attrs import RangeAttr
from qopt_mlir.qdialect.dataflow import (
    AddOp,
    JoinOp,
    MaxPoolOp,
    MulOp,
    RequantizeOp,
    SubOp,
    hardware_function,
    stream_type,
    unit_graph,
)
from qopt_mlir.qdialect.dataflow.join import repeats_of
from qopt_mlir.qdialect.formats import Rounding
from qopt_mlir.qdialect.types import BipolarType, FixedType, UFixedType, fixed_type
from xdsl.ir import Attribute, SSAValue

sys.path.insert(0, str(Path(__file__).parent))
from units import check_ladder, constant, module_of, run_passes

KINDS: list[type[JoinOp]] = [AddOp, SubOp, MulOp]
ELEMENTS: list[Attribute] = [FixedType(4, 1), UFixedType(3, 0), BipolarType()]
PREPARE = "q-insert-forks,q-insert-width-converters,q-insert-fifos"


def joined(
    kind: type[JoinOp], a: SSAValue, b: SSAValue, *, lanes: int = 1, repeats: tuple[int, int] | None = None
) -> SSAValue:
    """A join whose result type is the tightest."""
    wide = kind(a, b, FixedType(64, 0), lanes=lanes, repeats=repeats)
    type_ = fixed_type(wide.result_range(), wide.fraction_bits)
    wide.detach()
    wide.erase()
    return kind(a, b, type_, lanes=lanes, repeats=repeats).result


def shifted(x: SSAValue) -> SSAValue:
    """`(3 x + 1) / 2` rounded down, in another format."""
    factor, addend = (constant(np.array([number]), FixedType(3, 0)) for number in (3, 1))
    clip, type_ = RangeAttr(-16, 15), FixedType(5, 2)
    return RequantizeOp(x, factor, addend, type_, shift=1, clip=clip, rounding=Rounding.FLOOR).result


def numpy_join(kind: type[JoinOp], a: np.ndarray, b: np.ndarray, bits: tuple[int, int]) -> np.ndarray:
    if kind is MulOp:
        return a * b
    finest = max(bits)
    x, y = a << (finest - bits[0]), b << (finest - bits[1])
    return x + y if kind is AddOp else x - y


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
@pytest.mark.parametrize(
    ("outer", "times", "run", "lanes", "swapped"),
    [
        (1, 1, 6, 2, False),
        (1, 5, 4, 2, False),
        (1, 5, 4, 4, True),
        (3, 2, 3, 1, False),
        (2, 6, 1, 3, True),
        (5, 4, 1, 1, False),
        (1, 8, 1, 4, False),
        (1, 2, 70, 1, True),
    ],
)
def test_joins_equal_numpy(kind: type[JoinOp], outer: int, times: int, run: int, lanes: int, swapped: bool) -> None:
    """The second branch is the largest of what the first has in each run."""
    rnd = random.Random(f"{kind.name} {outer} {times} {run}")
    element = rnd.choice(ELEMENTS)
    repeats = (times, run) if times > 1 else None

    def body(x: SSAValue) -> SSAValue:
        small = MaxPoolOp(x, element, taps=times, channels=run, lanes=1).result
        pair = (x, shifted(small))
        return joined(kind, *(pair[::-1] if swapped else pair), lanes=lanes, repeats=repeats)

    def expected(frame: np.ndarray) -> np.ndarray:
        small = np.clip((3 * frame.max(axis=1, keepdims=True) + 1) >> 1, -16, 15)
        bits = (1 if element == FixedType(4, 1) else 0, 2)
        if swapped:
            return numpy_join(kind, small, frame, (bits[1], bits[0]))
        return numpy_join(kind, frame, small, bits)

    module = run_passes(module_of(element, (outer, times, run), body), PREPARE)
    check_ladder(module, expected, np.random.default_rng(times), frames=4)


def test_a_square_is_not_negative() -> None:
    """Both operands are branches of one fork, which the ranges see through FIFOs."""
    module = module_of(FixedType(4, 0), (6,), lambda x: joined(MulOp, x, x))
    module = run_passes(module, PREPARE)
    (returned,) = hardware_function(module).body.block.last_op.operands  # pyright: ignore[reportOptionalMemberAccess]
    assert (int(analyse(module)[returned].lo.min()), int(analyse(module)[returned].hi.max())) == (0, 64)
    check_ladder(module, lambda frame: frame * frame, np.random.default_rng(1))


def test_a_branch_minus_itself_is_zero() -> None:
    module = run_passes(module_of(FixedType(4, 0), (6,), lambda x: joined(SubOp, x, x)), PREPARE)
    (returned,) = hardware_function(module).body.block.last_op.operands  # pyright: ignore[reportOptionalMemberAccess]
    assert (int(analyse(module)[returned].lo.min()), int(analyse(module)[returned].hi.max())) == (0, 0)


@pytest.mark.parametrize("rank", [1, 2, 3, 4])
def test_repeats_are_those_of_broadcasting(rank: int) -> None:
    """For every shape of few sizes: the runs give what numpy's broadcasting gives, or there is no one run."""
    found = 0
    for larger in product((1, 2, 3), repeat=rank):
        for mask in product((False, True), repeat=rank):
            smaller = tuple(1 if one else size for one, size in zip(mask, larger, strict=True))
            repeats = repeats_of(smaller, larger)
            ids = np.arange(int(np.prod(smaller))).reshape(smaller)
            wanted = np.broadcast_to(ids, larger).reshape(-1)
            if repeats is None:
                continue
            found += 1
            times, run = repeats
            assert times > 1
            given = np.broadcast_to(ids.reshape(-1, 1, run), (ids.size // run, times, run)).reshape(-1)
            assert given.tolist() == wanted.tolist(), (smaller, larger)
    assert found


def test_shapes_without_one_run() -> None:
    assert repeats_of((1, 1, 4, 1), (1, 3, 4, 5)) is None  # rows and channels, but not columns
    assert repeats_of((1, 3, 4, 5), (1, 3, 4, 5)) is None
    assert repeats_of((2, 4), (3, 4)) is None
    assert repeats_of((16,), (1, 8, 8, 16)) == (64, 16)


def test_a_whole_image_waits_for_its_gate() -> None:
    """The branch around the pool holds all of a frame: so much the FIFO gets, and the interval lasts."""
    pixels, channels = 16, 4

    def body(x: SSAValue) -> SSAValue:
        gate = MaxPoolOp(x, FixedType(4, 0), taps=pixels, channels=channels, lanes=1).result
        return joined(MulOp, x, gate, repeats=(pixels, channels))

    module = run_passes(module_of(FixedType(4, 0), (pixels, channels), body), PREPARE)
    depths = [unit.depth for unit in unit_graph(hardware_function(module)) if unit.name == "dataflow.fifo"]  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType]
    assert max(depths) >= (pixels - 1) * channels
    check_ladder(module, lambda frame: frame * frame.max(axis=0), np.random.default_rng(2), frames=5)


def test_lanes_of_numbers_taken_alone() -> None:
    """One number a pixel comes in beats of its own, whatever the lanes of the channels."""

    def body(x: SSAValue) -> SSAValue:
        gate = MaxPoolOp(x, FixedType(4, 0), taps=4, channels=1, lanes=1).result
        return joined(MulOp, x, gate, lanes=4, repeats=(4, 1))

    module = module_of(FixedType(4, 0), (3, 4), body, lanes=4)
    module = run_passes(module, PREPARE)
    (join,) = [unit for unit in unit_graph(hardware_function(module)) if isinstance(unit, MulOp)]
    assert [stream_type(stream).lanes for stream in join.streams_in] == [4, 1]
    check_ladder(module, lambda frame: frame * frame.max(axis=1, keepdims=True), np.random.default_rng(3))
