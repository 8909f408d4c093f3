"""Kind ``store``: where the MDMS keeps its sealed records."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import ClassVar, Self

from smarter.api.plugin import Plugin


@dataclass(frozen=True)
class Record:
    """One sealed record. Its key is (kind, holder, start).

    Attributes:
        kind: ``billing`` or ``demand``.
        holder: the meter's pseudonym, or the neighbourhood.
        start: the window's start, in seconds since 1970-01-01T00:00Z.
        body: sealed bytes; the store neither reads nor changes them.
    """

    kind: str
    holder: str
    start: int
    body: bytes


class OpenStore(ABC):
    """A store in use. Every failure to read back raises :class:`DamagedStore`, never less."""

    @abstractmethod
    def put_many(self, records: Sequence[Record]) -> int:
        """Insert all or none, durably; return how many were new.

        Idempotent by key: a record whose key is there already is left as it is.
        """

    @abstractmethod
    def records(
        self, kind: str, *, holder: str | None = None, start: int | None = None, end: int | None = None
    ) -> Iterator[Record]:
        """Records of a kind with ``start <= record.start < end``, ordered by holder, then start."""

    @abstractmethod
    def count(self, kind: str) -> int:
        """How many records of a kind there are."""

    def close(self) -> None:  # noqa: B027 - a store without files has nothing to give back
        """Give files and connections back."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class Store(Plugin, ABC):
    """A place for records.

    Attributes:
        comfortable_records: beyond how many records it gets slow; a larger run is warned. None: no limit.
    """

    kind = "store"
    comfortable_records: ClassVar[int | None] = None

    @abstractmethod
    def open(self, folder: Path) -> OpenStore:
        """Open the store of the state in ``folder`` (which exists), creating it if it is new."""

    @classmethod
    def capabilities(cls) -> Mapping[str, object]:
        return {"comfortable_records": cls.comfortable_records}
