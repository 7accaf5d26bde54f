# SPDX-License-Identifier: Apache-2.0
"""Random small float networks and random specifications for them, both from a seed."""

from __future__ import annotations

import random
from itertools import pairwise

from xdsl.dialects.builtin import ModuleOp

from .networks import Builder

CLIPS = ("clip max", "clip mse", "clip kl", "clip percentile 99", "clip percentile 99.9")
SETTINGS = ("rounding = reconstruct", "equalize = on", "bias_correction = on")
KINDS = ("input", "conv", "depthwise", "matmul", "add", "pool")


def random_network(seed: int) -> tuple[ModuleOp, set[str]]:
    """A network of dense layers, or of convolutions with joins and pools; and the kinds of layers that it has."""
    rng = random.Random(seed)
    return _dense(seed, rng) if rng.random() < 0.25 else _convolutional(seed, rng)


def _dense(seed: int, rng: random.Random) -> tuple[ModuleOp, set[str]]:
    net, sizes = Builder(seed), [rng.randint(2, 12) for _ in range(rng.randint(2, 5))]
    x = "x"
    for index, shape in enumerate(pairwise(sizes)):
        x = net.gemm(x, f"fc{index}", shape)
        if index < len(sizes) - 2:
            x = net.add("Relu", [x], f"relu{index}") if rng.random() < 0.7 else x
    return net.module((1, sizes[0]), x, (1, sizes[-1])), {"input", "matmul"}


def _convolutional(seed: int, rng: random.Random) -> tuple[ModuleOp, set[str]]:
    net, channels, size = Builder(seed), rng.randint(1, 3), 6
    shape, x, kinds = (1, channels, size, size), "x", {"input", "matmul"}
    for index in range(rng.randint(1, 3)):
        kind = rng.choice(("conv", "conv", "depthwise", "add"))
        x, channels = _block(net, rng, x, kind, index, channels)
        kinds |= {kind, "conv"} if kind == "add" else {kind}
        if size == 6 and rng.random() < 0.4:
            pool = rng.choice(("MaxPool", "AveragePool"))
            x, size = net.add(pool, [x], f"pool{index}", kernel_shape=[2, 2], strides=[2, 2]), 3
            kinds |= {"pool"} if pool == "AveragePool" else set()
    count = channels * size * size
    if rng.random() < 0.4:
        x, count = net.add("GlobalAveragePool", [x], "average"), channels
        kinds.add("pool")
    flat = net.add("Flatten", [x], "flatten")
    outputs = rng.randint(2, 4)
    return net.module(shape, net.gemm(flat, "fc", (count, outputs)), (1, outputs)), kinds


def _block(net: Builder, rng: random.Random, x: str, kind: str, index: int, channels: int) -> tuple[str, int]:
    """One layer, or two branches that join; a ReLU behind most."""
    new = channels if kind != "conv" else rng.randint(1, 5)
    group = channels if kind == "depthwise" else 1
    y = net.conv(x, f"conv{index}", (new, channels // group, 3, 3), group=group, pads=[1, 1, 1, 1])
    if rng.random() < 0.4:
        y = net.batch_norm(y, f"norm{index}", new)
    y = net.add("Add", [y, x], f"join{index}") if kind == "add" else y
    return (net.add("Relu", [y], f"relu{index}") if rng.random() < 0.8 else y), new


def random_rules(seed: int, kinds: set[str]) -> str:
    """Rules for all layers, perhaps others for a kind, and settings."""
    rng = random.Random(seed)
    rules = [f'layers "*" {{ weight = {_weight(rng)}; activation = {_activation(rng)} }}']
    if rng.random() < 0.5:
        kind = rng.choice([kind for kind in KINDS if kind in kinds])
        rules.append(f"layers {kind} {{ activation = {_activation(rng)} }}")
    return "\n".join([*rules, *(setting for setting in SETTINGS if rng.random() < 0.25)])


def _weight(rng: random.Random) -> str:
    words = [f"fixed<{rng.randint(2, 9)}>", rng.choice(("per channel", "per tensor"))]
    words += ["power_of_two"] if rng.random() < 0.3 else []
    return " ".join([*words, rng.choice(("", *CLIPS[:2]))])


def _activation(rng: random.Random) -> str:
    if rng.random() < 0.1:
        return f"{rng.choice(('fixed', 'ufixed'))}<{rng.randint(2, 8)}, {rng.randint(-1, 5)}>"
    words = [f"{rng.choice(('fixed', 'fixed', 'ufixed'))}<{rng.randint(2, 10)}>"]
    style = rng.random()
    words += ["power_of_two"] if style < 0.3 else ["asymmetric"] if style < 0.6 else []
    return " ".join([*words, rng.choice(("", *CLIPS))])
