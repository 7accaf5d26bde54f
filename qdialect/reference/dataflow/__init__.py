# SPDX-License-Identifier: Apache-2.0
"""Meanings of the dataflow dialect's units; importing this package registers them."""

from . import arg_max, matrix_vector, pass_through, requantize, threshold

__all__ = ["arg_max", "matrix_vector", "pass_through", "requantize", "threshold"]
