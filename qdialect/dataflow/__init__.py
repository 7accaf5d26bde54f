# SPDX-License-Identifier: Apache-2.0
"""The dataflow dialect: one op for each hardware unit, joined by streams."""

from xdsl.ir import Dialect

from .arg_max import ArgMaxOp
from .chain import HARDWARE, check_lanes, hardware_function, unit_chain
from .fifo import FifoOp
from .matrix_vector import MatrixVectorOp, Memory, MemoryAttr
from .requantize import RequantizeOp
from .threshold import ThresholdOp
from .transfer import FromStreamOp, ToStreamOp
from .types import StreamType, stream_type
from .unit import FoldableOp, UnitOp
from .width_converter import WidthConverterOp

Dataflow = Dialect(
    "dataflow",
    [
        MatrixVectorOp,
        ThresholdOp,
        RequantizeOp,
        ArgMaxOp,
        WidthConverterOp,
        FifoOp,
        ToStreamOp,
        FromStreamOp,
    ],
    [StreamType, MemoryAttr],
)

__all__ = [
    "HARDWARE",
    "ArgMaxOp",
    "Dataflow",
    "FifoOp",
    "FoldableOp",
    "FromStreamOp",
    "MatrixVectorOp",
    "Memory",
    "MemoryAttr",
    "RequantizeOp",
    "StreamType",
    "ThresholdOp",
    "ToStreamOp",
    "UnitOp",
    "WidthConverterOp",
    "check_lanes",
    "hardware_function",
    "stream_type",
    "unit_chain",
]
