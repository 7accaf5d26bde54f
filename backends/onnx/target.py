# SPDX-License-Identifier: Apache-2.0
"""`qopt -t onnx`: the network as an ONNX file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import IO, ClassVar

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.utils.target import Target

from ...qdialect.errors import QoptError
from .exporter import export
from .graph import serialised

STYLES = ("qcdq", "qonnx")


@dataclass(frozen=True)
class OnnxTarget(Target):
    """The network as an ONNX file, with quantisers as QuantizeLinear nodes (qcdq), or as QONNX's custom nodes."""

    name = "onnx"
    binary: ClassVar[bool] = True
    style: str = "qcdq"  # qcdq: standard ONNX; qonnx: Quant, MultiThreshold, ...

    def emit(self, ctx: Context, module: ModuleOp, output: IO[str]) -> None:
        style = next((style for style in ("qcdq", "qonnx") if style == self.style), None)
        if style is None:
            raise QoptError(f"the target 'onnx' has style={self.style}", mend=f"write one of {', '.join(STYLES)}")
        buffer = getattr(output, "buffer", None)
        if buffer is None:
            raise QoptError(
                "the target 'onnx' writes a binary file, here goes text only", mend="name a file: -o OUT.onnx"
            )
        buffer.write(serialised(export(module, style)))
