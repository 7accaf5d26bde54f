# SPDX-License-Identifier: Apache-2.0
"""From thresholds and tables to units that look up constants for each channel."""

from __future__ import annotations

from math import prod

import numpy as np
from xdsl.ir import SSAValue

from ..qdialect.attrs import Array
from ..qdialect.dataflow import TableOp as TableUnitOp
from ..qdialect.dataflow import ThresholdOp as ThresholdUnitOp
from ..qdialect.dataflow.table import MAX_TABLE_WIDTH
from ..qdialect.q import TableOp, ThresholdOp
from ..qdialect.q.inference import constant_of
from ..qdialect.types import element_type, integer_format, shape_of
from .hardware_units import NotHardware, UnitBuilder


def threshold(build: UnitBuilder, op: ThresholdOp) -> None:
    """A count of thresholds."""
    stream = build.stream(op.input)
    thresholds = _rows(build, op, op.thresholds)
    descending = None if op.descending is None else _rows(build, op, op.descending)
    unit = ThresholdUnitOp(stream, thresholds, element_type(op.result), op.base, descending=descending)
    build.emit(unit, op, op.result)


def table(build: UnitBuilder, op: TableOp) -> None:
    """The same table with an entry for every code of the stream's type."""
    format_ = integer_format(element_type(op.input))
    if format_.word_length > MAX_TABLE_WIDTH:
        what = f"q.table takes {element_type(op.input)}, tables in hardware words of up to {MAX_TABLE_WIDTH} bits"
        raise NotHardware(what, "quantise to a shorter word before")
    stream, range_ = build.stream(op.input), format_.code_range
    places = np.clip(np.arange(range_.lo, range_.hi + 1) - op.base, 0, op.entries.shape[1] - 1)
    entries = _repeated(op, op.entries[:, places])
    unit = TableUnitOp(stream, build.constant(entries, element_type(op.table), op.table.name_hint))
    build.emit(unit, op, op.result)


def _rows(build: UnitBuilder, op: ThresholdOp, value: SSAValue) -> SSAValue:
    """The constant `value` with a row for each element that the unit counts through."""
    source = constant_of(value)
    assert source is not None, "the verifier of q.threshold asks for constants"
    return build.constant(_repeated(op, source.array), source.type.element_type, value.name_hint)


def _repeated(op: ThresholdOp | TableOp, rows: Array) -> Array:
    """A row for each channel as rows for the elements of a frame, in which axes behind the channels vary faster."""
    repeats = prod(shape_of(op.input)[op.axis + 1 :]) if len(rows) > 1 else 1
    return np.repeat(rows, repeats, axis=0)
