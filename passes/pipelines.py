# SPDX-License-Identifier: Apache-2.0
"""Named pipelines: lists of passes that `-p` accepts under one name."""

PIPELINES: dict[str, list[str]] = {}
