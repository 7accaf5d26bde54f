# SPDX-License-Identifier: Apache-2.0
"""The table of passes: one line each, imported on use."""

PASSES: dict[str, str] = {}
