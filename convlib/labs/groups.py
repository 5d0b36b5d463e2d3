"""The groups lab: which kernel sees which channel, what that saves, and what a shuffle mends."""

from __future__ import annotations

from typing import Any

import traitlets

from .._arrays import Array
from .._types import Ints
from ..costs import LayerCost, conv_cost
from ..groups import channel_reach
from ._lab import Lab, OneOf, Whole, paragraph, table


class Groups(Lab):
    """Channels and kernels as a wiring: choose a channel, and follow where it leads.

    Parameters
    ----------
    channels, kernels : int, default 12
        C and K, 1 to 16; kernels alone defaults to channels.
    groups : int, default 3
        G, 1 to 16, the same in every layer.
    kernel_size, size : int, default 3, 28
        Sides of the kernels and of the input's maps, which the costs are counted for; 1 to 7 and
        1 to 224. The maps are padded by ``(kernel_size - 1) // 2``.
    layers : int, default 1
        One layer, or two in a row; the second has as many kernels as the first.
    shuffle : bool, default False
        Shuffle the channels between two layers.
    channel : int, default 0
        The input channel to follow; the last one where there are fewer.
    ask : {"lines", "reach"}
        What the reader predicts first: how many lines are drawn, or how many outputs are reached.
    revealed : bool, default False
        Show the answer without asking.

    Examples
    --------
    >>> Groups(channels=6, groups=2)
    Groups(channels=6, kernels=6, groups=2)
    """

    script = "groups"
    channels = Whole(12, 1, 16)
    kernels = Whole(12, 1, 16)
    groups = Whole(3, 1, 16)
    kernel_size = Whole(3, 1, 7)
    size = Whole(28, 1, 224)
    layers = Whole(1, 1, 2)
    shuffle = traitlets.Bool(False).tag(sync=True)
    channel = Whole(0, 0, 15)
    ask = OneOf("lines", "reach")

    def __init__(self, **traits: Any) -> None:
        super().__init__(**traits)
        if "kernels" not in traits:
            self.kernels = self.channels

    def plain(self) -> str:
        """What is reached and what it costs as sentences, the reach as a table."""
        reach = self._reach(self.groups)
        c = min(self.channel, self.channels - 1)
        reached = [str(k) for k in reach[:, c].nonzero()[0]]
        costs, dense = self._costs(self.groups), self._costs(1)
        weights, all_weights = (sum(cost.parameters for cost in stack) for stack in (costs, dense))
        work, all_work = (sum(cost.multiply_adds for cost in stack) for stack in (costs, dense))
        return "\n".join(
            [
                paragraph(
                    f"C = {self.channels}, K = {self.kernels}, G = {self.groups}: {weights:,} of "
                    f"{all_weights:,} weights, {work:,} of {all_work:,} multiply-adds. Channel {c} "
                    f"reaches {len(reached)} of {self.kernels} outputs: {', '.join(reached)}."
                ),
                table("Which output (row) is reached by which channel (column)", reach.astype(int)),
            ]
        )

    def _reach(self, groups: int) -> Array:
        """Whether output ``k`` is reached by channel ``c``: (K, C) of bool."""
        layers: list[Any] = [("conv", self.kernels, groups)]
        if self.layers > 1:
            layers += [("shuffle", groups)] * self.shuffle + layers
        return channel_reach(self.channels, layers)

    def _costs(self, groups: int) -> list[LayerCost]:
        """The cost of each layer, without biases."""
        shape: Ints = (1, self.channels, self.size, self.size)
        costs = []
        for _ in range(self.layers):
            weight = (self.kernels, shape[1] // groups, self.kernel_size, self.kernel_size)
            padding = (self.kernel_size - 1) // 2
            costs.append(conv_cost(shape, weight, bias=False, padding=padding, groups=groups))
            shape = costs[-1].output_shape
        return costs
