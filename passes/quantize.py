# SPDX-License-Identifier: Apache-2.0
"""Quantise a float32 network after training: choose formats and scales from data, and write the quantisers out.

Before (`q-quantize{weight="fixed<8>" activation="fixed<8>" data="frames.npy"}`):
    %0 = q.matmul %x, %w : tensor<1x4xf32>, tensor<4x2xf32> -> tensor<1x2xf32>
After:
    %1 = q.div %x, %s : tensor<1x4xf32>, tensor<f32> -> tensor<1x4xf32>
    %2 = q.quantize %1 half_even saturate : tensor<1x4xf32> -> tensor<1x4x!q.fixed<8, 0>>
    %3 = q.mul %2, %s : tensor<1x4x!q.fixed<8, 0>>, tensor<f32> -> tensor<1x4xf32>
    %4 = q.div %w, %t : tensor<4x2xf32>, tensor<f32> -> tensor<4x2xf32>
    %5 = q.quantize %4 half_even saturate narrow : tensor<4x2xf32> -> tensor<4x2x!q.fixed<8, 0>>
    %6 = q.mul %5, %t : tensor<4x2x!q.fixed<8, 0>>, tensor<f32> -> tensor<4x2xf32>
    %0 = q.matmul %3, %6 : tensor<1x4xf32>, tensor<4x2xf32> -> tensor<1x2xf32>

Batch normalisation is folded into weights first. Inputs of layers with weights, of joins and of average pooling are
quantised where they are computed, behind a ReLU and in front of a max pooling; biases to quanta of the products. A
specification (see docs/precision.md) says more than the options do: formats for each layer, and how to round.

Approximate: the remarks (`-v`) give the noise of each layer, the agreement of first choices and the accuracy.
Needs: frames to calibrate with, unless every activation has fixed fraction bits.
Keeps: the types of inputs and outputs; layers that are to be kept.   Leaves: what is quantised already,
or stored as integers, where it suits the specification: other weights are chosen anew, other activations refused.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.passes import ModulePass

from ..frontends.precision.parser import parse_format, parse_setting, read_specification
from ..frontends.precision.specification import Pattern, Role, Rule, Specification
from ..qdialect.errors import QoptError
from .calibration.progress import terminal_progress
from .calibration.quantization import quantize_network
from .data_options import data_source
from .remarks import remark

_OPTIONS = ("weight", "activation", "bias")


@dataclass(frozen=True)
class QuantizePass(ModulePass):
    """Quantise a float32 network after training."""

    name = "q-quantize"
    exact: ClassVar[bool] = False

    specification: str | None = None  # file with a precision specification; instead of all other options
    weight: str | None = None  # format of weights, as "fixed<8> per channel"
    activation: str | None = None  # format of activations, as "fixed<8>"
    bias: str | None = None  # format of biases, fixed<32> if there is none
    data: str | None = None  # .npy or .npz file with frames to calibrate with, and to score on
    frames: str | None = None  # name of the array of frames; none: the only one of the file
    labels: str | None = None  # name of the array of labels
    samples: int | None = None  # frames to calibrate with, drawn by chance; none: all
    scale: str | int | float | None = None  # a stored number x means x * scale + offset
    offset: str | int | float | None = None  # see scale
    rounding: str | None = None  # of weights: nearest or reconstruct
    hardware: bool = False  # refuse layers that stay real, as hardware cannot compute them

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        specification = self.stated()
        with terminal_progress() as progress:
            report = quantize_network(ctx, op, specification, progress, self.hardware)
        remark(op, f"{self.name}:\n{report}".rstrip())

    def stated(self) -> Specification:
        """What the options say."""
        given = [name for name, value in vars(self).items() if value is not None and name != "hardware"]
        if self.specification is not None:
            if given != ["specification"]:
                other = next(name for name in given if name != "specification")
                what = f"the pass '{self.name}' has 'specification' and '{other}'"
                raise QoptError(what, mend="say it in the specification")
            return read_specification(self.specification)
        formats = {
            Role(role): parse_format(text, Role(role), role)
            for role in _OPTIONS
            if (text := vars(self)[role]) is not None
        }
        if not formats:
            mend = 'write q-quantize{weight="fixed<8>" activation="fixed<8>" data="frames.npy"}'
            raise QoptError(f"the pass '{self.name}' is given no format", mend=mend)
        data = None
        if self.data is not None:
            data = data_source(self.data, self.frames, self.labels, self.samples, self.scale, self.offset)
        specification = Specification((Rule((Pattern("*"),), formats),), data)
        return parse_setting(specification, "rounding", self.rounding) if self.rounding is not None else specification
