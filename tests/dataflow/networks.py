# SPDX-License-Identifier: Apache-2.0
"""Random networks of the typed level, as q-partition leaves them."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
from qopt_mlir.passes.folding_search import Folding
from qopt_mlir.passes.runner import parse_passes
from qopt_mlir.passes.set_folding import fold_graph
from qopt_mlir.qdialect.attrs import DenseAttr
from qopt_mlir.qdialect.dataflow import FoldableOp, hardware_function, unit_graph
from qopt_mlir.qdialect.formats import BipolarFormat, IntRange, Overflow, Rounding
from qopt_mlir.qdialect.q import (
    AddOp,
    ArgMaxOp,
    ConstantOp,
    MatMulOp,
    MulOp,
    QuantizeOp,
    ReshapeOp,
    ThresholdOp,
)
from qopt_mlir.qdialect.q.inference import code_range
from qopt_mlir.qdialect.text import new_context
from qopt_mlir.qdialect.types import (
    BipolarType,
    FixedType,
    UFixedType,
    element_type,
    fixed_type,
    integer_format,
    shape_of,
)
from xdsl.builder import ImplicitBuilder
from xdsl.dialects.builtin import ModuleOp, NameLoc, StringAttr, TensorType, UnknownLoc
from xdsl.dialects.func import CallOp, FuncOp, ReturnOp
from xdsl.ir import Attribute, SSAValue


class RandomNetwork:
    """Builds @hardware layer by layer; `rnd` decides everything."""

    def __init__(self, rnd: random.Random, sizes: list[int]):
        self.rnd = rnd
        self.numpy = np.random.default_rng(rnd.randrange(1 << 30))
        self.sizes = sizes
        self.shape = rnd.choice([(sizes[0],), (1, sizes[0]), (2, sizes[0])])
        self.input_type: Attribute = rnd.choice([FixedType(3, 0), UFixedType(4, 2), BipolarType(), FixedType(8, 0)])

    def module(self) -> ModuleOp:
        type_ = TensorType(self.input_type, self.shape)
        hardware = FuncOp("hardware", ([type_], []), visibility="private")
        with ImplicitBuilder(hardware.body) as (x,):
            ReturnOp(self._layers(x))
        hardware.update_function_type()
        main = FuncOp("main", ([type_], []))
        with ImplicitBuilder(main.body) as (x,):
            ReturnOp(CallOp("hardware", [x], list(hardware.function_type.outputs)).res[0])
        main.update_function_type()
        module = ModuleOp([main, hardware])
        module.verify()
        return module

    def inputs(self, frames: int) -> np.ndarray:
        return random_codes(self.numpy, self.input_type, (frames, *self.shape))

    def _layers(self, x: SSAValue) -> SSAValue:
        for number, size in enumerate(self.sizes[1:]):
            x = self._matmul(x, size)
            x.owner.location = NameLoc(StringAttr(f"MatMul/{number}"), UnknownLoc())
            if self.rnd.random() < 0.5:
                x = AddOp(x, self._constant(element_type(x), (size,), 50)).result
            last = number == len(self.sizes) - 2
            kinds = ["threshold", "bipolar", "multiply", *(["none"] if last else [])]
            x = self._activation(x, self.rnd.choice(kinds))
        if len(self.shape) == 1 or self.shape[0] == 1:
            x = ReshapeOp(x, (1, self.sizes[-1], 1)).result
            if self.rnd.random() < 0.5:
                return ArgMaxOp(x, 1).result
        return x

    def _matmul(self, x: SSAValue, size: int) -> SSAValue:
        types = [FixedType(2, 0), FixedType(4, 3), UFixedType(1, 0), BipolarType(), FixedType(9, 1)]
        return MatMulOp(x, self._constant(self.rnd.choice(types), (shape_of(x)[-1], size))).result

    def _activation(self, x: SSAValue, kind: str) -> SSAValue:
        channels, codes = shape_of(x)[-1], code_range(x)
        rows = self.rnd.choice([1, channels])
        if kind in ("threshold", "bipolar"):
            count = 1 if kind == "bipolar" else self.rnd.randint(1, 5)
            table = np.sort(self.numpy.integers(codes.lo - 1, codes.hi + 2, (rows, count)), axis=1)
            fraction_bits = integer_format(element_type(x)).fraction_bits + self.rnd.choice([0, 0, 1, -2])
            wide = fixed_type(IntRange(int(table.min()), int(table.max())), fraction_bits)
            flags = self._constant(UFixedType(1, 0), (rows,)) if self.rnd.random() < 0.5 else None
            result, base = (BipolarType(), -1) if kind == "bipolar" else (FixedType(4, 1), self.rnd.randint(-8, 2))
            return ThresholdOp(x, _constant(table, wide), result, base, flags).result
        if kind == "multiply":
            for _ in range(self.rnd.randint(1, 2)):
                factor = self._constant(FixedType(5, self.rnd.randint(-1, 4)), self.rnd.choice([(), (channels,)]))
                x = MulOp(x, factor).result
                addend = self._constant(FixedType(7, self.rnd.randint(0, 6)), self.rnd.choice([(), (1, channels)][:1]))
                x = AddOp(addend, x).result
            target = self.rnd.choice([FixedType(4, 0), UFixedType(3, 1), FixedType(6, -1)])
            rounding, narrow = self.rnd.choice(list(Rounding)), self.rnd.random() < 0.3
            return QuantizeOp(x, target, rounding, Overflow.SATURATE, narrow).result
        return x

    def _constant(self, type_: Attribute, shape: tuple[int, ...], bound: int = 1 << 40) -> SSAValue:
        codes = random_codes(self.numpy, type_, shape)
        return _constant(np.clip(codes, -bound, bound), type_)


def _constant(codes: np.ndarray, type_: Attribute) -> SSAValue:
    return ConstantOp(DenseAttr(codes, TensorType(type_, codes.shape))).result


def random_codes(rng: np.random.Generator, type_: Attribute, shape: tuple[int, ...]) -> np.ndarray:
    format_ = integer_format(type_)
    if isinstance(format_, BipolarFormat):
        return rng.choice([-1, 1], shape)
    return rng.integers(format_.code_range.lo, format_.code_range.hi, shape, endpoint=True)


def run_passes(module: ModuleOp, pipeline: str) -> ModuleOp:
    """The module after the passes, verified; the argument stays."""
    module = module.clone()
    for pass_ in parse_passes(pipeline):
        pass_.apply(new_context(), module)
        module.verify()
    return module


def fold_at_random(module: ModuleOp, rnd: random.Random) -> None:
    """Give every unit a random folding."""
    function = hardware_function(module)
    units: list[Any] = [unit for unit in unit_graph(function) if isinstance(unit, FoldableOp)]
    fold_graph(module, function, {unit: Folding(*rnd.choice(unit.foldings())) for unit in units})
    module.verify()
