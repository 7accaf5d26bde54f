# SPDX-License-Identifier: Apache-2.0
"""`dataflow.matrix_vector`: a constant matrix times a stream of vectors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

from xdsl.dialects.builtin import DenseArrayBase, IntegerAttr, TensorType, UnitAttr, i64
from xdsl.ir import Attribute, SSAValue
from xdsl.irdl import (
    irdl_op_definition,
    opt_prop_def,
    prop_def,
)
from xdsl.parser import Parser
from xdsl.printer import Printer
from xdsl.utils.exceptions import VerifyException

from ..attrs import Array, RangeAttr
from ..q.inference import verify_holds
from ..types import shape_of
from .assembly import (
    divisors,
    divisors_text,
    parse_count,
    parse_counts,
    parse_next_value,
    parse_optional_count,
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
from .unit import fold_fault
from .weighted_sums import Memory, MemoryAttr, WeightedSumsOp

NOT_REGROUPED = "its sums are regrouped", "remove 'regrouped'"
Runs: TypeAlias = tuple[Sequence[int], Sequence[int]]


@irdl_op_definition
class MatrixVectorOp(WeightedSumsOp):
    """Matrix-vector unit: `out[r] = bias[r] + sum over c of weights[r, c] * x[c]`, PE rows by SIMD columns a cycle.

    A frame holds one vector x of MW elements, or several one after the other; weights are [MH, MW]. PE divides MH and
    is the lanes of the result, SIMD divides MW and is the lanes taken. A vector takes (MH / PE) * (MW / SIMD) cycles.
    `pixels`: with PE = MH and SIMD = MW, so many vectors are taken and made in a cycle, with the same weights.
    Near the border of an image rows may have another bias: `bias %b rows [1, 30, 1] columns [1, 30, 1]` is of shape
    [3, 3, MH], for the vectors of an image of 32 x 32 pixels by runs of rows and columns.
    `regrouped`: inputs that meet equal weights are added first, and each sum is multiplied once: for few weight values.
    Exact: the result type holds every result that the types and constants allow, or every code of `range`, a proof.
    ```mlir
    %a = dataflow.matrix_vector %x, %w pe 1 simd 28 -> !q.fixed<12, 0>
    ```
    """

    name = "dataflow.matrix_vector"
    pe_attr = prop_def(IntegerAttr.constr(i64), prop_name="pe")
    simd_attr = prop_def(IntegerAttr.constr(i64), prop_name="simd")
    pixels_attr = opt_prop_def(IntegerAttr.constr(i64), prop_name="pixels")
    bias_rows_attr = opt_prop_def(DenseArrayBase.constr(i64), prop_name="bias_rows")
    bias_columns_attr = opt_prop_def(DenseArrayBase.constr(i64), prop_name="bias_columns")
    regrouped_attr = opt_prop_def(UnitAttr, prop_name="regrouped")

    def __init__(
        self,
        input: SSAValue,
        weights: SSAValue,
        accumulator: Attribute,
        *,
        bias: SSAValue | None = None,
        bias_runs: Runs | None = None,
        pe: int = 1,
        simd: int = 1,
        pixels: int = 1,
        memory: Memory | None = None,
        range: RangeAttr | None = None,
        regrouped: bool = False,
    ):
        """`accumulator`: element type of the result. `bias_runs`: of rows and columns, for a bias by place."""
        rows, columns = shape_of(weights)
        runs = [None if run is None else DenseArrayBase.from_list(i64, run) for run in bias_runs or (None, None)]
        elements = stream_type(input).elements // max(columns, 1) * rows
        super().__init__(
            operands=[input, weights, bias],
            result_types=[StreamType(accumulator, pixels * pe, max(elements // (pixels * pe), 1))],
            properties={
                "pe": count(pe),
                "simd": count(simd),
                "pixels": count(pixels) if pixels > 1 else None,
                "bias_rows": runs[0],
                "bias_columns": runs[1],
                "memory": MemoryAttr(memory) if memory else None,
                "range": range,
                "regrouped": UnitAttr() if regrouped else None,
            },
        )

    @property
    def pe(self) -> int:
        return self.pe_attr.value.data

    @property
    def simd(self) -> int:
        return self.simd_attr.value.data

    @property
    def pixels(self) -> int:
        """Vectors at once."""
        return 1 if self.pixels_attr is None else self.pixels_attr.value.data

    @property
    def bias_runs(self) -> Runs | None:
        """Lengths of the runs of rows and columns of an image that have a bias of their own; None: all have one."""
        if self.bias_rows_attr is None or self.bias_columns_attr is None:
            return None
        return tuple(self.bias_rows_attr.get_values()), tuple(self.bias_columns_attr.get_values())

    @property
    def bias_shape(self) -> tuple[int, ...]:
        return (*(len(runs) for runs in self.bias_runs or ()), self.rows)

    @property
    def frame_bias(self) -> Array | None:
        if self.bias_runs is None or self.bias_codes is None:
            return super().frame_bias
        rows, columns = self.bias_runs
        return self.bias_codes.repeat(rows, axis=0).repeat(columns, axis=1).reshape(-1, self.rows)

    @property
    def regrouped(self) -> bool:
        return self.regrouped_attr is not None

    @property
    def input_lanes(self) -> int:
        return self.pixels * self.simd

    @property
    def vectors(self) -> int:
        """Vectors a frame."""
        return self.input_type.elements // self.columns

    def foldings(self) -> list[tuple[int, int]]:
        return [(simd, pe) for pe in divisors(self.rows) for simd in divisors(self.columns)]

    def pixel_foldings(self) -> list[tuple[int, int]]:
        if self.regrouped or self.bias_runs is not None:
            return []
        return [(pixels * self.columns, pixels * self.rows) for pixels in divisors(self.vectors)[1:]]

    def fold_of(self, taken: int, made: int) -> tuple[int, int, int]:
        """(PE, SIMD, pixels) of the folding that takes and makes so many lanes."""
        pixels = max(taken // self.columns, 1)
        return made // pixels, taken // pixels, pixels

    def folded(self, inputs: Sequence[SSAValue], folding: tuple[int, int]) -> MatrixVectorOp:
        pe, simd, pixels = self.fold_of(*folding)
        type_ = self.result_type.element_type
        return MatrixVectorOp(
            inputs[0],
            self.weights,
            type_,
            bias=self.bias,
            bias_runs=self.bias_runs,
            pe=pe,
            simd=simd,
            pixels=pixels,
            memory=self.memory,
            range=self.range,
            regrouped=self.regrouped,
        )

    @classmethod
    def parse(cls, parser: Parser) -> MatrixVectorOp:
        input, position = parse_stream(parser), parser.pos
        weights = parse_next_value(parser)
        if not isinstance(weights.type, TensorType) or len(weights.type.get_shape()) != 2:
            parser.raise_error(f"weights are a tensor [rows, columns], not {weights.type}", position, parser.pos)
        bias = parse_optional_value(parser, "bias")
        runs = (parse_counts(parser, "rows"), parse_counts(parser, "columns")) if _has_runs(parser, bias) else None
        fold_position = parser.pos
        pe, simd = parse_count(parser, "pe"), parse_count(parser, "simd")
        pixels = parse_optional_count(parser, "pixels") or 1
        fault = _fold_fault(weights, pe, simd, pixels)
        if fault is not None:
            parser.raise_error(fault, fold_position, parser.pos)
        regrouped = parser.parse_optional_keyword("regrouped") is not None
        memory = parser.parse_str_enum(Memory) if parser.parse_optional_keyword("memory") else None
        range_ = parse_range(parser) if parser.parse_optional_keyword("range") else None
        type_ = parse_result_type(parser)
        known = {"pe": pe, "simd": simd, "pixels": pixels}
        op = cls(
            input, weights, type_, bias=bias, bias_runs=runs, memory=memory, range=range_, regrouped=regrouped, **known
        )
        op.attributes.update(parser.parse_optional_attr_dict())
        return op

    def print(self, printer: Printer) -> None:
        print_operands(printer, self.input, self.weights)
        print_optional_value(printer, "bias", self.bias)
        if self.bias_runs is not None:
            rows, columns = self.bias_runs
            printer.print_string(f" rows {list(rows)} columns {list(columns)}")
        pixels = f" pixels {self.pixels}" if self.pixels > 1 else ""
        printer.print_string(f" pe {self.pe} simd {self.simd}{pixels}{' regrouped' if self.regrouped else ''}")
        if self.memory is not None:
            printer.print_string(f" memory {self.memory.value}")
        print_range(printer, "range", self.range)
        print_result_type(printer, self.result_type.element_type)
        printer.print_op_attributes(self.attributes)

    def verify_(self) -> None:
        self._verify_runs()
        self.verify_constants()
        fault = _fold_fault(self.weights, self.pe, self.simd, self.pixels)
        if fault is not None:
            raise VerifyException(fault)
        if self.input_type.elements % self.columns:
            raise self.fault(
                f"takes vectors of {self.columns} elements (columns of the weights), but a frame of its input has "
                f"{self.input_type.elements}; mend: give the weights as many columns as a vector has elements"
            )
        alone = "'regrouped'" if self.regrouped else "rows and columns of the bias" if self.bias_runs else None
        if self.vectors % self.pixels or (alone and self.pixels > 1):
            raise self.fault(
                f"takes {self.pixels} of its {self.vectors} vectors at once; mend: "
                + (f"remove {alone}" if alone else f"choose pixels from {divisors_text(self.vectors)}")
            )
        lanes = self.pixels * self.pe
        expected = StreamType(self.result_type.element_type, lanes, self.vectors * self.rows // lanes)
        if self.result_type != expected:
            raise self.fault(f"with PE {self.pe} makes {expected}, not {self.result_type}; mend: write {expected}")
        verify_holds(self.name, expected.element_type, self.result_range(), self.fraction_bits, self.range)

    def _verify_runs(self) -> None:
        """VerifyException unless the runs of the bias are those of an image of all vectors."""
        if self.bias_runs is None:
            return
        if self.bias is None or self.regrouped:
            lacking, mend = ("no bias", "give it a bias") if self.bias is None else NOT_REGROUPED
            raise self.fault(f"has rows and columns of a bias, but {lacking}; mend: {mend}")
        rows, columns = (sum(runs) for runs in self.bias_runs)
        if rows * columns != self.vectors or any(run < 1 for runs in self.bias_runs for run in runs):
            raise self.fault(
                f"has a bias for {rows} x {columns} pixels, but a frame has {self.vectors} vectors; "
                "mend: write the rows and columns of the image in runs of at least 1"
            )


def _has_runs(parser: Parser, bias: SSAValue | None) -> bool:
    """Whether the bias is by place: [runs of rows, runs of columns, MH]."""
    return bias is not None and isinstance(bias.type, TensorType) and len(bias.type.get_shape()) == 3


def _fold_fault(weights: SSAValue, pe: int, simd: int, pixels: int) -> str | None:
    rows, columns = shape_of(weights)
    if pixels > 1 and (pe, simd) != (rows, columns):
        return (
            f"{MatrixVectorOp.name} takes {pixels} pixels at once with PE {pe} and SIMD {simd}; "
            f"mend: write pe {rows} simd {columns}, or one pixel"
        )
    return fold_fault(MatrixVectorOp.name, "PE", pe, rows, "rows") or fold_fault(
        MatrixVectorOp.name, "SIMD", simd, columns, "columns"
    )
