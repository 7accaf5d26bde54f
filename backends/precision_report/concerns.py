# SPDX-License-Identifier: Apache-2.0
"""What in a layer of the precision report deserves a look."""

from __future__ import annotations

from typing import Any

LOW_WEIGHT_SQNR = 20.0  # dB
LOW_ACTIVATION_SQNR = 15.0  # dB
HIGH_SATURATION = 0.05  # share
FEW_CODES = 0.5  # share of the codes used, of formats of at least LEAST_CODES
LEAST_CODES = 8


def concerns(row: dict[str, Any]) -> list[str]:
    """Sentences about the weights and activations of a layer; none if nothing stands out."""
    found: list[str] = []
    lows = {"weight": LOW_WEIGHT_SQNR, "function": LOW_ACTIVATION_SQNR, "activation": LOW_ACTIVATION_SQNR}
    for role, low in lows.items():
        figures = row.get(role) or {}
        ratio, saturated, codes = (figures.get(key) for key in ("sqnr_db", "saturated", "codes"))
        if isinstance(ratio, float | int) and ratio < low:
            found.append(f"{role} SQNR is {ratio:.1f} dB, below {low:g} dB")
        if saturated is not None and saturated >= HIGH_SATURATION:
            numbers = "arguments of the function" if role == "function" else f"{role}s"
            found.append(f"{100 * saturated:.1f} % of the {numbers} saturate")
        shared = figures.get("codebook") is not None
        if (
            codes is not None
            and not shared
            and codes["held"] >= LEAST_CODES
            and codes["used"] < FEW_CODES * codes["held"]
        ):
            found.append(f"{role}s use {codes['used']} of {codes['held']} codes")
    return found
