# SPDX-License-Identifier: Apache-2.0
"""Meanings of the q dialect's ops; importing this package registers them."""

from . import activation, elementwise, linear, quantize, select, shape

__all__ = ["activation", "elementwise", "linear", "quantize", "select", "shape"]
