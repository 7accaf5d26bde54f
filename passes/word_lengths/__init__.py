# SPDX-License-Identifier: Apache-2.0
"""Word lengths as a search: variables, what they cost, how good a choice is, and algorithms, one a file."""
