# SPDX-License-Identifier: Apache-2.0
"""Random small networks, and the question whether a pass keeps what they compute."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from fractions import Fraction

import numpy as np
import pytest
from qopt_mlir.passes.runner import parse_passes, run_passes
from qopt_mlir.qdialect.attrs import Array, DenseAttr
from qopt_mlir.qdialect.formats import IntRange, Rounding
from qopt_mlir.qdialect.q import (
    AddOp,
    ArgMaxOp,
    BatchNormOp,
    ConstantOp,
    DivOp,
    MatMulOp,
    MulOp,
    QuantizeOp,
    ReluOp,
    ReshapeOp,
    SubOp,
    TransposeOp,
)
from qopt_mlir.qdialect.q.base import tensor
from qopt_mlir.qdialect.reference import ExactReal, compile_function
from qopt_mlir.qdialect.text import module_text, new_context, verify_module
from qopt_mlir.qdialect.types import (
    FixedType,
    RealType,
    UFixedType,
    element_type,
    fixed_type,
    is_f32,
    is_integer_type,
    shape_of,
)
from xdsl.dialects.builtin import ArrayAttr, DictionaryAttr, Float32Type, ModuleOp, StringAttr
from xdsl.dialects.func import FuncOp, ReturnOp
from xdsl.ir import Attribute, Block, Operation, Region, SSAValue

F32 = Float32Type()


class Network:
    """A network in the making: each method appends ops and moves `value` on."""

    def __init__(self, seed: int, input_type: Attribute, number: Attribute, dyadic: bool = False):
        self.random = random.Random(seed)
        self.number = number  # element type of the constants: real or f32
        self.dyadic = dyadic  # constants so simple that float32 arithmetic on them is exact
        shape = self.random.choice([(1, 4), (1, 1, 4), (1, 2, 3), (2, 4)])
        self.block = Block(arg_types=[tensor(input_type, shape)])
        self.value: SSAValue = self.block.args[0]

    def add(self, op: Operation) -> SSAValue:
        self.block.add_op(op)
        self.value = op.results[0]
        return self.value

    def constant(self, array: Sequence[object] | Array, type_: Attribute) -> SSAValue:
        array = np.asarray(array, dtype=np.float64 if is_f32(type_) else object)
        op = ConstantOp(DenseAttr(array, tensor(type_, array.shape)))
        self.block.add_op(op)
        return op.result

    def numbers(self, shape: Sequence[int], nonzero: bool = False, positive: bool = False) -> SSAValue:
        array = np.empty(tuple(shape), dtype=object)
        array.reshape(-1)[:] = [self.one_number(nonzero, positive) for _ in range(array.size)]
        if is_f32(self.number):
            return self.constant(array.astype(np.float64), self.number)
        return self.constant(array, self.number)

    def one_number(self, nonzero: bool, positive: bool) -> Fraction:
        low = 1 if positive else -4
        top = self.random.choice([n for n in range(low, 5) if (n or not nonzero) and not (self.dyadic and abs(n) == 3)])
        return Fraction(top, self.random.choice([1, 2, 4] if self.dyadic else [1, 2, 3, 7, 10]))

    def codes(self, shape: Sequence[int], low: int, high: int, type_: Attribute | None = None) -> SSAValue:
        array = np.array([self.random.randint(low, high) for _ in range(int(np.prod(shape)))]).reshape(shape)
        return self.constant(array, type_ or fixed_type(IntRange(low, high), 0))

    def operand_shape(self) -> tuple[int, ...]:
        """A shape that broadcasts to the value's: scalar, per element of the last axis, or of any axes."""
        shape = shape_of(self.value)
        axes = tuple(size if self.random.random() < 0.5 else 1 for size in shape)
        return self.random.choice([(), (), (1,), shape[-1:], axes])

    def arithmetic(self) -> None:
        class_ = self.random.choice([AddOp, AddOp, MulOp, MulOp, SubOp, DivOp])
        integer = is_integer_type(element_type(self.value)) and class_ is not DivOp and self.random.random() < 0.5
        if integer:
            other = self.codes(self.operand_shape(), -2, 3)
        else:
            other = self.numbers(self.operand_shape(), nonzero=class_ in (DivOp, MulOp))
        swap = class_ is not DivOp and self.random.random() < 0.3
        self.add(class_(other, self.value) if swap else class_(self.value, other))

    def view(self) -> None:
        shape = shape_of(self.value)
        if self.random.random() < 0.5:
            permutation = list(range(len(shape)))
            self.random.shuffle(permutation)
            self.add(TransposeOp(self.value, permutation))
        else:
            self.add(ReshapeOp(self.value, self.split()))

    def split(self) -> tuple[int, ...]:
        size = int(np.prod(shape_of(self.value)))
        factor = self.random.choice([n for n in range(1, size + 1) if size % n == 0])
        return self.random.choice([(factor, size // factor), (1, factor, size // factor), (1, size)])

    def matmul(self) -> None:
        value, columns = self.value, self.random.randint(1, 3)
        shape = (shape_of(value)[-1], columns)
        weights = self.codes(shape, -3, 3)
        if self.random.random() < 0.3:
            zero = self.codes(self.random.choice([(), (1, columns)]), -1, 1)
            weights = self.add(SubOp(weights, zero))
        if self.random.random() < 0.7 or is_f32(element_type(value)):
            scale_shape = self.random.choice([(), (1, columns), (1, columns), (shape[0], 1)])
            weights = self.add(MulOp(weights, self.numbers(scale_shape, nonzero=True)))
        self.add(MatMulOp(value, weights))

    def batch_norm(self) -> None:
        shape = shape_of(self.value)
        axis = self.random.randrange(len(shape))
        size = [shape[axis]]
        scale, bias, mean = (self.numbers(size) for _ in range(3))
        self.add(BatchNormOp(self.value, scale, bias, mean, self.numbers(size, positive=True), 1e-5, axis))

    def relu(self) -> None:
        self.add(ReluOp(self.value))

    def quantize(self) -> None:
        type_ = self.random.choice([FixedType(4, 0), UFixedType(3, 0), FixedType(5, 1), UFixedType(2, -1)])
        if not isinstance(element_type(self.value), FixedType | UFixedType) or self.random.random() < 0.5:
            rounding = self.random.choice(list(Rounding))
            self.add(QuantizeOp(self.value, type_, rounding, narrow=self.random.random() < 0.5))

    def grow(self, steps: Sequence[str]) -> None:
        for _ in range(self.random.randint(2, 7)):
            getattr(self, self.random.choice(list(steps)))()

    def finish(self) -> ModuleOp:
        if self.random.random() < 0.2:
            self.add(ArgMaxOp(self.value, self.random.randrange(len(shape_of(self.value)))))
        self.block.add_op(ReturnOp(self.value))
        types = ([self.block.args[0].type], [self.value.type])
        names = [ArrayAttr([DictionaryAttr({"q.name": StringAttr(name)})]) for name in ("x", "y")]
        module = ModuleOp([FuncOp("main", types, Region(self.block), arg_attrs=names[0], res_attrs=names[1])])
        verify_module(module)
        return module


STEPS = ("arithmetic", "arithmetic", "view", "matmul", "matmul", "batch_norm", "relu", "quantize")


def typed_network(seed: int) -> ModuleOp:
    """A network on exact numbers, from 4-bit codes on."""
    network = Network(seed, FixedType(4, 0), RealType())
    network.grow(STEPS)
    return network.finish()


def graph_network(seed: int, dyadic: bool = False) -> ModuleOp:
    """A network in float32 whose input is quantised first, with quantised weights."""
    network = Network(seed, F32, F32, dyadic)
    network.add(DivOp(network.value, network.constant(np.array(0.25 if dyadic else 0.1), F32)))
    network.add(QuantizeOp(network.value, FixedType(4, 0)))
    network.grow([step for step in STEPS if not (dyadic and step == "batch_norm")])
    return network.finish()


def frames_for(module: ModuleOp, count: int = 40) -> Array:
    """Random inputs: codes for an integer input, numbers near its codes for float32."""
    generator = np.random.default_rng(1)
    (argument,) = next(op for op in module.ops if isinstance(op, FuncOp)).args
    if is_f32(element_type(argument)):
        return generator.normal(size=(count, *shape_of(argument))).astype(np.float32)
    range_ = element_type(argument).format.code_range  # pyright: ignore[reportAttributeAccessIssue]
    return generator.integers(range_.lo, range_.hi + 1, size=(count, *shape_of(argument)))


def results(module: ModuleOp, frames: Array) -> list[Array]:
    """What the reference computes: codes, float32 numbers, or Fractions."""
    outputs = compile_function(module, "main").run_codes({0: frames})
    return [output.to_fractions() if isinstance(output, ExactReal) else output for output in outputs]


def run(module: ModuleOp, passes: str) -> ModuleOp:
    """A copy of `module` after the passes, verified."""
    copy = module.clone()
    run_passes(new_context(), copy, parse_passes(passes))
    return copy


def check_exact_pass(module: ModuleOp, passes: str) -> ModuleOp:
    """`passes` keep every output bit, change nothing when run again, and give the same text each time."""
    frames = frames_for(module)
    after = run(module, passes)
    for expected, actual in zip(results(module, frames), results(after, frames), strict=True):
        assert expected.shape == actual.shape
        assert bool((expected == actual).all()), module_text(module)
    assert module_text(run(module, passes)) == module_text(after)
    assert module_text(run(after, passes)) == module_text(after)
    return after


@pytest.fixture
def exact_pass() -> Callable[[ModuleOp, str], ModuleOp]:
    return check_exact_pass


@pytest.fixture
def typed() -> Callable[[int], ModuleOp]:
    return typed_network


@pytest.fixture
def graph() -> Callable[..., ModuleOp]:
    return graph_network


@pytest.fixture(name="run_passes")
def run_passes_fixture() -> Callable[[ModuleOp, str], ModuleOp]:
    return run


@pytest.fixture
def run_codes() -> Callable[[ModuleOp, Array], Array]:
    return lambda module, frames: results(module, frames)[0]


@pytest.fixture
def values() -> Callable[[ModuleOp], Array]:
    return lambda module: results(module, frames_for(module))[0]
