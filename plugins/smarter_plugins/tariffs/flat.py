"""Tariff ``flat``: one rate for every kWh."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import Field

from smarter.api import BillLine, MeteredWindow, Tariff
from smarter_plugins.tariffs.lines import Lines
from smarter_plugins.tariffs.money import ExportingOptions, Rate


class FlatOptions(ExportingOptions):
    """Options of ``flat``."""

    rate: Rate = Field(description="Money per kWh.")


class Flat(Tariff):
    """Its price never changes, so windows may have any length."""

    name = "flat"
    summary = "One rate for every kWh."
    Options = FlatOptions

    def changes(self) -> Sequence[int]:
        """None."""
        return ()

    def lines(self, windows: Sequence[MeteredWindow]) -> Sequence[BillLine]:
        """One line, or two with ``export_rate``: what was used, and what was fed in."""
        options: FlatOptions = self.options
        lines = Lines()
        for index, window in enumerate(windows):
            if window.energy < 0 and options.export_rate is not None:
                lines.add((1,), "export", options.export_rate, window.energy, index)
            else:
                lines.add((0,), "energy", options.rate, window.energy, index)
        return lines.bill()
