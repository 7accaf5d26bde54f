# SPDX-License-Identifier: Apache-2.0
"""Random graphs of the dataflow level: branches that fork, go through units and join."""

from __future__ import annotations

import random
from dataclasses import dataclass

import numpy as np
from networks import random_codes
from qopt_mlir.qdialect.attrs import DenseAttr, RangeAttr
from qopt_mlir.qdialect.dataflow import (
    AddOp,
    ConcatOp,
    FromStreamOp,
    JoinOp,
    MatrixVectorOp,
    MulOp,
    RequantizeOp,
    StreamType,
    SubOp,
    ThresholdOp,
    ToStreamOp,
    UnitOp,
    stream_type,
)
from qopt_mlir.qdialect.formats import IntRange, Rounding
from qopt_mlir.qdialect.q import ConstantOp
from qopt_mlir.qdialect.types import BipolarType, FixedType, UFixedType, fixed_type, integer_format
from xdsl.builder import ImplicitBuilder
from xdsl.dialects.builtin import ModuleOp, TensorType
from xdsl.dialects.func import CallOp, FuncOp, ReturnOp
from xdsl.ir import Attribute, SSAValue


@dataclass(frozen=True)
class Branch:
    """A stream of `channels` elements a pixel."""

    stream: SSAValue
    channels: int


class RandomGraph:
    """Builds a module with @hardware and @main; streams have as many users as come, no forks, all lanes are 1."""

    def __init__(self, rnd: random.Random):
        self.rnd, self.numpy = rnd, np.random.default_rng(rnd.randrange(1 << 30))
        self.pixels = rnd.choice([1, 2, 4])
        self.channels = rnd.choice([1, 2, 4, 6])
        self.input_type: Attribute = rnd.choice([FixedType(3, 0), UFixedType(4, 2), BipolarType()])

    def module(self) -> ModuleOp:
        stream = StreamType(self.input_type, 1, self.pixels * self.channels)
        hardware = FuncOp("hardware", ([stream], []), visibility="private")
        with ImplicitBuilder(hardware.body) as (x,):
            ReturnOp(self._body(Branch(x, self.channels)).stream)
        hardware.update_function_type()
        out = stream_type(hardware.function_type.outputs.data[0])
        main = FuncOp("main", ([TensorType(self.input_type, (self.pixels, self.channels))], []))
        with ImplicitBuilder(main.body) as (x,):
            call = CallOp("hardware", [ToStreamOp(x).result], [out])
            ReturnOp(FromStreamOp(call.res[0], TensorType(out.element_type, (out.elements,))).result)
        main.update_function_type()
        module = ModuleOp([main, hardware])
        module.verify()
        return module

    def inputs(self, frames: int) -> np.ndarray:
        return random_codes(self.numpy, self.input_type, (frames, self.pixels, self.channels))

    def _body(self, branch: Branch) -> Branch:
        """Units in a row; some open a second way, which joins later."""
        for _ in range(self.rnd.randint(2, 4)):
            if self.rnd.random() < 0.6:
                first, second = self._row(branch, 2), self._row(branch, self.rnd.choice([0, 0, 1]))
                branch = self._join(first, second)
            else:
                branch = self._row(branch, 1)
        return self._row(branch, self.rnd.choice([0, 1]))

    def _row(self, branch: Branch, units: int) -> Branch:
        for _ in range(units):
            branch = self._matrix(branch)
            branch = self.rnd.choice([self._threshold, self._requantize])(branch)
        return branch

    def _join(self, first: Branch, second: Branch) -> Branch:
        if first.channels == second.channels and self.rnd.random() < 0.7:
            kind: type[JoinOp] = self.rnd.choice([AddOp, AddOp, SubOp, MulOp])
            op: JoinOp | ConcatOp = kind(first.stream, second.stream, FixedType(64, 0))
        else:
            parts = (first, second, *([second] if self.rnd.random() < 0.3 else []))
            op = ConcatOp([part.stream for part in parts], [part.channels for part in parts], FixedType(64, 0))
            first = Branch(first.stream, sum(part.channels for part in parts))
        type_: Attribute = fixed_type(op.result_range(), op.fraction_bits)
        bipolar = all(isinstance(stream_type(stream).element_type, BipolarType) for stream in op.streams_in)
        if isinstance(op, ConcatOp) and bipolar and self.rnd.random() < 0.7:
            type_ = BipolarType()
        return Branch(self._retyped(op, type_), first.channels)

    def _retyped(self, op: JoinOp | ConcatOp, type_: Attribute) -> SSAValue:
        """The op with another element type of its result."""
        first, second, *rest = op.streams_in
        new: UnitOp
        if isinstance(op, ConcatOp):
            new = ConcatOp([first, second, *rest], op.channels, type_)
        else:
            new = type(op)(first, second, type_)
        op.detach()
        op.erase()
        return new.results[0]

    def _matrix(self, branch: Branch) -> Branch:
        rows = self.rnd.choice([branch.channels, 1, 2, 4, 6])
        type_ = self.rnd.choice([FixedType(2, 0), BipolarType(), FixedType(3, 1)])
        weights = self._constant(random_codes(self.numpy, type_, (rows, branch.channels)), type_)
        wide = stream_type(branch.stream).format
        size = branch.channels * 4 * max(abs(wide.code_range.lo), wide.code_range.hi)
        bits = wide.fraction_bits + integer_format(type_).fraction_bits
        op = MatrixVectorOp(branch.stream, weights, fixed_type(IntRange(-size, size), bits))
        return Branch(op.result, rows)

    def _threshold(self, branch: Branch) -> Branch:
        codes, rows = stream_type(branch.stream).format.code_range, self.rnd.choice([1, branch.channels])
        bipolar = self.rnd.random() < 0.4
        table = np.sort(self.numpy.integers(codes.lo, codes.hi + 1, (rows, 1 if bipolar else 3)), axis=1)
        bits = stream_type(branch.stream).format.fraction_bits
        limits = self._constant(table, fixed_type(IntRange(int(table.min()), int(table.max())), bits))
        type_, base = (BipolarType(), -1) if bipolar else (FixedType(3, self.rnd.choice([0, 1])), -2)
        return Branch(ThresholdOp(branch.stream, limits, type_, base).result, branch.channels)

    def _requantize(self, branch: Branch) -> Branch:
        factor, addend = (
            self._constant(self.numpy.integers(-3, 4, self.rnd.choice([1, branch.channels])), FixedType(3, 0))
            for _ in range(2)
        )
        type_, clip = FixedType(4, self.rnd.choice([0, 2])), RangeAttr(-7, 7)
        rounding = self.rnd.choice(list(Rounding))
        op = RequantizeOp(branch.stream, factor, addend, type_, shift=2, clip=clip, rounding=rounding)
        return Branch(op.result, branch.channels)

    def _constant(self, codes: np.ndarray, type_: Attribute) -> SSAValue:
        return ConstantOp(DenseAttr(codes, TensorType(type_, codes.shape))).result
