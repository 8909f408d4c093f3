"""Source ``csv``: delimited text files with any columns, units and stamps, all by options."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated, ClassVar, Literal, Self
from zoneinfo import ZoneInfo

from pydantic import Field, field_validator, model_validator

from smarter.api import DataError, PluginOptions, ScenarioPath, Source, SourceContext, SourceMeter
from smarter.api.source import Quantity
from smarter_plugins.sources.bounds import MeterBounds, refuse_too_many
from smarter_plugins.sources.delimited import DelimitedMeter
from smarter_plugins.sources.input_file import InputFile
from smarter_plugins.sources.layouts import Layout, first_row, with_offset
from smarter_plugins.sources.meter_files import beside, find, natural
from smarter_plugins.sources.registers import RegisterRows, RowsOptions
from smarter_plugins.sources.shared_file import SharedFile
from smarter_plugins.sources.stamps import StampReader, format_problem

_EXPONENTS = {"kW": 9, "W": 6, "kWh": 9, "Wh": 6}  # to µW and µWh
_POWER_UNITS = ("kW", "W")
_ENDINGS = (".csv", ".tsv", ".txt")

Column = Annotated[int, Field(ge=1)] | Annotated[str, Field(min_length=1)]


_INTERVALS = {"start", "from", "begin", "start time", "start date", "interval start", "period start", "starttime"}
"""Headings of stamps that name an interval, not the moment at which a register was read."""


class CsvOptions(MeterBounds, RowsOptions):
    """Where the files are and how they are written."""

    path: ScenarioPath = Field(
        description="A folder of .csv, .tsv and .txt files, one file, or a pattern such as data/*.csv."
    )
    stamp: Column = Field(1, description="The stamp's column: its name in the header, or counted from 1.")
    value: Column = Field(2, description="The value's column, likewise.")
    meter: Column | None = Field(
        None, description="The column with the meter's name, likewise; without it a file is a meter."
    )
    unit: Literal["kW", "W", "kWh", "Wh"] = Field("kW", description="The values' unit.")
    quantity: Literal["power", "energy", "register"] | None = Field(
        None,
        description="What a value is: mean power over the interval, energy of the interval, or a cumulative "
        "register; power for kW and W, energy for kWh and Wh when it is left out.",
    )
    stamp_at: Literal["start", "end"] = Field(
        "start", description="Whether a stamp names the start or the end of its interval."
    )
    stamp_format: str | None = Field(
        None, description="The stamps' format in strptime's letters, such as %d.%m.%Y %H:%M; ISO 8601 otherwise."
    )
    timezone: str | None = Field(
        None,
        description="IANA name of the zone of stamps without an offset; the neighbourhood's otherwise.",
    )
    delimiter: str = Field(
        ",", min_length=1, max_length=1, description='The character between columns; "\\t" for tabs.'
    )
    decimal: Literal[".", ","] = Field(".", description="The decimal mark.")

    @field_validator("stamp_format")
    @classmethod
    def _whole_date(cls, pattern: str | None) -> str | None:
        if pattern is not None and (problem := format_problem(pattern)) is not None:
            raise ValueError(f"the format {pattern!r} {problem}")
        return pattern

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, name: str | None) -> str | None:
        if name is not None:
            try:
                ZoneInfo(name)
            except (KeyError, ValueError, OSError) as error:
                raise ValueError(f"there is no time zone {name!r}; give an IANA name like Europe/Berlin") from error
        return name

    @field_validator("delimiter")
    @classmethod
    def _plain_delimiter(cls, delimiter: str) -> str:
        if not delimiter.isascii() or delimiter.isalnum() or delimiter in '"\r\n.-+':
            raise ValueError(f"{delimiter!r} cannot be between columns; use , or ; or a tab")
        return delimiter

    @model_validator(mode="after")
    def _fit_together(self) -> Self:
        if self.delimiter == self.decimal:
            raise ValueError(f"delimiter and decimal are both {self.decimal!r}; change one of them")
        if self.quantity is not None and (self.quantity == "power") != (self.unit in _POWER_UNITS):
            raise ValueError(
                f"quantity {self.quantity} cannot be in {self.unit}; power is in kW or W, "
                "energy and register in kWh or Wh"
            )
        if self.quantity == "register" and self.stamp_at == "end":
            raise ValueError(
                "stamp_at cannot be end for a register, which is read at its stamp; leave it out, or say "
                "register.read_at: end where a row is named after the start of its hour and shows the end of it"
            )
        if self.quantity != "register" and self.register != RegisterRows():
            raise ValueError("option register goes with quantity: register; set that, or leave it out")
        return self


class Columns(Source):
    """Delimited text with any columns, one meter a file or many."""

    name: ClassVar[str] = "csv"
    summary: ClassVar[str] = "Delimited text with any columns: power, energy or register; kW, W, kWh or Wh."
    Options: ClassVar[type[PluginOptions]] = CsvOptions

    def meters(self, context: SourceContext) -> Sequence[SourceMeter]:
        options = self.options
        layout = Layout(
            stamp=options.stamp,
            value=options.value,
            meter=options.meter,
            delimiter=options.delimiter,
            mark=options.decimal,
            exponent=_EXPONENTS[options.unit],
            stamps=StampReader(options.stamp_format),
            beside=beside(options.path, _ENDINGS),
        )
        quantity: Quantity = options.quantity or ("power" if options.unit in _POWER_UNITS else "energy")
        found: dict[str, SourceMeter] = {}
        files = find(options.path, _ENDINGS)
        refuse_too_many(options.path, len(files), options.most_meters)
        for stem, path in files.items():
            file = InputFile(path)
            one = replace(layout, offset=with_offset(layout, file))
            if quantity == "register" and options.register.read_at is None:
                _refuse_interval_stamps(file, one)
            meters: Sequence[SourceMeter] = [DelimitedMeter(stem, path, one, quantity=quantity)]
            if options.meter is not None:
                meters = SharedFile(path, one, options.most_meters).meters(quantity)
            for meter in meters:
                if meter.name in found:
                    raise DataError(
                        f"{found[meter.name].origin} and {path}: two files for one meter {meter.name!r}; "
                        "remove or rename one of them."
                    )
                meter.timezone = options.timezone
                meter.stamp_at = options.stamp_at
                meter.register = options.register.rules
                found[meter.name] = meter
            refuse_too_many(options.path, len(found), options.most_meters)
        return sorted(found.values(), key=lambda meter: natural(meter.name))


def _refuse_interval_stamps(file: InputFile, layout: Layout) -> None:
    """Refuse a register whose stamps name intervals: it may have been read at the start of each, or at the end."""
    _, columns = first_row(file, layout)
    name = columns.names[columns.stamp] if columns.names else ""
    if name.casefold().replace("_", " ") in _INTERVALS:
        raise DataError(
            f"{file.path}, row {columns.header_row}: the column {name!r} names intervals, and a register is read at "
            "one moment; set option register: read_at: end where a row shows the end of its interval, as "
            "statistics do, or read_at: stamp."
        )
