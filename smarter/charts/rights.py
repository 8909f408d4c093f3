"""What a customer has stated, granted, and what the audit log tells them, in words and tables.

``cli`` prints some of it, the app shows all.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby

from rich.console import RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from smarter.charts.marks import MARKS, marked, moment, quiet_table, span
from smarter.model.audit import Entry, Value
from smarter.model.messages.statement import Statement
from smarter.model.windows import spell
from smarter.parties.meter.statements import Standing
from smarter.protocols.fine_grants import Finer
from smarter.protocols.grant_wish import spell_window
from smarter.protocols.grants import LIVE, Given
from smarter.protocols.notice import Notice
from smarter.protocols.withheld import Withheld

NEWEST = 300
"""Entries of the log that are shown, the newest."""


def notice_words(notice: Notice) -> Iterator[RenderableType]:
    """The notice, its paragraphs as wide as there is room."""
    for indented, lines in groupby(notice.text.splitlines(), lambda line: line.startswith(" ")):
        if indented:
            yield Padding(Text(" ".join(line.strip() for line in lines)), (0, 0, 0, 2))
        else:
            yield from (Text(line, "bold") for line in lines)


def agreement(standing: Standing, current: Notice) -> Text:
    """What somebody agrees to, and what their readings are used for."""
    if standing.notice is None:
        return marked("sealed", "you agree to nothing: your meter keeps your readings for you, and sends nothing")
    used = "bills and the neighbourhood's statistics" if standing.statistics else "bills only"
    text = marked("sum", f"you agree to version {standing.notice} of the notice: your readings are used for {used}")
    if not current.is_agreed(standing):
        text.append(f"; its text is another today (version {current.version})")
    return text


def statements_table(record: Sequence[Statement], timezone: str) -> Table:
    """All that somebody has stated, as their key verifies it."""
    table = quiet_table()
    table.add_column("", justify="right")
    for name in ("when", "stated", ""):
        table.add_column(name)
    for each in record:
        table.add_row(str(each.number), moment(each.at, timezone), each.kind, Text(_detail(each)))
    return table


def _detail(statement: Statement) -> str:
    detail = statement.detail
    if statement.kind == "agree":
        return f"version {detail['notice']} of the notice"
    if statement.kind == "grant":
        return f"{str(detail['grant'])[:8]} to {detail['grantee']}: {detail['purpose']}"
    return str(detail.get("grant", ""))[:8]


def grants_table(given: Sequence[Given], timezone: str) -> Table:
    """One row a grant: to whom, what, until when, and what became of it."""
    table = quiet_table(gap=1)
    for name in ("grant", "to", "sums of", "span", "expires", "sent", "read", "status"):
        right = name in ("sent", "read")
        least = {"span": 13, "sent": 4, "read": 4, "status": 6}.get(name)
        table.add_column(
            name, justify="right" if right else "left", no_wrap=name in ("grant", "expires"), min_width=least
        )
    for each in given:
        grant = each.grant
        table.add_row(
            grant.id[:8],
            Text(grant.grantee),
            spell_window(grant.window),
            span(grant.start, grant.end, timezone),
            moment(grant.expires, timezone)[:10],
            f"{each.windows:,}",
            f"{each.read:,}",
            marked("sum", LIVE) if each.status == LIVE else Text(each.status, "dim"),
        )
    return table


def grant_words(given: Sequence[Given], timezone: str) -> Iterator[RenderableType]:
    """The table, and beneath it the purpose of each grant, and what never comes under it."""
    yield grants_table(given, timezone)
    for each in given:
        yield Text(f"  {each.grant.id[:8]}  {each.grant.purpose}", "dim")
        for sentence in withheld_words(each.withheld, timezone):
            yield Padding(marked("refused", sentence), (0, 0, 0, 12))


def withheld_words(withheld: Sequence[Withheld], timezone: str) -> Iterator[str]:
    """Of which times nothing comes under a grant, and why: a sentence each, without its stop."""
    for each in withheld:
        yield (
            f"no window in {span(each.start, each.end, timezone)} comes: {each.by.grantee} was sent windows of "
            f"{spell_window(each.by.window)} of it under grant {each.by.id[:8]}, and both lengths together would tell "
            "more than either"
        )


def unread_words(since: int, timezone: str) -> str:
    """Of which time a meter gives nothing under a grant, since its customer cannot read it: without its stop."""
    return f"no window from before {moment(since, timezone)} comes: your meter lets you read from then on"


def finer_words(finer: Finer) -> str:
    """What a grant of windows finer than bills lets its grantee work out: three sentences."""
    left = finer.meters - finer.given
    return (
        f"windows of {spell_window(finer.window)} are finer than your bills ({spell(finer.billing)}). With the "
        f"neighbourhood's demand, {finer.grantee} can work out the sum of the meters that grant them nothing. These "
        f"are {left} of {finer.meters} meters now, and at least {finer.min_meters} should be left."
    )


def entries_words(entries: Sequence[Entry]) -> Iterator[RenderableType]:
    """Entries of the audit log, the newest first."""
    if (more := len(entries) - NEWEST) > 0:
        yield Text(f"the newest {NEWEST:,}; `smarter customer log` has {more:,} more", "dim")
    table = quiet_table(gap=0)  # 80 columns have room for it
    for name in ("time (UTC)", "action"):
        table.add_column(name, no_wrap=True)
    for name in ("who", "whom or what", "detail"):
        table.add_column(name, overflow="fold")
    for entry in reversed(entries[-NEWEST:]):
        action = f"{MARKS['refused']} {entry.action}" if entry.action in _REFUSALS else entry.action
        table.add_row(
            entry.time[:16].replace("T", " "),
            action,
            Text(entry.actor),
            Text(entry.subject),
            Text(", ".join(_told(name, value) for name, value in entry.detail.items())),
        )
    yield table


def _told(name: str, value: Value) -> str:
    """One detail, in a few columns: numbers of grants by their first digits, times to the minute."""
    text = str(value)
    if name == "what":
        return text
    if name == "grant":
        text = text[:8]
    elif name in ("start", "end"):
        text = text[:16].replace("T", " ")
    return f"{name} {text}"


_REFUSALS = ("refusal", "login-failed", "lock-out", "refused-access")
