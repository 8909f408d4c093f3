"""Reads Green Button files (NAESB REQ.21 ESPI in Atom) piece by piece, safely, whatever their size.

``usage_points`` relates the resources that come out, ``green_button`` turns their readings into rows. No DTD, entity or
outside reference is followed (defusedxml), and a file's size, depth and parts are bounded.
"""

from __future__ import annotations

import os
import re
from array import array
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.sax import SAXParseException
from xml.sax.handler import ContentHandler, feature_namespaces
from xml.sax.xmlreader import Locator

import numpy as np

from smarter.api import DataError
from smarter_plugins.sources.bounds import MOST_METERS, beyond
from smarter_plugins.sources.feed_parts import Readings, Resource, address
from smarter_plugins.sources.meter_files import unreadable

ATOM, ESPI = "http://www.w3.org/2005/Atom", "http://naesb.org/espi"
MOST_DEPTH = 32
MOST_TEXT = 4_096
"""Characters of one element that are kept; what is longer is no title, link or number."""
MOST_PARTS = 1_000_000
"""Links and fields of a file, without those of readings."""
TOGETHER = 65_536
"""Readings of one entry that are handed out at once."""
LATEST = 250_000_000_000
"""A second of the year 9892: the calendar ends soon after."""
LONGEST = 10 * 366 * 86_400
"""Seconds that a reading can last."""
_CHUNK = 1 << 16
_WHOLE = re.compile(r"[+-]?[0-9]{1,18}")
_BLOCK, _READING = "IntervalBlock", "IntervalReading"


@dataclass(frozen=True)
class FeedBounds:
    """The most that a file may be.

    Attributes:
        file_mib: MiB of the file.
        token_kib: KiB of a tag, a comment or an element's text: a parser reads a long one again and again.
        meters: usage points.
    """

    file_mib: int = 1024
    token_kib: int = 1024
    meters: int = MOST_METERS


BOUNDS = FeedBounds()


def read(path: Path, bounds: FeedBounds = BOUNDS) -> Iterator[Resource | Readings]:
    """Yield all that a file holds, in its order.

    Raises:
        DataError: no such file, no XML, cut off, not Green Button, something that a safe reader does not follow, or a
            reading without a start.
    """
    from defusedxml import DefusedXmlException
    from defusedxml.sax import make_parser

    parser = make_parser()
    handler = _Handler(path, parser, bounds)
    parser.forbid_dtd = True
    parser.setFeature(feature_namespaces, True)
    parser.setContentHandler(handler)

    def take(step: Callable[[], None], wrong: str) -> list[Resource | Readings]:
        try:
            step()
        except SAXParseException as error:
            problem = f"{path}, line {error.getLineNumber()}: {wrong} ({error.getMessage()})"
            raise DataError(f"{problem}; download the file again.") from error
        except DefusedXmlException as error:
            raise DataError(
                f"{path}, line {handler.line}: the file has a document type or entities, which are not read for "
                "safety's sake; remove the DOCTYPE."
            ) from error
        except (ValueError, LookupError) as error:  # of an encoding
            raise DataError(f"{path}: the file cannot be decoded ({error}); save it in UTF-8.") from error
        return handler.taken()

    try:
        with path.open("rb") as file:
            _check_size(path, os.fstat(file.fileno()).st_size, bounds.file_mib)
            if file.peek(4).startswith(b"PK\x03\x04"):
                raise DataError(f"{path}: the file is a ZIP archive; unpack it and name the .xml file in it.")
            silent = 0  # bytes since the parser had something to say
            while chunk := file.read(_CHUNK):
                before = handler.events
                yield from take(lambda chunk=chunk: parser.feed(chunk), "the file is no well-formed XML")  # type: ignore[misc]
                silent = silent + len(chunk) if handler.events == before else 0
                if silent > bounds.token_kib << 10:
                    raise handler.too_long("a tag or comment")
            yield from take(parser.close, "the file is cut off")
    except OSError as error:
        raise unreadable(path, error) from error


def _check_size(path: Path, size: int, most_mib: int) -> None:
    if not size:
        raise DataError(f"{path}: the file is empty; put the meter's Green Button XML into it or remove it.")
    if size > most_mib << 20:
        raise beyond(path, f"the file is larger than {most_mib:,} MiB", "most_mib", "split it by usage points")


class _Columns:
    """Readings of an entry, as they come."""

    def __init__(self) -> None:
        self.starts, self.durations, self.values, self.lines = (array("q") for _ in range(4))
        self.odd: dict[int, str] = {}

    def __len__(self) -> int:
        return len(self.starts)

    def readings(self, entry: Resource) -> Readings:
        starts, durations, values, lines = (
            np.array(column, np.int64) for column in (self.starts, self.durations, self.values, self.lines)
        )
        return Readings(entry, starts, durations, values, lines, self.odd)


class _Handler(ContentHandler):
    """Takes a feed apart as the parser walks through it."""

    def __init__(self, path: Path, locator: Locator, bounds: FeedBounds) -> None:
        super().__init__()
        self._path = path
        self._bounds = bounds
        self._locator = locator
        self._ready: list[Resource | Readings] = []
        self._stack: list[str] = []
        self.events = 0
        self._text: list[str] = []
        self._length = 0
        self._leaf = False
        self._parts = 0
        self._begin_entry(0)
        self._entry_depth = 0  # 0: outside of any

    def _begin_entry(self, depth: int) -> None:
        self._entry_depth, self._entry_line = depth, self.line
        self._names: dict[str, str] = {}
        self._links: list[tuple[str, str]] = []
        self._resources: list[tuple[str, int, dict[str, str]]] = []
        self._columns = _Columns()
        self._kind = ""
        self._reading: dict[str, str] | None = None

    @property
    def line(self) -> int:
        """Of the file, at which the parser is."""
        return int(self._locator.getLineNumber() or 1)

    def taken(self) -> list[Resource | Readings]:
        """What has been read whole since the last call."""
        ready, self._ready = self._ready, []
        return ready

    def startElementNS(self, name: tuple[str | None, str], qname: str | None, attrs: Any) -> None:  # noqa: N802 - SAX's
        self.events += 1
        stack = self._stack
        stack.append(name[1])
        self._text.clear()
        self._length, self._leaf = 0, True
        if self._kind:
            if self._kind == _BLOCK and self._reading is None and name == (ESPI, _READING):
                self._reading, self._reading_line = {}, self.line
            elif len(stack) > MOST_DEPTH:
                raise self._refused(f"elements lie more than {MOST_DEPTH} deep in one another")
            return
        depth = len(stack)
        if depth > MOST_DEPTH:
            raise self._refused(f"elements lie more than {MOST_DEPTH} deep in one another")
        if depth == 1 and name not in ((ATOM, "feed"), (ATOM, "entry")):
            raise DataError(
                f"{self._path}, line {self.line}: the file is no Green Button feed but begins with <{name[1][:40]}>; "
                "name one that holds ESPI in Atom."
            )
        if name == (ATOM, "entry") and depth <= 2:
            self._begin_entry(depth)
        elif self._entry_depth and depth == self._entry_depth + 1 and name == (ATOM, "link"):
            self._count()
            self._links.append((attrs.get((None, "rel"), ""), attrs.get((None, "href"), "")[:MOST_TEXT]))
        elif self._entry_depth and depth == self._entry_depth + 2 and name[0] == ESPI and stack[-2] == "content":
            self._count()
            self._kind = name[1]
            self._resources.append((name[1], self.line, {}))

    def characters(self, content: str) -> None:
        self.events += 1
        self._length += len(content)
        if self._length <= MOST_TEXT:
            self._text.append(content)
        elif self._length > self._bounds.token_kib << 10:
            raise self.too_long("a text")

    def endElementNS(self, name: tuple[str | None, str], qname: str | None) -> None:  # noqa: N802 - SAX's
        self.events += 1
        stack = self._stack
        local = stack.pop()
        leaf, self._leaf = self._leaf, False
        reading = self._reading
        if reading is not None:
            if leaf and stack[-1] in ("timePeriod", _READING):
                reading[local] = "".join(self._text).strip()
            elif local == _READING:
                self._reading = None
                self._end_reading(reading)
        elif self._kind:
            if len(stack) == self._entry_depth + 1:
                self._kind = ""
            elif leaf and self._kind != _BLOCK:
                self._count()
                path = "/".join([*stack[self._entry_depth + 2 :], local])
                self._resources[-1][2].setdefault(path, "".join(self._text).strip())
        elif len(stack) == self._entry_depth and leaf and local in ("id", "title"):
            self._names[local] = "".join(self._text).strip()
        elif self._entry_depth and len(stack) == self._entry_depth - 1:
            self._end_entry()

    def _end_reading(self, reading: dict[str, str]) -> None:
        columns, line = self._columns, self._reading_line
        start, duration = reading.get("start", ""), reading.get("duration", "")
        if not _WHOLE.fullmatch(start) or not 0 <= int(start) <= LATEST:
            raise DataError(
                f"{self._path}, line {line}: a reading has {f'the start {start[:40]!r}' if start else 'no start'}, not "
                "seconds since 1970; correct or remove it."
            )
        if duration and (not _WHOLE.fullmatch(duration) or not 0 <= int(duration) <= LONGEST):
            raise DataError(
                f"{self._path}, line {line}: a reading lasts {duration[:40]!r}, which are no seconds; "
                "correct or remove it."
            )
        value = reading.get("value", "")
        if _WHOLE.fullmatch(value):
            columns.values.append(int(value))
        else:
            columns.odd[len(columns)] = value
            columns.values.append(0)
        columns.starts.append(int(start))
        columns.durations.append(int(duration) if duration else -1)
        columns.lines.append(line)
        if len(columns) >= TOGETHER and any(rel == "up" for rel, _ in self._links):
            self._ready.append(columns.readings(self._resource(_BLOCK, self._entry_line, {})))
            self._columns = _Columns()

    def _end_entry(self) -> None:
        for kind, line, fields in self._resources:
            if kind != _BLOCK:
                self._ready.append(self._resource(kind, line, fields))
        if len(self._columns):
            self._ready.append(self._columns.readings(self._resource(_BLOCK, self._entry_line, {})))
        self._begin_entry(0)

    def _resource(self, kind: str, line: int, fields: dict[str, str]) -> Resource:
        found: dict[str, list[str]] = {"self": [], "up": [], "related": []}
        for rel, href in self._links:
            if href and rel in found:
                found[rel].append(address(href))
        return Resource(
            kind,
            line,
            fields,
            id=self._names.get("id", ""),
            title=self._names.get("title", ""),
            own=next(iter(found["self"]), ""),
            up=next(iter(found["up"]), ""),
            related=tuple(found["related"]),
        )

    def _count(self) -> None:
        self._parts += 1
        if self._parts > MOST_PARTS:
            raise self._refused(f"there are more than {MOST_PARTS:,} links and fields")

    def too_long(self, what: str) -> DataError:
        """The error of a token beyond the bound."""
        problem = f"line {self.line}: {what} is longer than {self._bounds.token_kib:,} KiB"
        return beyond(self._path, problem, "token_kib", "download the file again")

    def _refused(self, problem: str) -> DataError:
        return DataError(f"{self._path}, line {self.line}: {problem}, which is more than any Green Button file has.")
