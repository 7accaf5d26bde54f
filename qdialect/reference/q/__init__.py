# SPDX-License-Identifier: Apache-2.0
"""Meanings of the q dialect's ops; importing this package registers them."""

from . import activation, convolution, elementwise, functions, linear, logic, pooling, quantize, select, shape, table

__all__ = [
    "activation",
    "convolution",
    "elementwise",
    "functions",
    "linear",
    "logic",
    "pooling",
    "quantize",
    "select",
    "shape",
    "table",
]
