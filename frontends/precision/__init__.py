# SPDX-License-Identifier: Apache-2.0
"""What a user wants of the precision of a network: a small language, and the data to calibrate and to score with."""
