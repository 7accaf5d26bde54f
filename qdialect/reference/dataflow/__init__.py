# SPDX-License-Identifier: Apache-2.0
"""Meanings of the dataflow dialect's units; importing this package registers them."""

from . import (
    arg_max,
    concat,
    depth_to_space,
    depthwise,
    fork,
    interleave,
    join,
    matrix_vector,
    pass_through,
    pool,
    requantize,
    slice,
    sliding_window,
    table,
    threshold,
    upsample,
)

__all__ = [
    "arg_max",
    "concat",
    "depth_to_space",
    "depthwise",
    "fork",
    "interleave",
    "join",
    "matrix_vector",
    "pass_through",
    "pool",
    "requantize",
    "slice",
    "sliding_window",
    "table",
    "threshold",
    "upsample",
]
