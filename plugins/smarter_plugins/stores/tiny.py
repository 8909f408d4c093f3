"""Store ``tinydb``: one JSON file that anybody can read, replaced as a whole at each write; the default.

TinyDB by itself writes its file in place at every insert. Here a batch is one write, through a storage of our own
that never leaves a torn file; it stays quadratic in the number of records, hence ``comfortable_records``.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from smarter.api import OpenStore, Record, Store
from smarter_plugins.stores.damage import damaged, wrong_version
from smarter_plugins.stores.replacement import replace_file

FILE = "store.json"
FORMAT = 1
_META, _RECORDS = "meta", "records"

Tables = dict[str, dict[str, dict[str, Any]]]
"""TinyDB's content: documents by number, by table."""


class Tiny(Store):
    """At ``comfortable_records`` of 600 bytes a write takes about 30 ms; it grows in proportion."""

    name = "tinydb"
    summary = "TinyDB: one JSON file, replaced as a whole at each write; for up to some ten thousand records."
    comfortable_records = 10_000

    def open(self, folder: Path) -> OpenStore:
        """Open ``store.json`` in ``folder``.

        Raises:
            DamagedStore: the file is not one that this store wrote, or not whole.
            OSError: it cannot be read, or a new one not be written.
        """
        return OpenTiny(folder / FILE)


class OpenTiny(OpenStore):
    """A TinyDB in use, with an index of its documents: no call looks through them one by one."""

    def __init__(self, path: Path) -> None:
        from tinydb import TinyDB

        self._storage = WholeFile(path)
        self._bodies: dict[str, dict[str, dict[int, str]]] = {}
        for number, document in self._storage.documents():
            if not self._index(document):
                raise damaged(path, f"document {number} has the kind, holder and start of an earlier one")
        self._db = TinyDB(storage=lambda: self._storage)
        self._table = self._db.table(_RECORDS)

    def put_many(self, records: Sequence[Record]) -> int:
        """One write for all that are new, and none when nothing is."""
        new: dict[tuple[str, str, int], dict[str, Any]] = {}
        for record in records:
            key = (record.kind, record.holder, record.start)
            if record.start not in self._bodies.get(record.kind, {}).get(record.holder, {}):
                new.setdefault(key, _document(record))
        if new:
            self._table.insert_multiple(new.values())
            for document in new.values():
                self._index(document)
        return len(new)

    def records(
        self, kind: str, *, holder: str | None = None, start: int | None = None, end: int | None = None
    ) -> Iterator[Record]:
        """As :meth:`OpenStore.records`; bodies are decoded as they are asked for."""
        holders = self._bodies.get(kind, {})
        for name in sorted(holders) if holder is None else [holder]:
            bodies = holders.get(name, {})
            for moment in sorted(bodies):
                if (start is None or start <= moment) and (end is None or moment < end):
                    yield Record(kind, name, moment, base64.urlsafe_b64decode(bodies[moment]))

    def count(self, kind: str) -> int:
        """As :meth:`OpenStore.count`."""
        return sum(map(len, self._bodies.get(kind, {}).values()))

    def close(self) -> None:
        """Nothing is held open between writes."""
        self._db.close()

    def _index(self, document: Mapping[str, Any]) -> bool:
        """Note a document; False when its key is there already."""
        bodies = self._bodies.setdefault(document["kind"], {}).setdefault(document["holder"], {})
        if document["start"] in bodies:
            return False
        bodies[document["start"]] = document["body"]
        return True


class WholeFile:
    """A storage for TinyDB (``tinydb.storages.Storage`` in all but ancestry, which would load the library early).

    It keeps what the file holds in memory, and replaces the file by a new one at each write. Documents are never
    changed, so each is turned into JSON once: encoding all of them was two thirds of a write.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._encoded: dict[str, bytes] = {}
        try:
            self._tables = _checked(path, path.read_bytes())
        except FileNotFoundError:
            self.write({_META: {"1": {"format": FORMAT}}, _RECORDS: {}})

    def read(self) -> Tables:
        """The tables. TinyDB changes the mapping that it gets before it writes, so it gets one of its own."""
        return dict(self._tables)

    def write(self, tables: Tables) -> None:
        """Replace the file, a document a line; when that fails, nothing has changed."""
        known = self._encoded
        encoded = {
            number: known.get(number) or _json(number) + b":" + _json(document)
            for number, document in tables[_RECORDS].items()
        }
        head = b'{"%s":%s,\n"%s":{\n' % (_META.encode(), _json(tables[_META]), _RECORDS.encode())
        replace_file(self._path, head + b",\n".join(encoded.values()) + b"\n}}\n")
        self._tables, self._encoded = tables, encoded

    def documents(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """Every record's document, with its number."""
        yield from self._tables[_RECORDS].items()

    def close(self) -> None:
        """Part of the interface."""


def _document(record: Record) -> dict[str, Any]:
    # What JSON would take and the next open refuse must not get in.
    if type(record.start) is not int or not isinstance(record.body, bytes):
        raise TypeError(f"a record has an int start and a bytes body, not {record.start!r} and {type(record.body)}.")
    body = base64.urlsafe_b64encode(record.body).decode("ascii")
    return {"kind": record.kind, "holder": record.holder, "start": record.start, "body": body}


def _checked(path: Path, data: bytes) -> Tables:
    """The tables in ``data``, with every document as :func:`_document` makes them."""
    try:
        tables: Any = json.loads(data.decode("utf-8"), object_pairs_hook=_without_repeats)
    except (ValueError, RecursionError) as error:
        raise damaged(path, f"it is no whole JSON file ({str(error) or type(error).__name__})") from None
    try:
        found = tables[_META]["1"]["format"]
    except (TypeError, KeyError, IndexError):
        raise damaged(path, "it is no store of Smarter") from None
    if type(found) is not int or found != FORMAT:
        raise wrong_version(path, found, FORMAT)
    documents = tables.get(_RECORDS)
    if set(tables) != {_META, _RECORDS} or not isinstance(documents, dict):
        raise damaged(path, f"it has other tables than {_META} and {_RECORDS}")
    for number, document in documents.items():
        if why := _fault(number, document):
            raise damaged(path, f"document {number!r:.40} {why}")
    return tables  # type: ignore[no-any-return] # checked above


def _fault(number: str, document: Any) -> str | None:
    """What is wrong with a document; None when nothing is."""
    if not (number.isascii() and number.isdecimal()):
        return "is not numbered"
    if not isinstance(document, dict) or set(document) != {"kind", "holder", "start", "body"}:
        return "is no record"
    for field, type_ in (("kind", str), ("holder", str), ("start", int), ("body", str)):
        if type(document[field]) is not type_:
            return f"has the {field} {document[field]!r:.40}"
    try:
        whole = base64.urlsafe_b64encode(base64.urlsafe_b64decode(document["body"])).decode() == document["body"]
    except ValueError:
        whole = False
    return None if whole else "has a body that is no base64 text"


def _json(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":"), allow_nan=False).encode("ascii")


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values = dict(pairs)
    if len(values) != len(pairs):
        raise ValueError("a key stands twice")
    return values
