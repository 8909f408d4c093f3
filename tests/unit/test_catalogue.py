"""Which scenarios are listed, what their texts become in another folder, and how they are saved."""

from __future__ import annotations

from pathlib import Path

import pytest

from smarter.errors import MachineError
from smarter.export.scenario_file import FileTaken, save_scenario
from smarter.scenario import Scenario, examine, load_scenario, shipped_scenarios
from smarter.scenario.catalogue import catalogue
from smarter.scenario.moving import moved

LANE = """version: 1
neighbourhoods:
  lane: {timezone: UTC, source: {plugin: csv, path: homes}}   # six
tariff: {plugin: flat, rate: "0.25"}
"""


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory."""
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    return here


class TestCatalogue:
    def test_shipped_ones_come_first_by_the_names_that_run_takes(self, here: Path) -> None:
        shipped, *_ = catalogue(())
        assert [entry.reference for entry in shipped.entries] == [name for name, _, _ in shipped_scenarios()]
        assert all(isinstance(entry.found, Scenario) and entry.shipped for entry in shipped.entries)

    def test_a_file_is_on_one_shelf_only(self, here: Path, tmp_path: Path) -> None:
        (here / "lane.yaml").write_text(LANE)
        (tmp_path / "link").symlink_to(here)
        (tmp_path / "far.yaml").write_text(LANE)
        _, own, *others = catalogue([here, tmp_path / "link"], [here / "lane.yaml", tmp_path / "far.yaml"])
        assert [entry.reference for entry in own.entries] == ["lane.yaml"]
        assert [len(shelf.entries) for shelf in others] == [0, 0, 1]
        assert others[-1].entries[0].reference == str(tmp_path / "far.yaml")

    @pytest.mark.parametrize(
        ("text", "listed"),
        [
            (LANE.replace("neighbourhoods", "neighborhoods"), True),
            (LANE + "pes: {hold: 1h\n", True),
            ("windows: {demand: 15min}\ntariff: {plugin: flat}\n", True),
            ("version: '3'\nservices: {web: {image: nginx}}\n", False),
            ("- neighbourhoods\n", False),
            ("", False),
        ],
    )
    def test_what_was_meant_to_be_one_is_listed_with_what_is_wrong(self, here: Path, text: str, listed: bool) -> None:
        (here / "some.yml").write_text(text)
        _, own = catalogue(())
        assert [entry.name for entry in own.entries] == ["some.yml"] * listed
        assert all(entry.description.startswith("some.yml") for entry in own.entries)

    def test_other_files_are_no_trouble(self, here: Path) -> None:
        (here / "folder.yaml").mkdir()
        (here / "bytes.yaml").write_bytes(b"\xff\xfe\x00")
        (here / "dangling.yaml").symlink_to("nowhere")
        _, own = catalogue(())
        assert own.entries == ()

    def test_a_folder_that_is_not_there_says_so(self, here: Path) -> None:
        *_, shelf = catalogue([Path("gone")])
        assert (shelf.title, shelf.problem) == ("gone", "there is no such folder")

    def test_a_working_directory_that_is_gone_says_so(self, here: Path) -> None:
        here.rmdir()
        shipped, own = catalogue(())
        assert own.problem == "it is gone"
        assert shipped.entries[0].reference == "compare-phe"


class TestMoving:
    @pytest.mark.parametrize("name", [name for name, _, _ in shipped_scenarios()])
    def test_a_shipped_one_is_the_same_in_another_folder(self, tmp_path: Path, name: str) -> None:
        before = load_scenario(name)
        found = examine(moved(before.path.read_text(), before.path.parent, tmp_path), tmp_path / f"{name}.yaml")
        assert isinstance(found, Scenario)
        assert found.digest == before.digest

    def test_only_the_paths_change(self, tmp_path: Path) -> None:
        assert moved(LANE, tmp_path, tmp_path / "b") == LANE.replace("path: homes", f'path: "{tmp_path}/homes"')

    def test_in_the_same_folder_nothing_changes(self, tmp_path: Path) -> None:
        assert moved(LANE, tmp_path, tmp_path / ".") == LANE

    @pytest.mark.parametrize(
        "text",
        [
            LANE.replace("homes", "/srv/homes"),
            LANE.replace("homes", "~/homes"),
            LANE.replace("csv", "unheard-of"),
            "neighbourhoods: {lane: {source: [1, 2}",
            "neighbourhoods: 7",
            "",
        ],
    )
    def test_what_is_absolute_or_no_scenario_stays_as_it_is(self, tmp_path: Path, text: str) -> None:
        assert moved(text, tmp_path, tmp_path / "b") == text

    def test_a_path_that_is_said_once_and_used_twice_is_changed_once(self, tmp_path: Path) -> None:
        text = (
            "neighbourhoods:\n  a: {source: &one {plugin: csv, path: 'ä homes'}}\n  b: {source: *one}\n"
            "tariff: {plugin: flat, rate: 1}\n"
        )
        assert moved(text, tmp_path, tmp_path / "b") == text.replace("'ä homes'", f'"{tmp_path}/ä homes"')


class TestSaving:
    def test_a_new_file_is_written_and_a_taken_one_is_not(self, tmp_path: Path) -> None:
        path = tmp_path / "lane.yaml"
        save_scenario(path, LANE)
        with pytest.raises(FileTaken, match="is there already"):
            save_scenario(path, "other")
        assert path.read_text() == LANE
        save_scenario(path, "other", force=True)
        assert path.read_text() == "other"

    def test_what_its_author_has_not_seen_is_not_written_over(self, tmp_path: Path) -> None:
        path = tmp_path / "lane.yaml"
        path.write_text(LANE)
        save_scenario(path, "mine", over=LANE)
        path.write_text("by somebody else")
        with pytest.raises(FileTaken, match="was changed by somebody else"):
            save_scenario(path, "mine again", over="mine")
        assert path.read_text() == "by somebody else"

    def test_mode_line_ends_and_links_stay(self, tmp_path: Path) -> None:
        path, link = tmp_path / "lane.yaml", tmp_path / "link.yaml"
        path.write_bytes(b"version: 1\r\n")
        path.chmod(0o640)
        link.symlink_to(path)
        save_scenario(link, "version: 2\r\n", over="version: 1\r\n")
        assert path.read_bytes() == b"version: 2\r\n"
        assert path.stat().st_mode & 0o777 == 0o640
        assert link.is_symlink()

    def test_a_place_that_cannot_be_is_one_sentence(self, tmp_path: Path) -> None:
        with pytest.raises(MachineError, match=r"there is no folder .*gone; make it first\."):
            save_scenario(tmp_path / "gone" / "lane.yaml", LANE)
