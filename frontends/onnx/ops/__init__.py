# SPDX-License-Identifier: Apache-2.0
"""Importers of ONNX ops by family. Importing this package fills the registry."""

from . import (
    activation,
    arithmetic,
    constant,
    control,
    convolution,
    functions,
    linear,
    linear_quantizers,
    logic,
    movement,
    picking,
    pooling,
    quantizers,
    reduction,
    resize,
    select,
    shape,
    threshold,
)

__all__ = [
    "activation",
    "arithmetic",
    "constant",
    "control",
    "convolution",
    "functions",
    "linear",
    "linear_quantizers",
    "logic",
    "movement",
    "picking",
    "pooling",
    "quantizers",
    "reduction",
    "resize",
    "select",
    "shape",
    "threshold",
]
