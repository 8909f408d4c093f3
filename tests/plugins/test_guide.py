"""The guide for plugin authors: its tutorial is built, tested and run as it stands, and it leaves nothing out."""

from __future__ import annotations

import importlib
import inspect
import json
import os
import pkgutil
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import smarter.api.testing
from smarter.api import KeyedCipher, OpenStore, SourceMeter
from smarter.api.hooks import ENTRY_POINT_GROUP, Hooks
from smarter.api.testing.sources import ZONES
from smarter.registry import BASES

CHECKOUT = Path(__file__).resolve().parents[2]
GUIDE = (CHECKOUT / "docs" / "plugins.md").read_text(encoding="utf-8")
# A block whose first line names a file is that file.
BLOCK = re.compile(r"^```\w+\n# ([\w.]+\.(?:toml|py|yaml))\n(.*?)^```$", re.MULTILINE | re.DOTALL)
BLOCKS = dict(BLOCK.findall(GUIDE))
HOOKS = [name for name in vars(Hooks) if name.startswith("register_")]


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The reader's folder, with all files of the guide, and the plugin as an installer would have left it."""
    folder = tmp_path_factory.mktemp("guide")
    for name, text in BLOCKS.items():
        (folder / name).write_text(text, encoding="utf-8")
    shutil.copytree(CHECKOUT / "data" / "sample-week", folder / "data" / "sample-week")
    project = tomllib.loads(BLOCKS["pyproject.toml"])["project"]
    installed = folder / f"{project['name'].replace('-', '_')}-{project['version']}.dist-info"
    installed.mkdir()
    (installed / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n"
    )
    points = "\n".join(f"{name} = {value}" for name, value in project["entry-points"][ENTRY_POINT_GROUP].items())
    (installed / "entry_points.txt").write_text(f"[{ENTRY_POINT_GROUP}]\n{points}\n")
    return folder


def run(desk: Path, *arguments: str) -> str:
    """What ``python ARGUMENTS`` prints in the reader's folder, where the plugin is installed."""
    ended = subprocess.run(
        [sys.executable, *arguments],
        cwd=desk,
        env={**os.environ, "PYTHONPATH": str(desk), "XDG_DATA_HOME": str(desk / "home")},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert ended.returncode == 0, (
        f"{arguments}: exit {ended.returncode}\n{ended.stdout[-3000:]}\n{ended.stderr[-3000:]}"
    )
    return ended.stdout


def test_the_guide_has_all_files_of_its_tutorial() -> None:
    assert {"pyproject.toml", "smarter_json_lines.py", "test_json_lines.py", "homes.yaml"} <= set(BLOCKS)


def test_the_tutorial_plugin_passes_its_conformance_suite(desk: Path) -> None:
    said = run(desk, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", "test_json_lines.py")
    counted = re.search(r"(\d+) passed, (\d+) skipped", said)
    suite = [name for name in dir(_suites()["sources.SourceConformance"]) if name.startswith("test_")]
    assert counted is not None
    assert int(counted[2]) == 3  # it has no registers, no fields and no headings
    assert int(counted[1]) == len(suite) - 3 + len(ZONES) - 1


def test_the_tutorial_plugin_is_listed_with_its_options(desk: Path) -> None:
    listings = json.loads(run(desk, "-m", "smarter", "plugins", "--json"))
    (mine,) = (listing for listing in listings if listing["origin"] == "smarter-json-lines")
    assert (mine["kind"], mine["name"], mine["error"]) == ("source", "json-lines", None)
    assert "The key of the stamp" in run(desk, "-m", "smarter", "plugins", "show", "json-lines")


def test_a_scenario_runs_on_the_tutorial_plugin_to_the_same_numbers_as_on_the_files_it_came_from(desk: Path) -> None:
    run(desk, "make_homes.py")
    results = [
        json.loads(run(desk, "-m", "smarter", "run", "homes.yaml", "--verify", "--json", *overrides))
        for overrides in ((), ("--set", "neighbourhoods.maple-street.source={plugin: umass, path: data/sample-week}"))
    ]
    assert [result["verified"] for result in results] == [True, True]
    assert results[0]["counts"]["readings"] == 10 * 24 * 60
    assert results[0]["demand"] == results[1]["demand"]
    assert results[0]["billed"] == results[1]["billed"]


def test_a_bad_line_is_refused_with_its_row(desk: Path) -> None:
    (desk / "bad").mkdir()
    (desk / "bad" / "home1.jsonl").write_text(
        '{"at": "2016-01-01T00:00:00", "kw": 1}\n{"at": "2016-01-01T00:01:00", "kw": NaN}\n'
    )
    asking = (
        "from pathlib import Path; from smarter_json_lines import *; from smarter.api import SourceContext\n"
        "meter, = JsonLines(JsonLinesOptions(path=Path('bad'))).meters(SourceContext('a', 'UTC', 60, 0))\n"
        "try: list(meter.rows())\n"
        "except DataError as error: print(error)"
    )
    assert (
        run(desk, "-c", asking).strip().endswith("row 2: the value NaN is no power in kW; correct or remove the row.")
    )


@pytest.mark.parametrize("hook", HOOKS)
def test_every_hook_is_documented_with_its_signature(hook: str) -> None:
    parameters = ", ".join(name for name in inspect.signature(getattr(Hooks, hook)).parameters if name != "self")
    assert f"`{hook}({parameters})`" in GUIDE


def test_no_hook_is_documented_that_there_is_not() -> None:
    assert set(re.findall(r"`(register_\w+)\(", GUIDE)) == set(HOOKS)


@pytest.mark.parametrize("kind", BASES)
def test_every_kind_is_documented_with_its_methods_and_capabilities(kind: str) -> None:
    base = BASES[kind]
    (row,) = (line for line in GUIDE.splitlines() if line.startswith(f"| `{kind}`, `{base.__name__}` |"))
    used = {"cipher": KeyedCipher, "store": OpenStore, "source": SourceMeter}.get(kind, base)
    words = set(re.findall(r"\w+", row))
    assert (base.__abstractmethods__ | used.__abstractmethods__ | set(base.capabilities())) - words == set()


def test_every_conformance_suite_is_documented() -> None:
    assert set(re.findall(r"`(\w+\.\w+Conformance)`", GUIDE)) == set(_suites())


def _suites() -> dict[str, type]:
    """The conformance suites, by ``module.Class``."""
    found = {}
    for info in pkgutil.iter_modules(smarter.api.testing.__path__):
        module = importlib.import_module(f"smarter.api.testing.{info.name}")
        for name, value in vars(module).items():
            if name.endswith("Conformance") and value.__module__ == module.__name__:
                found[f"{info.name}.{name}"] = value
    return found
