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
from smarter_plugins.sources.layouts import Layout, with_offset
from smarter_plugins.sources.meter_files import find, natural
from smarter_plugins.sources.shared_file import SharedFile
from smarter_plugins.sources.stamps import StampReader

_EXPONENTS = {"kW": 9, "W": 6, "kWh": 9, "Wh": 6}  # to µW and µWh
_POWER_UNITS = ("kW", "W")

Column = Annotated[int, Field(ge=1)] | Annotated[str, Field(min_length=1)]


class CsvOptions(MeterBounds):
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
            raise ValueError("stamp_at cannot be end for a register, which is read at its stamp; leave it out")
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
        )
        quantity: Quantity = options.quantity or ("power" if options.unit in _POWER_UNITS else "energy")
        found: dict[str, SourceMeter] = {}
        files = find(options.path, (".csv", ".tsv", ".txt"))
        refuse_too_many(options.path, len(files), options.most_meters)
        for stem, path in files.items():
            one = replace(layout, offset=with_offset(layout, InputFile(path)))
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
                found[meter.name] = meter
            refuse_too_many(options.path, len(found), options.most_meters)
        return sorted(found.values(), key=lambda meter: natural(meter.name))
