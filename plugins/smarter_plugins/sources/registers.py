"""Option ``register`` of the file sources: what a cumulative register that falls means, and when it was read."""

from __future__ import annotations

from typing import ClassVar, Literal, Self

from pydantic import Field, model_validator

from smarter.api import PluginOptions, RegisterRules

MOST_DIGITS = 9
"""Digits of kWh that a register may have: what it counts up to stays within 64 bits in µWh."""


class RegisterFalls(PluginOptions):
    """What a register that falls means."""

    falls: Literal["refuse", "reset", "rollover", "export"] = Field(
        "refuse",
        description="The meaning of a value below the one before: refuse (an error), reset (began at 0 again; the "
        "energy of that step is missing), rollover (ran past its last digit), export (counts down while "
        "energy is fed in).",
    )
    digits: int | None = Field(
        None, ge=1, le=MOST_DIGITS, description="Digits of kWh before the decimal mark, for falls: rollover alone."
    )

    @model_validator(mode="after")
    def _digits_with_rollover(self) -> Self:
        if self.falls == "rollover" and self.digits is None:
            raise ValueError("falls: rollover needs digits, such as digits: 5 for a register up to 99999 kWh")
        if self.falls != "rollover" and self.digits is not None:
            raise ValueError(f"digits goes with falls: rollover, not {self.falls}; leave it out")
        return self

    @property
    def rules(self) -> RegisterRules:
        """The rules for a meter."""
        return RegisterRules(self.falls, None if self.digits is None else 10 ** (self.digits + 9))


class RegisterRows(RegisterFalls):
    """What a register that falls means, and when the register of a row was read."""

    read_at: Literal["stamp", "end"] | None = Field(
        None,
        description="When the register of a row was read: at its stamp, or at the end of the interval that begins "
        "there, as in statistics named after their hour; stamp when it is left out.",
    )

    @property
    def rules(self) -> RegisterRules:
        falls = super().rules
        return RegisterRules(falls.falls, falls.rolls_at, self.read_at or "stamp")


class FallsOptions(PluginOptions):
    """The option of a source whose files say when a register was read."""

    added: ClassVar[frozenset[str]] = frozenset({"register"})

    register: RegisterFalls = Field(RegisterFalls(), description="How a cumulative register is taken.")


class RowsOptions(PluginOptions):
    """The option of a source whose files do not say so."""

    added: ClassVar[frozenset[str]] = frozenset({"register"})

    register: RegisterRows = Field(RegisterRows(), description="How a cumulative register is taken.")
