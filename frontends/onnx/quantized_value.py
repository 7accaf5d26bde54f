# SPDX-License-Identifier: Apache-2.0
"""The codes of a quantiser on their way: they become q ops when it is known who uses them.

ONNX rounds first and then adds the zero point: `clip(round(x / s) + z, lo, hi)`, where QONNX's Quant rounds
`x / s + z`; the two differ at ties. So a quantiser with a zero point is written as
`round(clip(x / s, lo - z, hi - z)) * s`, which is the same number in float32 and has no zero point left.

Ops that move codes, or pick the largest of some, do the same to what the codes stand for. So they leave a quantised
value behind too, and the scale and the zero point stay with it until a DequantizeLinear takes them away.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from xdsl.ir import SSAValue

from ...qdialect.formats import IntRange, Overflow
from ...qdialect.q import AddOp, MulOp, QuantizeOp
from ...qdialect.types import FixedType, FloatType, UFixedType, element_type, fixed_type, shape_of
from .model import STANDARD_DOMAIN, Array, scalar_of
from .node import Deferred, Node, Value
from .quantizer import (
    NO_ZERO_POINT,
    Codes,
    codes_of_bounds,
    emit_codes,
    emit_quanta,
    emit_scale,
    fraction_bits_of,
    short,
)

# Ops that give some of their elements, all as they were: of the first input, or of all inputs (Concat).
MOVES = frozenset(
    """
    Concat DepthToSpace Expand Flatten Gather GatherElements GatherND GlobalMaxPool MaxPool ReduceMax ReduceMin Reshape
    Slice SpaceToDepth Split Squeeze Tile Transpose Unsqueeze
    """.split()
)
_OF_ALL_INPUTS = frozenset({"Concat"})


@dataclass(frozen=True)
class Parameters:
    """What turns codes into numbers, `(code - zero_point) * scale`. Both broadcast against the codes."""

    scale: Array
    zero_point: Array
    type: FixedType | UFixedType | FloatType

    def equals(self, other: Parameters) -> bool:
        """True if codes of one are codes of the other, for the same numbers."""
        pairs = ((self.scale, other.scale), (self.zero_point, other.zero_point))
        return all(np.array_equal(short(own), short(others)) for own, others in pairs)

    @property
    def of_whole_tensor(self) -> bool:
        return scalar_of(self.scale) is not None and scalar_of(self.zero_point) is not None


@dataclass
class CodeTensor(Deferred):
    """Codes that `node` computes. Their *quanta* are the codes less the zero point, with a power of two in the type."""

    node: Node
    parameters: Parameters
    _quanta: SSAValue | None = field(default=None, init=False)
    _numbers: SSAValue | None = field(default=None, init=False)
    _codes: SSAValue | None = field(default=None, init=False)

    @abstractmethod
    def _write_quanta(self, node: Node) -> SSAValue: ...

    def quanta(self, node: Node) -> SSAValue:
        """The quanta, written (once) at `node`."""
        if self._quanta is None:
            self._quanta = self._write_quanta(node)
        return self._quanta

    def numbers(self, node: Node) -> SSAValue:
        """The numbers that the codes stand for, written (once) at `node`, the DequantizeLinear."""
        if self._numbers is None:
            scale, quanta = self.parameters.scale, self.quanta(node)
            in_type = fraction_bits_of(scale, self.parameters.type) is not None
            self._numbers = quanta if in_type else emit_scale(node, quanta, scale)
        return self._numbers

    def materialise(self) -> SSAValue:
        if self._codes is None:
            codes, zero_point = self._centred_codes(), self.parameters.zero_point
            if zero_point.any():
                codes = self.node.emit(AddOp(codes, integer_constant(self.node, zero_point)))
            if element_type(codes) != self.parameters.type:
                codes = self.node.emit(QuantizeOp(codes, self.parameters.type))
            if not isinstance(self.parameters.type, FloatType):
                self.node.builder.integers[codes] = self.parameters.type
            self._codes = codes
        return self._codes

    def _centred_codes(self) -> SSAValue:
        """The codes less the zero point, as integers."""
        quanta = self.quanta(self.node)
        fraction_bits = fraction_bits_of(self.parameters.scale, self.parameters.type)
        if not fraction_bits:
            return quanta
        quantum_to_one = self.node.add_constant(np.ones((), np.int8), UFixedType(1, -fraction_bits))
        return self.node.emit(MulOp(quanta, quantum_to_one))


@dataclass
class QuantizedValue(CodeTensor):
    """The codes of a quantiser of `source`. `low` and `high` are the codes that saturation and a Clip have left."""

    source: SSAValue
    low: Array
    high: Array
    overflow: Overflow = Overflow.SATURATE

    @property
    def shape(self) -> tuple[int, ...]:
        return shape_of(self.source)

    def clipped(self, low: int | None, high: int | None) -> QuantizedValue | None:
        """The codes behind a Clip; None if it leaves no code."""
        lows = self.low if low is None else np.maximum(self.low, low)
        highs = self.high if high is None else np.minimum(self.high, high)
        fits = not isinstance(self.parameters.type, FloatType) and bool((lows <= highs).all())
        return replace(self, low=lows, high=highs) if fits else None

    def _write_quanta(self, node: Node) -> SSAValue:
        return emit_quanta(node, self.source, self.parameters.scale, self._centred)

    def _centred_codes(self) -> SSAValue:
        if self._quanta is not None:
            return super()._centred_codes()
        return emit_codes(self.node, self.source, self.parameters.scale, NO_ZERO_POINT, self._centred)

    @property
    def _centred(self) -> Codes:
        """The codes less the zero point."""
        if isinstance(self.parameters.type, FloatType):
            return Codes(self.parameters.type, overflow=self.overflow)
        zero_point = self.parameters.zero_point
        return codes_of_bounds(self.low - zero_point, self.high - zero_point)


@dataclass
class MovedCodes(CodeTensor):
    """Codes that an op has moved: `moved` are their quanta."""

    moved: SSAValue

    @property
    def shape(self) -> tuple[int, ...]:
        return shape_of(self.moved)

    def _write_quanta(self, node: Node) -> SSAValue:
        return self.moved


def import_on_codes(node: Node, importer: Callable[[Node], Value | Sequence[Value]]) -> Sequence[Value] | None:
    """The results of an op that moves codes, with the scale and zero point of these; None if it does not."""
    builder, inputs = node.builder, node.definition.inputs
    if node.definition.domain != STANDARD_DOMAIN or node.definition.op_type not in MOVES or not inputs:
        return None
    names = inputs if node.definition.op_type in _OF_ALL_INPUTS else inputs[:1]
    codes = {name: value for name in names if isinstance(value := builder.values.get(name), CodeTensor)}
    parameters = next((value.parameters for value in codes.values()), None)
    if parameters is None or len(codes) != len(set(names)) or not parameters.of_whole_tensor:
        return None
    if not all(parameters.equals(value.parameters) for value in codes.values()):
        return None
    builder.values.update((name, value.quanta(node)) for name, value in codes.items())
    try:
        results = importer(node)
    finally:
        builder.values.update(codes)
    listed = results if isinstance(results, Sequence) else [results]
    return [MovedCodes(node, parameters, value) if isinstance(value, SSAValue) else value for value in listed]


def integer_constant(node: Node, numbers: Array) -> SSAValue:
    """A constant of the narrowest integer type."""
    return node.add_constant(short(numbers), fixed_type(IntRange(int(numbers.min()), int(numbers.max()))))
