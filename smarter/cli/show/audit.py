"""The entries of an audit log for ``smarter audit show``: a line each, as they come, however long the log is."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from smarter.model.audit import Entry

_COLUMNS = "{number:>8}  {time:<19}  {action:<15}  {actor:<25}  {subject:<42}  {detail}"


def audit_lines(entries: Iterable[Entry]) -> Iterator[str]:
    """A heading, then each entry."""
    heading = {"number": "number", "time": "time (UTC)", "action": "action", "actor": "who", "subject": "whom or what"}
    yield _COLUMNS.format(**heading, detail="detail")
    for entry in entries:
        line = _COLUMNS.format(
            number=f"{entry.number:,}",
            time=entry.time.rstrip("Z").replace("T", " "),
            action=entry.action,
            actor=entry.actor,
            subject=entry.subject,
            detail=", ".join(f"{name} {value}" for name, value in entry.detail.items()),
        )
        yield line.rstrip()
