# SPDX-License-Identifier: Apache-2.0
"""The table of front ends: one line a file suffix, imported on use.

A front end is a function `f(path, *, shapes) -> ModuleOp`: the model as q ops in `@main`, or QoptError.
"""

FRONTENDS: dict[str, str] = {
    ".onnx": ".onnx:import_onnx",
}
