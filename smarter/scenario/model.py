"""What a scenario says, as frozen models whose fields are checked one by one.

The loader fills them and :mod:`smarter.scenario.checks` compares their fields; every room above reads them.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from decimal import Decimal
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    InstanceOf,
    PlainSerializer,
    PrivateAttr,
    StrictBool,
    StrictInt,
    WithJsonSchema,
    model_validator,
)

from smarter.errors import ScenarioError
from smarter.model.clock import zone
from smarter.model.messages.frame import LARGEST_FRAME_READINGS
from smarter.scenario.choices import PluginChoice
from smarter.scenario.durations import Duration, DurationOrNone
from smarter.scenario.moments import Moment, epoch

NAME = r"^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$"
LARGEST_RATING_KW = 100_000


def _known_timezone(name: str) -> str:
    try:
        zone(name)
    except ScenarioError as error:
        raise ValueError(str(error).removeprefix("timezone ")) from None
    return name


def _name(name: str) -> str:
    if not re.fullmatch(NAME, name):
        raise ValueError(f"{name!r} is no name: use at most 64 letters, digits, hyphens and underscores")
    return name


def _lanes(value: Any) -> Any:
    whole = isinstance(value, int) and not isinstance(value, bool) and value >= 1
    if value != "auto" and not whole:
        raise ValueError(f"{value!r} is neither 'auto' nor a whole number from 1")
    return value


def _number(value: Any) -> Any:
    if isinstance(value, bool):
        raise ValueError(f"{str(value).lower()} is no number")
    return value


PLUGIN_OF = "pluginOf"
"""Stands in a field's schema for the plugins of a kind; smarter.scenario.schema puts them in."""

_WRITTEN = PlainSerializer(PluginChoice.resolved, return_type=dict[str, Any])
CipherChoice = Annotated[InstanceOf[PluginChoice], _WRITTEN, WithJsonSchema({PLUGIN_OF: "cipher"})]
SchemeChoice = Annotated[InstanceOf[PluginChoice], _WRITTEN, WithJsonSchema({PLUGIN_OF: "scheme"})]
KeywrapChoice = Annotated[InstanceOf[PluginChoice], _WRITTEN, WithJsonSchema({PLUGIN_OF: "keywrap"})]
StoreChoice = Annotated[InstanceOf[PluginChoice], _WRITTEN, WithJsonSchema({PLUGIN_OF: "store"})]
SourceChoice = Annotated[InstanceOf[PluginChoice], _WRITTEN, WithJsonSchema({PLUGIN_OF: "source"})]
TariffChoice = Annotated[InstanceOf[PluginChoice], _WRITTEN, WithJsonSchema({PLUGIN_OF: "tariff"})]


Name = Annotated[str, AfterValidator(_name), Field(json_schema_extra={"pattern": NAME})]


class Section(BaseModel):
    """A part of a scenario: frozen, and every key known."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


class Neighbourhood(Section):
    """Homes whose demand is added up."""

    timezone: Annotated[str, AfterValidator(_known_timezone)]
    """Its clock, by IANA name, such as America/New_York."""
    meters: Annotated[StrictInt, Field(ge=1)] | None = None
    """Only so many meters of the source, the first in natural order; all when left out."""
    rating_kw: Annotated[Decimal, BeforeValidator(_number), Field(gt=0, le=LARGEST_RATING_KW)] = Decimal(100)
    """What a meter can carry, in kW, in either direction; a reading beyond it is refused."""
    source: SourceChoice
    """Where the readings come from, such as {plugin: umass, path: ../data/sample-week}."""


class Time(Section):
    """The span, on each neighbourhood's own clock; the data's own where left out."""

    start: Moment | None = None
    """First moment."""
    end: Moment | None = None
    """End, itself not part of the span."""

    def start_in(self, timezone: str) -> int | None:
        """Epoch seconds of the start on the clock of ``timezone``; None when the data decide."""
        return None if self.start is None else epoch(self.start, timezone)

    def end_in(self, timezone: str) -> int | None:
        """Epoch seconds of the end on the clock of ``timezone``; None when the data decide."""
        return None if self.end is None else epoch(self.end, timezone)


class Windows(Section):
    """Nominal lengths, in seconds."""

    reading: Duration = 60
    """How far apart readings are."""
    demand: Duration = 900
    """Over what the neighbourhood's energy is released."""
    billing: Duration = 10_800
    """Over what each household's energy is released."""


class PesOptions(Section):
    """How the PES works."""

    hold: Duration = 3_600
    """Over how much time frames are opened together: longer is cheaper, and leaves more in the clear."""
    combine: Literal["frame", "none"] = "frame"
    """Whether readings of one frame and window are added before they are encrypted."""
    lanes: Annotated[Literal["auto"] | int, BeforeValidator(_lanes), Field(json_schema_extra={"minimum": 1})] = "auto"
    """How many numbers share a ciphertext: auto fills it, 1 switches packing off."""


class Crypto(Section):
    """Which cryptography."""

    seal: CipherChoice
    """The cipher under which meters seal frames."""
    aggregate: SchemeChoice
    """The scheme under which sums grow."""
    deliver: KeywrapChoice
    """The keywrap by which keys and released sums reach their receiver."""


class Release(Section):
    """What is asked before a sum is opened."""

    min_meters: Annotated[StrictInt, Field(ge=1)] = 5
    """At least so many meters in a demand sum."""
    min_billing_window: Duration = 7_200
    """No billing window shorter than this."""


class AccountOptions(Section):
    """What customers and operators have; a state does not depend on it."""

    passwords: Literal["pbkdf2", "argon2id"] = "pbkdf2"
    """How passwords are hashed: PBKDF2-HMAC-SHA256 with a million rounds, or Argon2id. Changed, an account follows at
    its next login."""
    keep_frames: Duration = 396 * 86_400
    """For how long meters keep their sealed frames for their customers: thirteen months when left out."""


class Fault(Section):
    """Something that goes wrong with one meter's frames on their way."""

    kind: Literal["drop", "duplicate", "replay", "tamper", "delay"]
    """drop: nothing arrives; duplicate: comes twice at once; replay: is sent again later; tamper: a bit is flipped;
    delay: comes late."""
    neighbourhood: str
    """Whose meter."""
    meter: str
    """The meter, as its source calls it."""
    at: Moment
    """A local time: the frame that covers it is the one."""
    until: Moment | None = None
    """Of a drop: the end of the gap; left out, only the frame at ``at`` is lost."""
    after: DurationOrNone | None = None
    """Of a replay: how much later it is sent again; 1h when left out."""
    by: Duration | None = None
    """Of a delay: how late it comes."""

    @model_validator(mode="before")
    @classmethod
    def _replayed_an_hour_later(cls, given: Any) -> Any:
        if isinstance(given, dict) and given.get("kind") == "replay" and given.get("after") is None:
            return given | {"after": "1h"}
        return given

    @model_validator(mode="after")
    def _only_what_the_kind_takes(self) -> Fault:
        for key, kind in (("until", "drop"), ("after", "replay"), ("by", "delay")):
            if getattr(self, key) is not None and self.kind != kind:
                raise ValueError(f"a {self.kind} takes no {key!r}; only a {kind} does")
        if self.kind == "delay" and self.by is None:
            raise ValueError("a delay needs 'by', how late it comes, such as 'by: 2h'")
        if self.until is not None and self.until <= self.at:
            raise ValueError(f"'until' {self.until} is not after 'at' {self.at}")
        return self


class Scenario(Section):
    """A checked scenario. Made by :func:`smarter.scenario.load_scenario`."""

    version: Literal[1]
    """Of this format; 1 is all there is: write 'version: 1'."""
    name: Name
    """Letters, digits, hyphens and underscores; the file's own name when left out."""
    description: str = ""
    """One sentence for people."""
    seed: Annotated[StrictInt, Field(ge=0, lt=2**63)] = 0
    """For every random choice that is not a key or a pseudonym."""
    insecure_demo: StrictBool = False
    """Admits small keys and plugins that protect nothing."""
    neighbourhoods: Annotated[Mapping[Name, Neighbourhood], Field(min_length=1)]
    """Each by its id, with timezone and source."""
    time: Time = Time()
    windows: Windows = Windows()
    frame: Annotated[StrictInt, Field(ge=1, le=LARGEST_FRAME_READINGS)] = 60
    """Readings that are sealed together; 60, or as many as a hold has."""
    grace: DurationOrNone = 0
    """How long after its end a window waits for meters that are late."""
    gaps: Literal["flag", "fail"] = "flag"
    """Whether missing readings are flagged or end the run."""
    same_readings: Literal["refuse", "allow"] = "refuse"
    """Whether meters with the same readings over the span are refused; constant ones, such as empty homes, never are.
    A state does not depend on it."""
    protocol: Literal["pes"] = "pes"
    """How the parties are wired."""
    pes: PesOptions = PesOptions()
    crypto: Crypto
    store: StoreChoice
    """Where the MDMS keeps its sealed records."""
    tariff: TariffChoice
    """The price list, such as {plugin: flat, rate: "0.25"}."""
    release: Release = Release()
    accounts: AccountOptions = AccountOptions()
    consent: Literal["required", "assumed"] | None = None
    """Whether readings of a meter without a customer are used: not when agreement is required, and when it is assumed.
    Left out, it is required once the deployment has had a customer. What a customer states counts in any case."""
    faults: tuple[Fault, ...] = ()
    """What goes wrong on purpose."""

    _path: Path = PrivateAttr(default=Path())
    _warnings: tuple[str, ...] = PrivateAttr(default=())

    @property
    def path(self) -> Path:
        """The file that it was read from."""
        return self._path

    @property
    def warnings(self) -> tuple[str, ...]:
        """What a user should know before it runs, a sentence each."""
        return self._warnings

    def choices(self) -> Iterator[tuple[str, PluginChoice]]:
        """Every plugin chosen, with the field that chooses it."""
        yield "crypto.seal", self.crypto.seal
        yield "crypto.aggregate", self.crypto.aggregate
        yield "crypto.deliver", self.crypto.deliver
        yield "store", self.store
        yield "tariff", self.tariff
        for name, neighbourhood in self.neighbourhoods.items():
            yield f"neighbourhoods.{name}.source", neighbourhood.source

    def check_available(self) -> None:
        """Make every plugin once, to see that it can be.

        Raises:
            MissingExtra: the library of one is not installed.
            BrokenPlugin: the constructor of one raises.
        """
        for _, choice in self.choices():
            choice.create()

    def resolved(self) -> dict[str, Any]:
        """As a scenario that leaves nothing out, JSON-able; paths are absolute. Read again, it is this one."""
        return self.model_dump(mode="json")

    @cached_property
    def digest(self) -> str:
        """Hexadecimal SHA-256 of what a state depends on.

        That is all but description, accounts, same_readings, ``time.end``, plugins' changeable options, and those that
        a later version added and are left at their default.
        """
        content = self.resolved()
        del content["description"], content["accounts"], content["same_readings"], content["time"]["end"]
        for name, choice in self.choices():
            *sections, last = name.split(".")
            section = content
            for part in sections:
                section = section[part]
            left_out = choice.options.without_effect()
            section[last] = {key: of for key, of in section[last].items() if key not in left_out}
        return hashlib.sha256(json.dumps(content, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
