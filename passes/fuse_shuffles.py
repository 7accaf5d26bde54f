# SPDX-License-Identifier: Apache-2.0
"""Make one q.gather of reshapes and transpositions that change the order along one axis (channel shuffle).

Before:
    %a = q.reshape %x : tensor<1x6x4x4xf32> -> tensor<1x2x3x4x4xf32>
    %b = q.transpose %a perm [0, 2, 1, 3, 4] : tensor<1x2x3x4x4xf32> -> tensor<1x3x2x4x4xf32>
    %y = q.reshape %b : tensor<1x3x2x4x4xf32> -> tensor<1x6x4x4xf32>
After:
    %y = q.gather %x indices [0, 3, 1, 4, 2, 5] axis 1 : tensor<1x6x4x4xf32> -> tensor<1x6x4x4xf32>

Exact: the same elements at the same places.
Needs: views of the same shape at both ends, each used by the next alone.   Keeps: types, ranges, locations.
Leaves: views that move elements along several axes. Views that together do nothing go.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import ClassVar

import numpy as np
from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.passes import ModulePass
from xdsl.pattern_rewriter import PatternRewriter, RewritePattern, op_type_rewrite_pattern

from ..qdialect.attrs import Array
from ..qdialect.q import GatherOp, ReshapeOp
from ..qdialect.types import shape_of
from .fuse_views import views_to
from .rewriting import at, replace, rewrite


class FuseViewsIntoGather(RewritePattern):
    """reshapes and transpositions   =>   gather."""

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: ReshapeOp, rewriter: PatternRewriter, /) -> None:
        views, shape = views_to(op), shape_of(op.result)
        first = next((place for place, view in enumerate(views) if shape_of(view.input) == shape), len(views))
        views = views[first:]
        if len(views) < 2:
            return
        order = np.arange(prod(shape)).reshape(shape)
        for view in views:
            order = view.move(order)
        found = next((pair for axis in range(len(shape)) if (pair := _along(order, axis))), None)
        if (order.reshape(-1) == np.arange(order.size)).all():
            rewriter.replace(op, [], [views[0].input])
        elif found is not None:
            replace(rewriter, op, [at(GatherOp(views[0].input, *found), op)])


def _along(order: Array, axis: int) -> tuple[Array, int] | None:
    """(place of each place, axis) if elements, numbered in their order, changed it along this axis alone."""
    size = order.shape[axis]
    indices = np.moveaxis(order, axis, 0).reshape(size, -1)[:, 0] // prod(order.shape[axis + 1 :])
    if indices.max() >= size:
        return None
    moved = np.take(np.arange(order.size).reshape(order.shape), indices, axis=axis)
    return (indices, axis) if (moved == order).all() else None


@dataclass(frozen=True)
class FuseShufflesPass(ModulePass):
    """Make one q.gather of reshapes and transpositions that change the order along one axis."""

    name = "q-fuse-shuffles"
    exact: ClassVar[bool] = True

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        rewrite(op, FuseViewsIntoGather())
