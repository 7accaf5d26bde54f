# SPDX-License-Identifier: Apache-2.0
"""The executable meaning of every op: `compile_function(module).run({"x": frames})`."""

from .compiler import compile_function
from .executor import Plan
from .user_inputs import code_values, input_codes
from .values import ExactReal

__all__ = ["ExactReal", "Plan", "code_values", "compile_function", "input_codes"]
