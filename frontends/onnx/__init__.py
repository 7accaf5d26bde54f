# SPDX-License-Identifier: Apache-2.0
"""ONNX, QONNX, QCDQ and QDQ models to the graph level of the q dialect."""

from .importer import import_onnx

__all__ = ["import_onnx"]
