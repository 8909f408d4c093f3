"""Source ``umass``: meter files in the layout of the UMass Smart* apartments, as CSV or XLSX."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from pydantic import Field

from smarter.api import PluginOptions, ScenarioPath, Source, SourceContext, SourceMeter
from smarter_plugins.sources.delimited import DelimitedMeter
from smarter_plugins.sources.layouts import Layout
from smarter_plugins.sources.meter_files import find
from smarter_plugins.sources.workbook import WorkbookMeter

_WORKBOOKS = (".xlsx", ".xlsm")
_LAYOUT = Layout(advice="write wall-clock time, or read the file with source csv.")


class UmassOptions(PluginOptions):
    """Where the files are."""

    path: ScenarioPath = Field(
        description="A folder of .csv and .xlsx files, one file, or a pattern such as data/apt*.csv; "
        "a meter is called what its file is."
    )


class Umass(Source):
    """One file a meter: wall-clock stamp, then kW averaged over the interval; a header row or none."""

    name: ClassVar[str] = "umass"
    summary: ClassVar[str] = "UMass Smart* apartments: CSV or XLSX, stamp and mean kW, a file a meter."
    Options: ClassVar[type[PluginOptions]] = UmassOptions

    def meters(self, context: SourceContext) -> Sequence[SourceMeter]:
        files = find(self.options.path, (".csv", *_WORKBOOKS))
        return [
            WorkbookMeter(name, path) if path.suffix.lower() in _WORKBOOKS else DelimitedMeter(name, path, _LAYOUT)
            for name, path in files.items()
        ]
