# SPDX-License-Identifier: Apache-2.0
"""What a precision specification says, as plain data. `str(specification)` is its text, which parses to the same.

Rules are read in order, and a later one overrides an earlier one role by role: `Specification.choices` gives what
holds for a layer.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, fields
from enum import StrEnum
from fnmatch import fnmatchcase
from fractions import Fraction
from pathlib import Path

from ...qdialect.formats import FORMAT_NAMES, FloatFormat, IntRange

MAX_BITS = 32  # of a format that is chosen; data types of ONNX end there


class Role(StrEnum):
    """What a tensor is in its layer."""

    WEIGHT = "weight"
    ACTIVATION = "activation"  # the numbers that a layer gives to the next
    FUNCTION = "function"  # what a sigmoid, tanh, ... of the layer gets, where it becomes a table
    BIAS = "bias"
    ACCUMULATOR = "accumulator"


class Kind(StrEnum):
    """Kinds of number formats."""

    FIXED = "fixed"  # signed where a number is negative, else unsigned
    UFIXED = "ufixed"  # unsigned: negative numbers become 0
    FLOAT = "float"


class Granularity(StrEnum):
    """Which numbers have a scale of their own."""

    TENSOR = "tensor"
    CHANNEL = "channel"


class Clip(StrEnum):
    """How the largest number that a format holds is chosen; larger ones saturate."""

    MAX = "max"
    PERCENTILE = "percentile"
    MSE = "mse"  # least mean squared error
    KL = "kl"  # least Kullback-Leibler divergence of the histograms


class Objective(StrEnum):
    """What an optimisation makes small."""

    BIT_OPERATIONS = "bit_operations"
    WEIGHT_MEMORY = "weight_memory"
    LUTS = "luts"


class Measure(StrEnum):
    """What a bound is about; the network before is the one quantised with the most bits that its formats allow."""

    ACCURACY = "accuracy"  # loss in percentage points against the network before, at most
    AGREEMENT = "agreement"  # percent of frames whose first choice stays that of the network before, at least
    SQNR = "sqnr"  # decibels of signal to quantisation noise at the output, at least


class Rounding(StrEnum):
    """How weights are rounded."""

    NEAREST = "nearest"
    RECONSTRUCT = "reconstruct"  # such that the sums of the layer change least on the data (GPTQ)


class SharingGranularity(StrEnum):
    """Which weights share one codebook."""

    NETWORK = "network"
    LAYER = "layer"
    CHANNEL = "channel"
    KERNEL = "kernel"


KINDS_OF_LAYERS = ("input", "conv", "depthwise", "conv_transpose", "matmul", "add", "pool", "other")


@dataclass(frozen=True)
class Place:
    """Where something is said: line and column count from 1."""

    line: int
    column: int
    length: int = 1


@dataclass(frozen=True)
class FormatChoice:
    """A number format, or a range of them to choose from.

    Args:
        bits: word lengths that may be chosen; a single one if `lo == hi`.
        fraction_bits: fixes the scale to 2^-fraction_bits; None: the scale follows from the data.
        float_format: the format if `kind` is FLOAT.
        power_of_two: only scales that are powers of two, which cost no multiplication.
        asymmetric: codes may be centred elsewhere than at zero.
        percentile: percent of the numbers that do not saturate, for Clip.PERCENTILE.
        clip: None: what suits the role (see docs/precision.md).
    """

    kind: Kind
    bits: IntRange
    fraction_bits: int | None = None
    float_format: FloatFormat | None = None
    granularity: Granularity = Granularity.TENSOR
    power_of_two: bool = False
    asymmetric: bool = False
    clip: Clip | None = None
    percentile: Fraction | None = None
    place: Place | None = field(default=None, compare=False)

    def __str__(self) -> str:
        parts = [self._format_text()]
        if self.granularity is Granularity.CHANNEL:
            parts.append("per channel")
        if self.power_of_two:
            parts.append("power_of_two")
        if self.asymmetric:
            parts.append("asymmetric")
        if self.clip is not None:
            parts.append(f"clip {self.clip}")
        if self.percentile is not None:
            parts.append(number_text(self.percentile))
        return " ".join(parts)

    def _format_text(self) -> str:
        if self.float_format is not None:
            names = [name for name, format_ in FORMAT_NAMES.items() if format_ == self.float_format]
            return names[0] if names else float_text(self.float_format)
        fraction = "" if self.fraction_bits is None else f", {self.fraction_bits}"
        return f"{self.kind}<{range_text(self.bits)}{fraction}>"


@dataclass(frozen=True)
class Sharing:
    """Weights that share `count` values."""

    count: IntRange
    granularity: SharingGranularity = SharingGranularity.LAYER
    codebook: FormatChoice | None = None  # format of the shared values; None: as the weights
    place: Place | None = field(default=None, compare=False)

    def __str__(self) -> str:
        codebook = "" if self.codebook is None else f" codebook {self.codebook}"
        return f"{range_text(self.count)} per {self.granularity}{codebook}"


@dataclass(frozen=True)
class Pattern:
    """Layers by the glob of a name, or by their kind."""

    text: str
    is_kind: bool = False
    place: Place | None = field(default=None, compare=False)

    def matches(self, names: Collection[str], kind: str) -> bool:
        return self.text == kind if self.is_kind else any(fnmatchcase(name, self.text) for name in names)

    def __str__(self) -> str:
        return self.text if self.is_kind else quoted(self.text)


@dataclass(frozen=True)
class Rule:
    """What holds for the layers of some patterns. `keep`: they stay float32, whatever else is said."""

    patterns: tuple[Pattern, ...]
    formats: Mapping[Role, FormatChoice] = field(default_factory=dict[Role, FormatChoice])
    keep: bool = False
    share: Sharing | None = None
    keep_place: Place | None = field(default=None, compare=False)

    def matches(self, names: Collection[str], kind: str) -> bool:
        return any(pattern.matches(names, kind) for pattern in self.patterns)

    def __str__(self) -> str:
        lines = [f"    {role} = {choice}" for role, choice in self.formats.items()]
        lines += ["    keep"] if self.keep else []
        lines += [f"    share = {self.share}"] if self.share is not None else []
        return "\n".join([f"layers {', '.join(map(str, self.patterns))} {{", *lines, "}"])


@dataclass(frozen=True)
class DataArrays:
    """Names of arrays in the file: frames, and their labels."""

    frames: str
    labels: str | None = None
    place: Place | None = field(default=None, compare=False)
    labels_place: Place | None = field(default=None, compare=False)

    def __str__(self) -> str:
        return _name(self.frames) if self.labels is None else f"{_name(self.frames)} labels {_name(self.labels)}"


@dataclass(frozen=True)
class DataSource:
    """Where frames come from. A stored number x means `x * scale + offset`.

    Args:
        calibration: what ranges are observed on, `samples` frames drawn by chance, the same each time (None: all).
        test: what accuracy is measured on; None: the same arrays.
    """

    file: str
    calibration: DataArrays
    test: DataArrays | None = None
    scale: Fraction = Fraction(1)
    offset: Fraction = Fraction(0)
    samples: int | None = None
    folder: Path = field(default=Path(), compare=False)  # what `file` is relative to
    place: Place | None = field(default=None, compare=False)

    @property
    def path(self) -> Path:
        return self.folder / self.file

    def __str__(self) -> str:
        lines = [f"    file = {quoted(self.file)}", f"    calibration = {self.calibration}"]
        lines += [f"    test = {self.test}"] if self.test is not None else []
        lines += [f"    scale = {number_text(self.scale)}"] if self.scale != 1 else []
        lines += [f"    offset = {number_text(self.offset)}"] if self.offset else []
        lines += [f"    samples = {self.samples}"] if self.samples is not None else []
        return "\n".join(["data {", *lines, "}"])


@dataclass(frozen=True)
class Bound:
    """How far results may be from those of the network with the most bits that its formats allow."""

    measure: Measure
    value: Fraction

    def __str__(self) -> str:
        before = "drop " if self.measure is Measure.ACCURACY else ""
        unit = "dB" if self.measure is Measure.SQNR else "%"
        return f"{self.measure} {before}{number_text(self.value)} {unit}"


@dataclass(frozen=True)
class Choices:
    """What a specification says of one layer."""

    formats: Mapping[Role, FormatChoice]
    keep: bool = False
    share: Sharing | None = None
    keep_place: Place | None = None


@dataclass(frozen=True)
class Specification:
    """All that is said. `name` is the file, for messages, `text` its text, `places` where settings stand in it."""

    rules: tuple[Rule, ...] = ()
    data: DataSource | None = None
    rounding: Rounding = Rounding.NEAREST
    equalize: bool = False
    bias_correction: bool = False
    objective: Objective | None = None
    bound: Bound | None = None
    name: str = field(default="<specification>", compare=False)
    text: str = field(default="", compare=False)
    places: Mapping[str, Place] = field(default_factory=dict[str, Place], compare=False)

    def choices(self, names: Collection[str], kind: str) -> Choices:
        """What holds for the layer with these node names: the last word on each role and on sharing."""
        formats, keep, share, place = dict[Role, FormatChoice](), False, None, None
        for rule in self.rules:
            if not rule.matches(names, kind):
                continue
            formats.update(rule.formats)
            keep, place = keep or rule.keep, place or rule.keep_place
            share = rule.share or share
        return Choices(formats, keep, share, place)

    def __str__(self) -> str:
        parts = [str(part) for part in (self.data, *self.rules) if part is not None]
        defaults = Specification()
        for item in fields(self):
            value = getattr(self, item.name)
            if item.name in SETTINGS and value != getattr(defaults, item.name):
                parts.append(f"{item.name} = {'on' if value is True else value}")
        return "\n".join(parts) + "\n"


SETTINGS = ("rounding", "equalize", "bias_correction", "objective", "bound")


def range_text(range_: IntRange) -> str:
    return str(range_.lo) if range_.lo == range_.hi else f"{range_.lo}..{range_.hi}"


def number_text(number: Fraction) -> str:
    """`1/255`, `0.5`, `99.99`: a decimal where it is exact."""
    denominator = number.denominator
    for prime in (2, 5):
        while denominator % prime == 0:
            denominator //= prime
    if denominator != 1:
        return str(number)
    digits = 0
    while (number * 10**digits).denominator != 1:
        digits += 1
    scaled = str(abs(int(number * 10**digits))).zfill(digits + 1)
    whole = f"{scaled[:-digits]}.{scaled[-digits:]}" if digits else scaled
    return f"-{whole}" if number < 0 else whole


def float_text(format_: FloatFormat) -> str:
    """`float<4, 3, bias = 7, specials = fn, flush>`, without what is default."""
    parts = [str(format_.exponent_bits), str(format_.fraction_bits)]
    if format_.bias != (1 << (format_.exponent_bits - 1)) - 1:
        parts.append(f"bias = {format_.bias}")
    if format_.specials != "none":
        parts.append(f"specials = {format_.specials}")
    if not format_.subnormals:
        parts.append("flush")
    return f"float<{', '.join(parts)}>"


def _name(text: str) -> str:
    """The text as a word, quoted if it is none."""
    return text if text.isascii() and text.isidentifier() else quoted(text)


def quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
