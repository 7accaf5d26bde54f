# SPDX-License-Identifier: Apache-2.0
"""What a quantisation did: the format, scale and noise of each layer, and what is left of the accuracy."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from ..noise import decibel_text
from .scoring import Score

NOISE_FRAMES = 64  # frames on which the noise of each layer is measured
FLOAT32, GIVEN = "float32", "the quantised network that was given"


@dataclass(frozen=True)
class LayerReport:
    """One layer: its formats as text (None: float32), and its signal to noise ratios in dB.

    `weight_sqnr` is that of the weights alone; `sqnr` that of the activations, errors of earlier layers included.
    """

    name: str
    kind: str
    weight: str | None = None
    activation: str | None = None
    bias: str | None = None
    function: str | None = None  # what a sigmoid, tanh, ... of the layer gets
    weight_sqnr: float | None = None
    sqnr: float | None = None


@dataclass(frozen=True)
class QuantizationReport:
    """All layers, and the score of the network (None: there were no data).

    `reference`: what the network was before, and is compared with: FLOAT32, or GIVEN if it came with quantisers.
    `notes`: how much of the network the settings reach.
    """

    layers: tuple[LayerReport, ...]
    score: Score | None = None
    calibration_frames: int = 0
    reference: str = FLOAT32
    notes: tuple[str, ...] = ()

    def as_data(self) -> dict[str, Any]:
        """For JSON; a ratio without noise is null."""
        return _finite(asdict(self))

    def __str__(self) -> str:
        roles = ["weight", "activation", "bias"]
        roles += ["function"] if any(layer.function for layer in self.layers) else []
        titles = ("layer", "kind", *roles, "weight SQNR", "SQNR")
        rows = [titles]
        for layer in self.layers:
            texts = (layer.name, layer.kind, *(getattr(layer, role) for role in roles))
            rows.append((*(text or "-" for text in texts), _decibels(layer.weight_sqnr), _decibels(layer.sqnr)))  # pyright: ignore[reportArgumentType]
        rows = [(_shortened(row[0]), *row[1:]) for row in rows]
        widths = [max(len(row[column]) for row in rows) for column in range(len(titles))]
        lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
        return "\n".join([*lines, *self.notes, *self._score_lines()]) + "\n"

    def _score_lines(self) -> list[str]:
        if self.score is None:
            return []
        score = self.score
        lines = [
            f"calibrated on {self.calibration_frames} frames, scored on {score.frames}",
            f"output: {_decibels(score.sqnr)}; of each layer: on the first {min(NOISE_FRAMES, score.frames)} frames",
        ]
        if score.agreement is not None:
            lines.append(f"first choice as in {self.reference}: {score.agreement:.2f} %")
        if score.accuracy is not None:
            lines.append(f"accuracy: {score.accuracy:.2f} %, in {self.reference} {score.float_accuracy:.2f} %")
        return lines


LONGEST_NAME = 48


def _shortened(name: str) -> str:
    half = LONGEST_NAME // 2 - 2
    return name if len(name) <= LONGEST_NAME else f"{name[:half]}...{name[-half:]}"


def _decibels(ratio: float | None) -> str:
    return "-" if ratio is None else decibel_text(ratio)


def _finite(data: Any) -> Any:
    if isinstance(data, dict):
        return {key: _finite(value) for key, value in data.items()}  # pyright: ignore[reportUnknownVariableType]
    if isinstance(data, list | tuple):
        return [_finite(value) for value in data]  # pyright: ignore[reportUnknownVariableType]
    return None if data in (float("inf"), float("-inf")) else data
