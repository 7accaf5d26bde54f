# SPDX-License-Identifier: Apache-2.0
"""What word lengths cost: bit operations, bits of weight memory, or area in look-up tables.

Bit operations are the multiplications of a frame times the bits of both factors (HAWQ-V3 2021; EBOPs of HGQ 2024
without trimming).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import prod

from xdsl.dialects.builtin import ModuleOp
from xdsl.dialects.func import FuncOp
from xdsl.ir import Block, SSAValue

from ...frontends.precision.specification import Objective, Role
from ...qdialect.q import Convolution, ConvTransposeOp, MatMulOp, QuantizeOp
from ...qdialect.types import element_type, integer_format, is_integer_type, shape_of
from ..rewriting import function_named
from .fitting import PRODUCTS
from .variables import Bits, Variable

FLOAT_BITS = 32  # of a factor that is not quantised

Cost = Callable[[Bits], int]


@dataclass(frozen=True)
class Factor:
    """Bits of one factor of a layer's products: the most of these variables, `more` added, and of `fixed`."""

    variables: tuple[int, ...]
    fixed: int
    more: int = 0  # what exact ops behind the quantisers add: one bit for a sum of two, one less behind a rectifier

    def bits(self, bits: Bits) -> int:
        return max([self.fixed, *(bits[variable] + self.more for variable in self.variables)])


@dataclass(frozen=True)
class Products:
    """A layer: how often it multiplies in a frame, and what with what."""

    name: str
    count: int
    factors: tuple[Factor, Factor]

    def bit_operations(self, bits: Bits) -> int:
        return self.count * self.factors[0].bits(bits) * self.factors[1].bits(bits)


def layer_products(module: ModuleOp, variables: Sequence[Variable]) -> list[Products]:
    """The layers of @main that multiply, in their order."""
    main = function_named(module, "main")
    assert main is not None
    ops = list(main.body.block.ops)
    numbers: dict[SSAValue, int] = {ops[variable.index].results[0]: n for n, variable in enumerate(variables)}
    found = list[Products]()
    for op in ops:
        if isinstance(op, PRODUCTS):
            first, second = (_factor(operand, numbers, variables) for operand in op.operands[:2])
            name = next((variables[n].name for n in (*second.variables, *first.variables)), op.name)
            found.append(Products(name, multiplications(op), (first, second)))
    return found


def multiplications(op: MatMulOp | Convolution | ConvTransposeOp) -> int:
    """Products of a frame, those with inserted and padded zeros counted too."""
    outputs = prod(shape_of(op.results[0]))
    if isinstance(op, MatMulOp):
        return outputs * shape_of(op.operands[0])[-1]
    weights = shape_of(op.operands[1])
    if isinstance(op, ConvTransposeOp):
        return prod(shape_of(op.operands[0])) * prod(weights[1:])
    return outputs * prod(weights[1:])


def _factor(value: SSAValue, numbers: Mapping[SSAValue, int], variables: Sequence[Variable]) -> Factor:
    """Where the codes of a factor come from."""
    sources = _sources(value)
    found = sorted({numbers[source] for source in sources if source in numbers})
    fixed = [_word_length(source) for source in sources if source not in numbers]
    if is_integer_type(element_type(value)):
        most = max((variables[number].high for number in found), default=0)
        return Factor(tuple(found), 0, _word_length(value) - most) if found else Factor((), _word_length(value))
    codes = [bits for bits in fixed if bits != FLOAT_BITS]  # a scale is no factor's bits
    return Factor(tuple(found), max(codes, default=0 if found else FLOAT_BITS))


def _sources(value: SSAValue) -> set[SSAValue]:
    """The codes of quantisers, and what else numbers begin with, that a value is made of by scales, moves and sums."""
    found, seen, work = set[SSAValue](), set[SSAValue](), [value]
    while work:
        one = work.pop()
        if one in seen:
            continue
        seen.add(one)
        if isinstance(one.owner, Block) or isinstance(one.owner, (QuantizeOp, *PRODUCTS)) or not one.owner.operands:
            found.add(one)
        else:
            work += one.owner.operands
    return found


def _word_length(value: SSAValue) -> int:
    return integer_format(element_type(value)).word_length if is_integer_type(element_type(value)) else FLOAT_BITS


def cost_of(objective: Objective, module: ModuleOp, variables: Sequence[Variable], area: Cost) -> Cost:
    """The cost of a choice of word lengths; `area` is that of its hardware in look-up tables."""
    if objective is Objective.LUTS:
        return area
    if objective is Objective.BIT_OPERATIONS:
        layers = layer_products(module, variables)
        return lambda bits: sum(layer.bit_operations(bits) for layer in layers)
    sizes = weight_sizes(module, variables)
    return lambda bits: sum(count * bits[number] for number, count in sizes.items())


def weight_sizes(module: ModuleOp, variables: Sequence[Variable]) -> dict[int, int]:
    """How many weights each variable of a weight has."""
    main = function_named(module, "main")
    assert isinstance(main, FuncOp)
    ops = list(main.body.block.ops)
    weights = {n: ops[variable.index] for n, variable in enumerate(variables) if variable.role is Role.WEIGHT}
    return {n: prod(shape_of(op.results[0])) for n, op in weights.items()}
