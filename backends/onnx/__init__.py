# SPDX-License-Identifier: Apache-2.0
"""Graph- and typed-level IR as ONNX (`qopt -t onnx`): one exporter an op, in `ops/`."""
