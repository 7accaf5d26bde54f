# SPDX-License-Identifier: Apache-2.0
"""Importers of ONNX ops by family. Importing this package fills the registry."""

from . import (
    activation,
    arithmetic,
    constant,
    convolution,
    functions,
    linear,
    linear_quantizers,
    logic,
    movement,
    pooling,
    quantizers,
    reduction,
    select,
    shape,
    threshold,
)

__all__ = [
    "activation",
    "arithmetic",
    "constant",
    "convolution",
    "functions",
    "linear",
    "linear_quantizers",
    "logic",
    "movement",
    "pooling",
    "quantizers",
    "reduction",
    "select",
    "shape",
    "threshold",
]
