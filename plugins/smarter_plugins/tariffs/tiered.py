"""Tariff ``tiered``: the more a household uses in a billing period, the more (or less) a further kWh costs."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from itertools import pairwise
from typing import Annotated, Self

from pydantic import BeforeValidator, Field, model_validator

from smarter.api import BillLine, MeteredWindow, PluginOptions, Tariff
from smarter_plugins.tariffs.lines import Lines
from smarter_plugins.tariffs.money import ExportingOptions, Rate, exact

MWH_PER_KWH = 1_000_000


class Block(PluginOptions):
    """A block of a billing period's energy."""

    up_to_kwh: Annotated[Decimal, BeforeValidator(exact)] | None = Field(
        None, description="Where it ends, in kWh since the period began; left out for the last, which has no end."
    )
    rate: Rate = Field(description="Money per kWh in it.")

    @model_validator(mode="after")
    def _ends_at_a_whole_mwh(self) -> Self:
        if self.up_to_kwh is not None and (self.up_to_kwh <= 0 or self.up_to_kwh * MWH_PER_KWH % 1):
            raise ValueError(f"up_to_kwh {self.up_to_kwh} is not above 0, or has more than six decimals; change it")
        return self


class TieredOptions(ExportingOptions):
    """Options of ``tiered``."""

    blocks: tuple[Block, ...] = Field(
        min_length=1, description='Blocks in order, such as [{up_to_kwh: 500, rate: "0.12"}, {rate: "0.18"}].'
    )

    @model_validator(mode="after")
    def _blocks_follow_each_other(self) -> Self:
        *bounded, last = (block.up_to_kwh for block in self.blocks)
        if last is not None:
            raise ValueError(f"the last of blocks ends at {last} kWh; leave out its up_to_kwh, or add a block after it")
        for number, end in enumerate(bounded, 1):
            if end is None:
                raise ValueError(f"block {number} of blocks has no up_to_kwh; only the last may be without")
        for before, after in pairwise(end for end in bounded if end is not None):
            if after <= before:
                raise ValueError(f"blocks end at {before} and then at {after} kWh; put them in rising order")
        return self


class Tiered(Tariff):
    """Blocks count from the start of each billing period.

    A window that crosses from one block into another is charged in both. Without ``export_rate`` exported energy takes
    the count back, so that a period costs what its net energy costs; below nothing at all, it is credited at the first
    block's rate. With it, exports leave the blocks alone.
    """

    name = "tiered"
    summary = "Blocks of a billing period's energy, each with its rate."
    Options = TieredOptions

    def changes(self) -> Sequence[int]:
        """None: its prices change with what is used, not with the clock."""
        return ()

    def lines(self, windows: Sequence[MeteredWindow]) -> Sequence[BillLine]:
        """A line a block that was touched, and one of exports with ``export_rate``."""
        options: TieredOptions = self.options
        ends = [int(block.up_to_kwh * MWH_PER_KWH) for block in options.blocks if block.up_to_kwh is not None]
        labels = _labels(options.blocks)
        lines = Lines()
        used = 0
        for index, window in enumerate(windows):
            if window.energy < 0 and options.export_rate is not None:
                lines.add((len(labels),), "export", options.export_rate, window.energy, index)
                continue
            for block, energy in _split(ends, used, used + window.energy):
                lines.add((block,), labels[block], options.blocks[block].rate, energy, index)
            used += window.energy
        return lines.bill()


def _split(ends: Sequence[int], start: int, end: int) -> list[tuple[int, int]]:
    """The blocks between two counts of a period's mWh, with the energy that the way from one to the other has in each.

    The first block reaches down without end, the last one up. A way that is nowhere is in one block.
    """
    low, high = min(start, end), max(start, end)
    parts = []
    for block in range(len(ends) + 1):
        bottom = max(low, ends[block - 1]) if block else low
        top = min(high, ends[block]) if block < len(ends) else high
        if top > bottom:
            parts.append((block, top - bottom if end > start else bottom - top))
    return parts or [(sum(bound <= start for bound in ends), 0)]


def _labels(blocks: Sequence[Block]) -> list[str]:
    ends = [f"{block.up_to_kwh:f}" for block in blocks if block.up_to_kwh is not None]
    if not ends:
        return ["energy"]
    between = [f"{below} to {above} kWh" for below, above in pairwise(ends)]
    return [f"up to {ends[0]} kWh", *between, f"over {ends[-1]} kWh"]
