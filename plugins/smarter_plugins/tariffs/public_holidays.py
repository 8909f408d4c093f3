"""Public holidays of a country or a part of it, from the library ``holidays``; loaded only when a tariff asks."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Self

from pydantic import Field, model_validator

from smarter.api import PluginOptions
from smarter_plugins.tariffs.refusal import refuse


class Holidays(PluginOptions):
    """Whose public holidays, with the days on which they are observed, count."""

    country: str = Field(description="ISO 3166-1 code of the country: US.")
    subdivision: str | None = Field(
        None, description="ISO 3166-2 code of the state or province, without the country: MA."
    )

    @model_validator(mode="after")
    def _are_known(self) -> Self:
        try:
            self.calendar()
        except NotImplementedError:
            from holidays import list_supported_countries

            countries = list_supported_countries()
            if self.country in countries:
                there = ", ".join(countries[self.country]) or "none"
                said = f"no holidays are known of {self.subdivision!r:.40} in {self.country}; there are: {there}"
                refuse(("subdivision",), self.subdivision, said)
            hint = f"did you mean {self.country.upper()!r}?" if self.country.upper() in countries else "such as US."
            refuse(
                ("country",), self.country, f"no holidays are known of {self.country!r:.40}; use an ISO code: {hint}"
            )
        return self

    def calendar(self) -> Callable[[date], bool]:
        """Says of a day whether it is a public holiday."""
        from holidays import country_holidays

        return country_holidays(self.country, subdiv=self.subdivision).__contains__
