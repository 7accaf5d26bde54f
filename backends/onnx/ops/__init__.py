# SPDX-License-Identifier: Apache-2.0
"""Exporters of the q dialect's ops; importing this package registers them."""

from . import elementwise, interleave, movement, quantize, select, table, window

__all__ = ["elementwise", "interleave", "movement", "quantize", "select", "table", "window"]
