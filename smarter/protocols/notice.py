"""The notice that a customer agrees to: what is collected, by whom, why, for how long, who reads it, their rights.

It is made from the scenario's own values; ``smarter customer notice`` prints it, and enrolling asks for agreement.
"""

from __future__ import annotations

import hashlib
import textwrap
from dataclasses import dataclass

from smarter.errors import UsageError
from smarter.model.clock import DAY
from smarter.parties.meter.statements import Standing
from smarter.protocols.portion import portion
from smarter.scenario import Scenario

VERSION = 2
"""Of the text below: whoever changes what it says counts this up, and customers are asked again."""
SUFFICES_FROM = 1
"""The earliest version that says all that is done with readings: who agreed to it, or a later one, takes part."""
WIDTH = 96
_PERIODS = {"month": "each month", "week": "each week", "run": "the whole time"}


@dataclass(frozen=True)
class Notice:
    """What is shown to a customer.

    Attributes:
        version: of our wording.
        text: with the deployment's own values, in lines of at most :data:`WIDTH` characters.
    """

    version: int
    text: str

    @property
    def digest(self) -> bytes:
        """SHA-256 of the text: what exactly was agreed to."""
        return hashlib.sha256(self.text.encode()).digest()

    def is_agreed(self, standing: Standing) -> bool:
        """Whether somebody agrees to just this."""
        return (standing.notice, standing.digest) == (self.version, self.digest)

    def require(self, agreed: int | None) -> None:
        """Raise :class:`UsageError` unless ``agreed`` is this version."""
        if agreed is None:
            raise UsageError(
                "nobody can be asked whether they agree to the notice: read it with `smarter customer notice`, and say "
                f"--agree {self.version}."
            )
        if agreed != self.version:
            raise UsageError(
                f"there is no version {agreed} of the notice to agree to: it is version {self.version}, and `smarter "
                "customer notice` prints it."
            )


def notice_of(scenario: Scenario) -> Notice:
    """The notice of a deployment of ``scenario``."""
    windows, pes, release = scenario.windows, scenario.pes, scenario.release
    reading, demand, billing = (said(each) for each in (windows.reading, windows.demand, windows.billing))
    frame = said(scenario.frame * windows.reading)
    period = _PERIODS[scenario.tariff.create().options.period]
    sections = (
        (
            "What is collected, by whom, and why",
            f"Your meter takes a reading of your energy every {reading.removeprefix('1 ')}, and seals {frame} of "
            "readings together. It keeps them for you, and sends them to the privacy enhancing system (PES) of "
            f"your utility, for two purposes: your bill, from sums of your use over {billing} at a time, for "
            f"{period}; and statistics of your neighbourhood, from sums of the use of all its homes over {demand} "
            "at a time.",
        ),
        (
            "Who can read what",
            f"You: every reading. The PES: the readings of {said(pes.hold)} at a time, for as long as it takes "
            "to encrypt them; it can decrypt none afterwards. The releaser: no reading; it opens finished sums "
            f"only. The meter data management system (MDMS), which makes the bills: your use over {billing} at a "
            f"time, under a pseudonym, and the neighbourhood's sums, if at least {release.min_meters} homes are "
            "in them. Operators of the MDMS: the same, as far as their role lets them. Nobody else, unless you "
            "grant it.",
        ),
        (
            "For how long",
            f"Your meter keeps its sealed readings for {said(scenario.accounts.keep_frames)}. The PES keeps "
            "encrypted sums until their window is closed. Your use over billing windows stays with the MDMS "
            "until it is erased; totals of bills stay, as billing law asks. A log of who did what keeps no "
            "reading, and names nobody.",
        ),
        (
            "What you can do",
            "Opt out of the neighbourhood's statistics (`smarter customer opt-out`): you are billed as before, "
            "and are in no sum of the neighbourhood. Take your agreement back (`withdraw`): your meter goes on "
            "keeping your readings for you, and sends nothing. Let somebody else have your use over windows that "
            "you choose, for a purpose that you name, until a day that you set (`grant`), and take that back "
            "(`revoke`): what was delivered before cannot be called back. See and export every reading, check "
            "every bill, and see who looked at what. Have your readings erased by destroying their keys "
            f"(`erase`). {demand_taken(scenario)} Agree again at any time (`agree`).",
        ),
        (
            "When a change counts",
            f"From your next billing window on, so at most {billing} of readings later: if you were in the "
            "neighbourhood's sums for half of a window, these and the bills together would show your use in that "
            "half. Grants that you revoke end at once. Sums that are made already stay as they are.",
        ),
    )
    lines = [f"Notice, version {VERSION}: what becomes of your meter's readings ({scenario.name})"]
    for title, text in sections:
        lines += ["", title, *textwrap.wrap(text, WIDTH, initial_indent="  ", subsequent_indent="  ")]
    return Notice(VERSION, "\n".join(lines) + "\n")


def demand_taken(scenario: Scenario) -> str:
    """What an erasure takes from the neighbourhood's demand, in sentences."""
    windows = scenario.windows
    many = max(windows.billing // windows.demand, 1)
    return (
        f"An erasure takes one of {many:,} demand windows of {said(windows.demand)} along in each of its billing "
        f"windows. That is {portion(1, many)} of the neighbourhood's demand in that time: with all other bills it "
        "would give yours. More can go where windows are missing or refused."
    )


def said(seconds: int) -> str:
    """A length of time in words."""
    units = (("day", DAY), ("hour", 3600), ("minute", 60), ("second", 1))
    unit, size = next((unit, size) for unit, size in units if seconds % size == 0)
    return f"{seconds // size} {unit}{'s' * (seconds > size)}"
