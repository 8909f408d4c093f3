"""The last report of each kind, kept as JSON in the user's cache folder, so that the app can show it when it starts."""

from __future__ import annotations

import contextlib
import os
from datetime import datetime
from pathlib import Path
from typing import Literal

from pydantic import ValidationError

from smarter.bench.figures import BenchReport, Frozen


class Kept(Frozen):
    """A report and when it was made; ``format`` is that of the file."""

    format: Literal[1] = 1
    at: datetime
    report: BenchReport


def kept_folder() -> Path:
    """Where reports are kept; it need not exist."""
    from platformdirs import user_cache_path

    return user_cache_path("smarter", appauthor=False) / "bench"


def keep(report: BenchReport, at: datetime) -> Kept:
    """Keep a report in place of the last one of its kind.

    Raises:
        OSError: the folder cannot be written.
    """
    kept, path = Kept(at=at, report=report), _path(report.kind)
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(f".{os.getpid()}")
    try:
        draft.write_text(kept.model_dump_json(indent=1), encoding="utf-8")
        draft.replace(path)
    finally:
        with contextlib.suppress(OSError):
            draft.unlink(missing_ok=True)
    return kept


def last(kind: str) -> Kept | None:
    """The last report of a kind; None when there is none that reads, such as one of another version."""
    try:
        kept = Kept.model_validate_json(_path(kind).read_bytes())
    except (OSError, ValidationError):
        return None
    return kept if kept.report.kind == kind else None


def _path(kind: str) -> Path:
    return kept_folder() / f"{kind}.json"
