# SPDX-License-Identifier: Apache-2.0
"""`dataflow.matrix_vector`: a constant matrix times a stream of vectors."""

from __future__ import annotations

from collections.abc import Sequence

from xdsl.dialects.builtin import IntegerAttr, TensorType, i64
from xdsl.dialects.utils import EnumAttribute
from xdsl.ir import Attribute, SpacedOpaqueSyntaxAttribute, SSAValue
from xdsl.irdl import (
    irdl_attr_definition,
    irdl_op_definition,
    operand_def,
    opt_operand_def,
    opt_prop_def,
    prop_def,
    result_def,
    traits_def,
)
from xdsl.parser import Parser
from xdsl.printer import Printer
from xdsl.traits import Pure
from xdsl.utils.exceptions import VerifyException
from xdsl.utils.str_enum import StrEnum

from ..attrs import Array, RangeAttr
from ..formats import IntegerFormat, IntRange
from ..q.base import IntegerTensor
from ..q.inference import signed_sums, verify_holds
from ..types import element_type, integer_format, shape_of
from .assembly import (
    divisors,
    parse_count,
    parse_next_value,
    parse_optional_value,
    parse_range,
    parse_result_type,
    parse_stream,
    print_operands,
    print_optional_value,
    print_range,
    print_result_type,
)
from .types import StreamType, count, stream_type
from .unit import AnyStream, FoldableOp, fold_fault


class Memory(StrEnum):
    """Where weights are kept; without it synthesis decides."""

    BLOCK = "block"
    DISTRIBUTED = "distributed"


@irdl_attr_definition
class MemoryAttr(EnumAttribute[Memory], SpacedOpaqueSyntaxAttribute):
    """Where a unit keeps its weights: block, distributed."""

    name = "dataflow.memory"


@irdl_op_definition
class MatrixVectorOp(FoldableOp):
    """Matrix-vector unit: `out[r] = bias[r] + sum over c of weights[r, c] * x[c]`, PE rows by SIMD columns a cycle.

    A frame holds one vector x of MW elements, or several one after the other; weights are [MH, MW]. PE divides MH and
    is the lanes of the result, SIMD divides MW and is the lanes taken. A vector takes (MH / PE) * (MW / SIMD) cycles.
    Exact: the result type holds every result that the types and constants allow, or every code of `range`, a proof.
    ```mlir
    %a = dataflow.matrix_vector %x, %w pe 1 simd 28 -> !q.fixed<12, 0>
    ```
    """

    name = "dataflow.matrix_vector"
    input = operand_def(AnyStream)
    weights = operand_def(IntegerTensor)
    bias = opt_operand_def(IntegerTensor)
    result = result_def(AnyStream)
    pe_attr = prop_def(IntegerAttr.constr(i64), prop_name="pe")
    simd_attr = prop_def(IntegerAttr.constr(i64), prop_name="simd")
    memory_attr = opt_prop_def(MemoryAttr, prop_name="memory")
    range = opt_prop_def(RangeAttr)
    traits = traits_def(Pure())

    def __init__(
        self,
        input: SSAValue,
        weights: SSAValue,
        accumulator: Attribute,
        *,
        bias: SSAValue | None = None,
        pe: int = 1,
        simd: int = 1,
        memory: Memory | None = None,
        range: RangeAttr | None = None,
    ):
        """`accumulator`: element type of the result."""
        rows, columns = shape_of(weights)
        elements = stream_type(input).elements // max(columns, 1) * rows
        super().__init__(
            operands=[input, weights, bias],
            result_types=[StreamType(accumulator, pe, max(elements // pe, 1))],
            properties={
                "pe": count(pe),
                "simd": count(simd),
                "memory": MemoryAttr(memory) if memory else None,
                "range": range,
            },
        )

    @property
    def pe(self) -> int:
        return self.pe_attr.value.data

    @property
    def simd(self) -> int:
        return self.simd_attr.value.data

    @property
    def memory(self) -> Memory | None:
        return self.memory_attr.data if self.memory_attr else None

    @property
    def input_lanes(self) -> int:
        return self.simd

    @property
    def rows(self) -> int:
        """MH, outputs of the matrix."""
        return shape_of(self.weights)[0]

    @property
    def columns(self) -> int:
        """MW, inputs of the matrix."""
        return shape_of(self.weights)[1]

    @property
    def vectors(self) -> int:
        """Vectors a frame."""
        return self.input_type.elements // self.columns

    @property
    def weight_codes(self) -> Array:
        return self.constant(self.weights, "weights")

    @property
    def bias_codes(self) -> Array | None:
        return None if self.bias is None else self.constant(self.bias, "bias")

    @property
    def weight_format(self) -> IntegerFormat:
        return integer_format(element_type(self.weights))

    def result_range(self) -> IntRange:
        """Codes that the result can take by the types and constants alone."""
        return self.range_from(self.input_type.format.code_range)

    def range_from(self, x: IntRange) -> IntRange:
        """Codes that the result can take if the inputs are codes in `x`; each bound is reached."""
        bias = [0] * self.rows if self.bias_codes is None else [int(code) for code in self.bias_codes]
        sums = zip(*signed_sums(self.weight_codes, 1), bias, strict=True)
        corners = [(n * x.lo * -1 + p * x.hi + b, p * x.lo - n * x.hi + b) for p, n, b in sums]
        return IntRange(min(low for _, low in corners), max(high for high, _ in corners))

    def foldings(self) -> list[tuple[int, int]]:
        return [(simd, pe) for pe in divisors(self.rows) for simd in divisors(self.columns)]

    def folded(self, inputs: Sequence[SSAValue], folding: tuple[int, int]) -> MatrixVectorOp:
        simd, pe = folding
        type_ = self.result_type.element_type
        return MatrixVectorOp(
            inputs[0], self.weights, type_, bias=self.bias, pe=pe, simd=simd, memory=self.memory, range=self.range
        )

    @classmethod
    def parse(cls, parser: Parser) -> MatrixVectorOp:
        input, position = parse_stream(parser), parser.pos
        weights = parse_next_value(parser)
        if not isinstance(weights.type, TensorType) or len(weights.type.get_shape()) != 2:
            parser.raise_error(f"weights are a tensor [rows, columns], not {weights.type}", position, parser.pos)
        bias = parse_optional_value(parser, "bias")
        fold_position = parser.pos
        pe, simd = parse_count(parser, "pe"), parse_count(parser, "simd")
        fault = _fold_fault(weights, pe, simd)
        if fault is not None:
            parser.raise_error(fault, fold_position, parser.pos)
        memory = parser.parse_str_enum(Memory) if parser.parse_optional_keyword("memory") else None
        range_ = parse_range(parser) if parser.parse_optional_keyword("range") else None
        type_ = parse_result_type(parser)
        op = cls(input, weights, type_, bias=bias, pe=pe, simd=simd, memory=memory, range=range_)
        op.attributes.update(parser.parse_optional_attr_dict())
        return op

    def print(self, printer: Printer) -> None:
        print_operands(printer, self.input, self.weights)
        print_optional_value(printer, "bias", self.bias)
        printer.print_string(f" pe {self.pe} simd {self.simd}")
        if self.memory is not None:
            printer.print_string(f" memory {self.memory.value}")
        print_range(printer, "range", self.range)
        print_result_type(printer, self.result_type.element_type)
        printer.print_op_attributes(self.attributes)

    def verify_(self) -> None:
        weights = self.weights.type
        if not isinstance(weights, TensorType) or len(weights.get_shape()) != 2 or 0 in weights.get_shape():
            raise self.fault(f"needs weights of shape [rows, columns], got {weights}")
        fault = _fold_fault(self.weights, self.pe, self.simd)
        if fault is not None:
            raise VerifyException(fault)
        if self.input_type.elements % self.columns:
            raise self.fault(
                f"takes vectors of {self.columns} elements (columns of the weights), but a frame of its input has "
                f"{self.input_type.elements}; mend: give the weights as many columns as a vector has elements"
            )
        expected = StreamType(self.result_type.element_type, self.pe, self.vectors * self.rows // self.pe)
        if self.result_type != expected:
            raise self.fault(f"with PE {self.pe} makes {expected}, not {self.result_type}; mend: write {expected}")
        fraction_bits = self.input_type.format.fraction_bits + self.weight_format.fraction_bits
        self._verify_bias(fraction_bits)
        verify_holds(self.name, expected.element_type, self.result_range(), fraction_bits, self.range)

    def _verify_bias(self, fraction_bits: int) -> None:
        if self.bias is None:
            return
        if shape_of(self.bias) != (self.rows,):
            raise self.fault(
                f"needs a bias of shape [{self.rows}], got {list(shape_of(self.bias))}; "
                "mend: give one element for each row of the weights"
            )
        actual = integer_format(element_type(self.bias)).fraction_bits
        if actual != fraction_bits:
            raise self.fault(
                f"needs a bias with {fraction_bits} fraction bits (those of input and weights), got {actual}; "
                f"mend: scale the codes of the bias by 2^{fraction_bits - actual}"
            )


def _fold_fault(weights: SSAValue, pe: int, simd: int) -> str | None:
    rows, columns = shape_of(weights)
    return fold_fault(MatrixVectorOp.name, "PE", pe, rows, "rows") or fold_fault(
        MatrixVectorOp.name, "SIMD", simd, columns, "columns"
    )
