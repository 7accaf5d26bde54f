# SPDX-License-Identifier: Apache-2.0
"""`qopt -t onnx`: the network as an ONNX file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import IO, ClassVar

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.utils.target import Target

from ...qdialect.errors import QoptError
from .context import Style
from .exporter import export
from .graph import serialised
from .numbers import FLOAT32, FLOAT64

STYLES = ("qcdq", "qonnx")
REALS = {"float32": FLOAT32, "float64": FLOAT64}


@dataclass(frozen=True)
class OnnxTarget(Target):
    """The network as an ONNX file, with quantisers as QuantizeLinear nodes (qcdq), or as QONNX's custom nodes."""

    name = "onnx"
    binary: ClassVar[bool] = True
    style: str = "qcdq"  # qcdq: standard ONNX; qonnx: Quant, MultiThreshold, ...
    real: str = "float32"  # what carries !q.real: float32 or float64

    def emit(self, ctx: Context, module: ModuleOp, output: IO[str]) -> None:
        for what, given, known in (("style", self.style, STYLES), ("real", self.real, REALS)):
            if given not in known:
                raise QoptError(f"the target 'onnx' has {what}={given}", mend=f"write one of {', '.join(known)}")
        style: Style = "qonnx" if self.style == "qonnx" else "qcdq"
        buffer = getattr(output, "buffer", None)
        if buffer is None:
            raise QoptError(
                "the target 'onnx' writes a binary file, here goes text only", mend="name a file: -o OUT.onnx"
            )
        buffer.write(serialised(export(module, style, REALS[self.real])))
