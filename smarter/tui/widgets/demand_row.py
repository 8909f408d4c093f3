"""A neighbourhood's peak, base and load factor in large digits; where it exports, its import and export peak."""

from __future__ import annotations

from collections.abc import Callable

from textual.app import ComposeResult
from textual.containers import Horizontal

from smarter.charts.marks import kwh
from smarter.model.results import DemandFigures
from smarter.tui.widgets.large_figure import LargeFigure

NAMES = ("peak", "base", "factor")


class DemandRow(Horizontal):
    """Three large figures in a row."""

    DEFAULT_CSS = """
    DemandRow { height: 4; }
    DemandRow #base { width: 0.6fr; }
    DemandRow.exports #base { width: 1fr; }
    DemandRow.exports #factor { width: 0.7fr; }
    """

    def compose(self) -> ComposeResult:
        """Peak, base or export peak, load factor."""
        for name in NAMES:
            yield LargeFigure(id=name)

    def show(self, figures: DemandFigures, spell: Callable[[int, str], str], *, mean: bool) -> None:
        """Show a neighbourhood's figures.

        Args:
            figures: of its demand.
            spell: writes a moment, given in epoch seconds, in a time zone.
            mean: whether the mean power has room beside the load factor.
        """

        def at(start: int | None) -> str:
            return "" if start is None else f" {spell(start, figures.timezone)}"

        exports = figures.export_peak_kw is not None
        self.set_class(exports, "exports")
        self._figure("peak").show(figures.peak_kw, f"Σ peak kW{at(figures.peak_start)}")
        if exports:
            self._figure("base").show(figures.export_peak_kw, f"Σ export kW{at(figures.export_peak_start)}")
            self._figure("factor").show(None, "base, load factor")
        else:
            beside = f", mean {figures.mean_kw:,.3f} kW" if mean and figures.mean_kw is not None else ""
            self._figure("base").show(figures.base_kw, "Σ base kW")
            self._figure("factor").show(figures.load_factor, f"Σ load factor{beside}")

    def forget(self) -> None:
        """Keep nothing of what was shown."""
        self.remove_class("exports")
        for name in NAMES:
            self._figure(name).show(None, "")

    def _figure(self, name: str) -> LargeFigure:
        return self.query_one(f"#{name}", LargeFigure)


def energies(figures: DemandFigures) -> str:
    """Import and export of a neighbourhood that has both; empty without export."""
    if not figures.export_mwh:
        return ""
    return f"  import {kwh(figures.import_mwh)} kWh, export {kwh(figures.export_mwh)} kWh"
