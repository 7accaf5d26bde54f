# SPDX-License-Identifier: Apache-2.0
"""Importers of ONNX ops by family. Importing this package fills the registry."""

from . import activation, arithmetic, constant, linear, linear_quantizers, quantizers, select, shape, threshold

__all__ = [
    "activation",
    "arithmetic",
    "constant",
    "linear",
    "linear_quantizers",
    "quantizers",
    "select",
    "shape",
    "threshold",
]
