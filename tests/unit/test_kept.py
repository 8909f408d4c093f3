"""The last report of each kind is kept, whole or not at all; what does not read counts as none."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from smarter.bench.figures import BenchReport, Figure, Machine, Row
from smarter.bench.kept import keep, kept_folder, last

AT = datetime(2026, 1, 2, 3, 4, tzinfo=UTC)


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache"


def report(kind: str, title: str = "") -> BenchReport:
    machine = Machine(cores=2, processor="", system="", python="", smarter="")
    row = Row(group="scheme", subject="plain", what="add", unit="µs", figure=Figure.of([0.1]), key_bits=512)
    return BenchReport.model_validate({"kind": kind, "title": title, "machine": machine, "rows": (row,)})


def test_there_is_none_before_the_first() -> None:
    assert last("operations") is None


def test_what_was_kept_comes_back_by_its_kind() -> None:
    kept = {kind: keep(report(kind), AT) for kind in ("operations", "brief")}
    for kind, one in kept.items():
        assert last(kind) == one
        assert one.report.kind == kind
        assert one.at == AT


def test_a_newer_one_takes_the_place_of_the_last_and_leaves_nothing_beside_it() -> None:
    keep(report("brief", "old"), AT)
    keep(report("brief", "new"), AT)
    kept = last("brief")
    assert kept is not None
    assert kept.report.title == "new"
    assert [path.name for path in kept_folder().iterdir()] == ["brief.json"]


@pytest.mark.parametrize(
    "text", ["", "{", '{"format": 2}', '{"format": 1, "at": "2026-01-02T03:04:00Z", "report": {}}']
)
def test_a_file_that_does_not_read_is_none(text: str) -> None:
    keep(report("brief"), AT)
    (kept_folder() / "brief.json").write_text(text)
    assert last("brief") is None


def test_a_report_under_the_name_of_another_kind_is_none() -> None:
    keep(report("operations"), AT)
    (kept_folder() / "operations.json").rename(kept_folder() / "brief.json")
    assert last("brief") is None


def test_a_folder_that_cannot_be_is_an_error(cache: Path) -> None:
    cache.write_text("a file where a folder should be")
    with pytest.raises(OSError, match=str(cache)):
        keep(report("brief"), AT)
