# SPDX-License-Identifier: Apache-2.0
"""The dataflow dialect: one op for each hardware unit, joined by streams."""

from xdsl.ir import Dialect

from .arg_max import ArgMaxOp
from .concat import ConcatOp
from .depth_to_space import DepthToSpaceOp
from .depthwise import DepthwiseOp
from .fifo import FifoOp
from .fork import ForkOp
from .graph import HARDWARE, Source, check_lanes, hardware_function, sources, unit_graph
from .interleave import InterleaveOp
from .join import AddOp, JoinOp, MulOp, SubOp, SumOp
from .matrix_vector import MatrixVectorOp
from .pool import MaxPoolOp, PoolOp, SumPoolOp
from .requantize import RequantizeOp
from .slice import SliceOp
from .sliding_window import SlidingWindowOp
from .table import TableOp
from .threshold import ThresholdOp
from .transfer import FromStreamOp, ToStreamOp
from .types import StreamType, stream_type
from .unit import FoldableOp, UnitOp
from .upsample import UpsampleOp
from .weighted_sums import Memory, MemoryAttr, WeightedSumsOp
from .width_converter import WidthConverterOp

Dataflow = Dialect(
    "dataflow",
    [
        MatrixVectorOp,
        DepthwiseOp,
        ThresholdOp,
        RequantizeOp,
        TableOp,
        ArgMaxOp,
        ForkOp,
        AddOp,
        SubOp,
        MulOp,
        ConcatOp,
        SlidingWindowOp,
        SliceOp,
        UpsampleOp,
        InterleaveOp,
        DepthToSpaceOp,
        MaxPoolOp,
        SumPoolOp,
        WidthConverterOp,
        FifoOp,
        ToStreamOp,
        FromStreamOp,
    ],
    [StreamType, MemoryAttr],
)

__all__ = [
    "HARDWARE",
    "AddOp",
    "ArgMaxOp",
    "ConcatOp",
    "Dataflow",
    "DepthToSpaceOp",
    "DepthwiseOp",
    "FifoOp",
    "FoldableOp",
    "ForkOp",
    "FromStreamOp",
    "InterleaveOp",
    "JoinOp",
    "MatrixVectorOp",
    "MaxPoolOp",
    "Memory",
    "MemoryAttr",
    "MulOp",
    "PoolOp",
    "RequantizeOp",
    "SliceOp",
    "SlidingWindowOp",
    "Source",
    "StreamType",
    "SubOp",
    "SumOp",
    "SumPoolOp",
    "TableOp",
    "ThresholdOp",
    "ToStreamOp",
    "UnitOp",
    "UpsampleOp",
    "WeightedSumsOp",
    "WidthConverterOp",
    "check_lanes",
    "hardware_function",
    "sources",
    "stream_type",
    "unit_graph",
]
