"""Source ``umass``: meter files in the layout of the UMass Smart* apartments, as CSV or XLSX."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import ClassVar

from pydantic import Field

from smarter.api import PluginOptions, ScenarioPath, Source, SourceContext, SourceMeter
from smarter_plugins.sources.bounds import MeterBounds, refuse_too_many
from smarter_plugins.sources.delimited import DelimitedMeter
from smarter_plugins.sources.layouts import Layout
from smarter_plugins.sources.meter_files import beside, find
from smarter_plugins.sources.workbook import WorkbookMeter
from smarter_plugins.sources.workbook_bounds import WorkbookBounds

_WORKBOOKS = (".xlsx", ".xlsm")
_LAYOUT = Layout(fields=2, advice="write wall-clock time, or read the file with source csv.")
_ENDINGS = (".csv", *_WORKBOOKS)


class UmassOptions(MeterBounds):
    """Where the files are, and the most that they may be."""

    changeable = MeterBounds.changeable | {"workbook_mib", "unpacked_mib", "workbook_cells"}

    path: ScenarioPath = Field(
        description="A folder of .csv and .xlsx files, one file, or a pattern such as data/apt*.csv; "
        "a meter is called what its file is."
    )
    workbook_mib: int = Field(WorkbookBounds.file_mib, ge=1, le=1 << 20, description="The most MiB of an XLSX file.")
    unpacked_mib: int = Field(
        WorkbookBounds.unpacked_mib,
        ge=1,
        le=1 << 20,
        description="The most MiB that an XLSX file inflates to, with the texts that its cells repeat.",
    )
    workbook_cells: int = Field(
        WorkbookBounds.cells,
        ge=1,
        le=1 << 34,
        description="The most cells that a sheet of an XLSX file spans or holds.",
    )


class Umass(Source):
    """One file a meter: wall-clock stamp, then kW averaged over the interval; a header row or none."""

    name: ClassVar[str] = "umass"
    summary: ClassVar[str] = "UMass Smart* apartments: CSV or XLSX, stamp and mean kW, a file a meter."
    Options: ClassVar[type[PluginOptions]] = UmassOptions

    def meters(self, context: SourceContext) -> Sequence[SourceMeter]:
        options = self.options
        files = find(options.path, _ENDINGS)
        layout = replace(_LAYOUT, beside=beside(options.path, _ENDINGS))
        refuse_too_many(options.path, len(files), options.most_meters)
        bounds = WorkbookBounds(options.workbook_mib, options.unpacked_mib, options.workbook_cells)
        return [
            WorkbookMeter(name, path, bounds)
            if path.suffix.lower() in _WORKBOOKS
            else DelimitedMeter(name, path, layout)
            for name, path in files.items()
        ]
