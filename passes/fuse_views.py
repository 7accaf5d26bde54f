# SPDX-License-Identifier: Apache-2.0
"""Make one q.depth_to_space of reshapes and transpositions between two images with their channels last.

Before:
    %a = q.conv %x, %w ... channels_last : ... -> tensor<1x4x4x8x!q.fixed<8, 0>>
    %b = q.reshape %a : tensor<1x4x4x8x!q.fixed<8, 0>> -> tensor<1x4x4x2x2x2x!q.fixed<8, 0>>
    %c = q.transpose %b perm [0, 1, 4, 2, 5, 3]
    %d = q.reshape %c : tensor<1x4x2x4x2x2x!q.fixed<8, 0>> -> tensor<1x8x8x2x!q.fixed<8, 0>>
    %y = q.conv %d, %v ... channels_last
After:
    %a = q.conv %x, %rows_of_w_in_another_order ... channels_last : ... -> tensor<1x4x4x8x!q.fixed<8, 0>>
    %d = q.depth_to_space %a axis 3 axes [1, 2] factors [2, 2] : ... -> tensor<1x8x8x2x!q.fixed<8, 0>>
    %y = q.conv %d, %v ... channels_last

Exact: the same elements at the same places; if channels count the pixels last (ONNX's mode CRD), the layer in front
computes them in the other order.
Needs: q-make-channels-last.   Keeps: types, ranges, locations.
Leaves: views whose result is returned, which the host does for nothing; views that do anything else.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import ClassVar

import numpy as np
from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.dialects.func import ReturnOp
from xdsl.ir import Operation
from xdsl.passes import ModulePass
from xdsl.pattern_rewriter import PatternRewriter, RewritePattern

from ..qdialect.attrs import Array
from ..qdialect.q import DepthToSpaceOp, ReshapeOp, TransposeOp
from ..qdialect.types import element_type, is_integer_type, shape_of
from .absorb_transposes import makers_of, reorder
from .rewriting import at, replace, rewrite

VIEWS = (ReshapeOp, TransposeOp)


class FuseViewsIntoDepthToSpace(RewritePattern):
    """reshapes and transpositions of an image   =>   depth_to_space."""

    def match_and_rewrite(self, op: Operation, rewriter: PatternRewriter, /) -> None:
        if not isinstance(op, VIEWS) or not is_integer_type(element_type(op.result)) or not _ends(op):
            return
        views = views_to(op)
        source = views[0].input
        found = _shuffle(views)
        if found is None:
            return
        factors, order = found
        if not np.array_equal(order, np.arange(order.size)):
            makers = makers_of(source)
            if makers is None:
                return
            reorder(makers, order)
        rank = len(shape_of(source))
        replace(rewriter, op, [at(DepthToSpaceOp(source, rank - 1, range(1, rank - 1), factors), op)])


def _ends(op: ReshapeOp | TransposeOp) -> bool:
    """Whether something computes with what the view gives."""
    users = [use.operation for use in op.result.uses]
    return bool(users) and not any(isinstance(user, (*VIEWS, ReturnOp)) for user in users)


def views_to(op: ReshapeOp | TransposeOp) -> list[ReshapeOp | TransposeOp]:
    """The views from the first, in their order, to `op`; all but the last have one use."""
    found = [op]
    while isinstance(found[0].input.owner, VIEWS) and found[0].input.has_one_use():
        found.insert(0, found[0].input.owner)
    return found


def _shuffle(views: list[ReshapeOp | TransposeOp]) -> tuple[list[int], Array] | None:
    """(factors, which channel of the image comes at each place in front of a depth_to_space) that do the same."""
    before, after = shape_of(views[0].input), shape_of(views[-1].result)
    if not len(before) == len(after) in (3, 4) or before[0] != 1 or after[0] != 1:
        return None
    factors = [new // old for old, new in zip(before[1:-1], after[1:-1], strict=True)]
    if prod(factors) < 2 or [old * factor for old, factor in zip(before[1:-1], factors, strict=True)] != [*after[1:-1]]:
        return None
    places = np.arange(prod(before)).reshape(before)
    for view in views:
        places = view.move(places)
    rank = len(factors)
    split = [size for pair in zip(before[1:-1], factors, strict=True) for size in pair]
    phases = (*range(0, 2 * rank, 2), *range(1, 2 * rank, 2), 2 * rank)  # [rows, columns, phases of both, channels]
    pixels = places.reshape(*split, -1).transpose(phases).reshape(-1, before[-1])
    order = pixels[0]
    expected = np.arange(len(pixels))[:, None] * before[-1] + order
    return (factors, order) if bool((pixels == expected).all()) and order.max() < before[-1] else None


@dataclass(frozen=True)
class FuseViewsPass(ModulePass):
    """Make one q.depth_to_space of reshapes and transpositions between two images."""

    name = "q-fuse-views"
    exact: ClassVar[bool] = True

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        rewrite(op, FuseViewsIntoDepthToSpace())
