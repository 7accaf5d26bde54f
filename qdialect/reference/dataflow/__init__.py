# SPDX-License-Identifier: Apache-2.0
"""Meanings of the dataflow dialect's units; importing this package registers them."""

from . import (
    add,
    arg_max,
    concat,
    depth_to_space,
    depthwise,
    fork,
    interleave,
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
    "add",
    "arg_max",
    "concat",
    "depth_to_space",
    "depthwise",
    "fork",
    "interleave",
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
