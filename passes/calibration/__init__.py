# SPDX-License-Identifier: Apache-2.0
"""From a float network and data to its quantisers: where they stand, what they saw, which scales they get."""
