"""What bad input gets: the documented exit code, one sentence with place and way out, and nothing lost."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import re
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from smarter.state import StateFolder
from smarter_plugins.schemes.plain import Plain
from tests.support.copies import copy_state

Call = Callable[..., Any]
SMARTER = (sys.executable, "-m", "smarter")


def one_sentence(called: Any, code: int, *said: str) -> str:
    """Check what every error must be, and return the sentence."""
    assert called.code == code, called
    assert called.out == ""
    assert called.err.startswith("smarter: ")
    assert called.err.count("\n") == 1
    assert called.err.endswith((".\n", "?\n")), called.err
    assert "Traceback" not in called.err
    for words in said:
        assert words in called.err
    return str(called.err)


def contents(folder: Path) -> dict[str, str]:
    """Every file below a folder with its digest, without those that come and go: the lock, SQLite's log and index."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != "lock" and not path.name.endswith(("-shm", "-wal"))
    }


# What can be seen without data.


@pytest.mark.parametrize(
    ("written", "instead", "said"),
    [
        ("demand: 1h", "demnd: 1h", ("lane.yaml line 9, windows.demnd: unknown key; did you mean 'demand'?",)),
        ("name: lane\n", "name: lane\nwindow: 3\n", ("line 3, window: unknown key; did you mean 'windows'?",)),
        ("demand: 1h", "demand: 60", ("windows.demand: 60 has no unit: write 60s, 60min or 60h.",)),
        ("demand: 1h", "demand: 1 week", ("'1 week' is no duration", "such as 15min.")),
        ("billing: 6h", "billing: ", ("line 9, windows.billing: it has no value: write a whole number and s, min",)),
        ('rate: "0.30"', "rate: null", ("line 13, tariff.rate: it has no value: give it one.",)),
        ("timezone: Europe/Berlin", "timezone:", ("line 6, neighbourhoods.lane.timezone: it has no value",)),
        ("demand: 1h", "demand: [1h]", ("line 9, windows.demand",)),
        ("insecure_demo: true", "insecure_demo: yes please", ("line 3, insecure_demo", "neither true nor false.")),
        ("key_bits: 512", "key_bits: many", ("crypto.aggregate.key_bits", "'many'")),
        ("demand: 1h", "demand: 50min", ("windows.demand", "50min", "use ")),
        ("demand: 1h", "demand: 20min", ("windows.demand", "no multiple", "15min", "use 15min or 30min")),
        ("billing: 6h", "billing: 1h", ("windows.billing", "release.min_billing_window, 2h; use 2h or 3h")),
        ("path: homes}", "path: homes}\n    meters: 3", ("lane.meters: 3 is fewer than release.min_meters, 5",)),
        ("plugin: umass", "plugin: unass", ("no source 'unass'; did you mean 'umass'? There are csv", "umass.")),
        ("plugin: paillier", "plugin: rot13", ("there is no scheme 'rot13'; there are paillier", "plain.")),
        ("plugin: flat", "plugin: flat, price: 3", ("tariff.price: unknown key", "rate")),
        ("Europe/Berlin", "Europe/Belrin", ("line 6, neighbourhoods.lane.timezone", "Europe/Belrin")),
        ("end: 2016-01-02", "end: 2015-01-02", ("time.end", "is not after time.start")),
        (
            "insecure_demo: true",
            "insecure_demo: false",
            (
                "key",
                "insecure_demo: true",
            ),
        ),
        ("version: 1", "version: [", ("lane.yaml line 1: has a [ that is never closed; add ].",)),
    ],
)
def test_a_scenario_that_cannot_be_run_is_refused_in_one_sentence(
    call: Call, lane: Any, written: str, instead: str, said: tuple[str, ...]
) -> None:
    lane.rewrite(written, instead)
    if "insecure_demo: false" in instead:  # both key sizes would be complained about, on a line each
        lane.rewrite("key_bits: 1024", "key_bits: 2048")
    for command in ("validate", "run", "readings"):
        one_sentence(call(command, lane.scenario), 2, *said)


def test_a_scheme_whose_plaintexts_are_too_small_is_a_setting_that_is_refused(
    call: Call, lane: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    lane.rewrite("{plugin: paillier, key_bits: 512}", "plain")
    monkeypatch.setattr(Plain, "plaintext_bits", lambda *_: 24)
    called = call("run", lane.scenario, "--state", lane.state)
    assert (called.code, called.out) == (2, "")
    *_, last = called.err.splitlines()  # after the warnings
    assert last.startswith("smarter: crypto.aggregate: demand totals of lane cannot be added by scheme 'plain': ")
    assert "24 bits; choose a larger key" in last


def test_several_things_wrong_are_a_line_each_in_the_order_of_the_file(call: Call, lane: Any) -> None:
    lane.rewrite("demand: 1h", "demnd: 1h")
    lane.rewrite("period: run", "period: fortnight")
    called = call("validate", lane.scenario)
    assert (called.code, called.out) == (2, "")
    lines = called.err.splitlines()
    assert [re.search(r"line \d+, (\S+):", line)[1] for line in lines] == ["windows.demnd", "tariff.period"]
    assert lines[0].startswith("smarter: ")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("run", "quikstart"), "of those shipped, did you mean 'quickstart'?"),
        (("run", "nowhere/lane.yaml"), "nowhere/lane.yaml: there is no such file"),
        (("run", "."), "is a folder; name the scenario file in it."),
        (("run",), "missing argument 'SCENARIO'; see `smarter run --help`."),
        (("run", "quickstart", "quickstart"), "unexpected extra argument (quickstart); see `smarter run --help`."),
        (("run", "quickstart", "--fersh"), "no such option '--fersh'"),
        (("run", "quickstart", "--state"), "'--state' requires an argument; see `smarter run --help`."),
        (("run", "quickstart", "--unlock", "magic"), "'magic' is not one of 'auto', 'keyfile'"),
        (("run", "quickstart", "--reveal-meters"), "--reveal-meters writes meters.csv and so needs --out DIR"),
        (("run", "quickstart", "--set", "windows.demnd=1h"), "--set windows.demnd=1h: unknown key; did you mean"),
        (("run", "quickstart", "--set", "neighbourhoods.elm-street.meters=3"), "did you mean 'maple-street'?"),
        (("run", "quickstart", "--set", "windows.demand"), "it has no value: write FIELD=VALUE"),
        (("biils",), "there is no command biils, did you mean bills; see `smarter --help`."),
        (("frobnicate",), "there is no command frobnicate, there are app, run, bills"),
        (("keys",), "smarter keys needs one of export-public, fingerprint, list, lock, rotate, share; see"),
        (("keys", "burn"), "no such command 'burn'; see `smarter keys --help`."),
        (("schema", "reslt"), "'reslt' is not one of 'scenario', 'result', 'bench'; see `smarter schema --help`."),
        (("plugins", "show", "tinydv"), "there is no plugin tinydv; did you mean tinydb?"),
        (("bills", "quickstart", "--state", "nowhere"), "`smarter run quickstart --state nowhere` makes one."),
        (("keys", "list", "quickstart", "--state", "nowhere"), "`smarter run quickstart --state nowhere` makes them."),
        (("follow", "quickstart", "--meter", "apt33", "--at", "2016-01-05"), "has no meter apt33"),
        (("follow", "quickstart", "--meter", "apt3", "--at", "17:52"), "--at: '17:52' is no date or time"),
        (("follow", "quickstart", "--meter", "apt3", "--at", "2017-01-01"), "outside the scenario's span"),
        (("follow", "street-and-village", "--meter", "apt3", "--at", "2016-01-01"), "has street, village."),
    ],
)
def test_a_command_line_that_cannot_be_carried_out(
    call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    one_sentence(call(*arguments), 2, said)
    assert list(tmp_path.iterdir()) == []


# Data.


def _two_files_for_one_meter(lane: Any) -> None:
    shutil.copy(lane.home(2), lane.homes / "home2.xlsx")


def _no_workbook(lane: Any) -> None:
    lane.home(2).rename(lane.homes / "home2.xlsx")


def _empty_folder(lane: Any) -> None:
    for number in range(1, 6):
        lane.home(number).unlink()


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda lane: shutil.rmtree(lane.homes), ("homes: there is no such file or folder; correct the path (in",)),
        (_empty_folder, ("homes: the folder holds no .csv", "put one file per meter into it.")),
        (_two_files_for_one_meter, ("home2.csv", "home2.xlsx", "two files for one meter 'home2'; remove or rename")),
        (_no_workbook, ("home2.xlsx: the file is no XLSX workbook", "save it again as XLSX, or as CSV.")),
        (lambda lane: lane.home(2).write_text(""), ("home2.csv",)),
        (lambda lane: lane.row(90, "2016-01-01 22:15:00,broken"), ("home2.csv, row 90: the value 'broken'", "correct")),
        (lambda lane: lane.row(90, "2016-01-01 22:15:00,"), ("home2.csv, row 90: the value is empty; fill it in",)),
        (lambda lane: lane.row(90, "2016-01-01 22:15:00,NaN"), ("home2.csv, row 90: the value 'NaN'", "correct or")),
        (lambda lane: lane.row(90, "2016-01-01 22:15:00,inf"), ("home2.csv, row 90: the value 'inf'", "correct or")),
        (lambda lane: lane.row(90, "yesterday,1.0"), ("home2.csv, row 90: the stamp 'yesterday'",)),
        (lambda lane: lane.row(90, "2016-01-01 21:15:00,0.2"), ("row 90", "runs back behind", "sort the rows")),
        (lambda lane: lane.row(90, "2016-01-01 22:00:00,9.9"), ("row 90", "repeats row 89 with", "the wrong one.")),
        (lambda lane: lane.row(90, "2016-01-01 22:15:00,101"), ("row 90: 101 kW", "rating of 100 kW", "raise")),
        (lambda lane: lane.row(90, "2016-01-01 22:15:00,-101"), ("row 90: -101 kW", "rating of 100 kW", "raise")),
        (
            lambda lane: lane.row(90, "2016-01-01 22:16:00,0.2"),
            (
                "row 90",
                "off the grid of 15min readings",
            ),
        ),
        (lambda lane: lane.rewrite("reading: 15min", "reading: 1min"), ("15min apart", "set windows.reading=15min,")),
        (lambda lane: lane.rewrite("path: homes}", "path: homes}\n    meters: 7"), ("asks for 7 meters", "lower it.")),
        (lambda lane: lane.home(5).unlink(), ("4 meters, fewer than release.min_meters = 5", "add meters")),
        (
            lambda lane: lane.rewrite("start: 2016-01-01, end: 2016-01-02", "start: 2019-01-01, end: 2019-01-02"),
            ("no meter has a reading from 2019-01-01", "smarter readings", "time.start and time.end."),
        ),
        (lambda lane: (lane.rewrite("version: 1", "version: 1\ngaps: fail"), lane.row(90, "")), ("gaps: fail",)),
    ],
)
def test_missing_or_bad_data_are_named_and_nothing_is_changed(
    call: Call, lane: Any, spoil: Callable[[Any], object], said: tuple[str, ...]
) -> None:
    spoil(lane)
    before = contents(lane.folder)
    one_sentence(call("run", lane.scenario, "--state", lane.state, "--out", lane.folder / "out", "--quiet"), 3, *said)
    after = contents(lane.folder)
    assert before.items() <= after.items()
    assert not any(name.startswith("out") for name in after)


def test_a_row_mended_after_the_run_began_needs_fresh_and_gets_it(call: Call, lane: Any) -> None:
    lane.row(90, "2016-01-01 22:15:00,101")
    run = ("run", lane.scenario, "--state", lane.state, "--out", lane.folder / "out", "--quiet")
    one_sentence(call(*run), 3, "row 90")
    lane.row(90, "2016-01-01 22:15:00,0.5")
    one_sentence(call(*run), 3, "home2.csv: the input of meter home2 has changed since the run began", "--fresh")
    assert call(*run, "--fresh", "--verify").code == 0


# State.


@pytest.fixture
def state(finished: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the finished state."""
    return copy_state(finished.state, tmp_path, monkeypatch)


def _cut(path: Path, part: float = 0.5) -> None:
    with path.open("r+b") as file:
        file.truncate(int(path.stat().st_size * part))


COMMANDS = ("run", "bills", "demand")


def test_a_state_of_another_scenario_is_left_as_it_is(call: Call, finished: Any, state: Path) -> None:
    before = contents(state)
    for command in COMMANDS:
        called = call(command, finished.scenario, "--state", state, "--set", "windows.demand=2h")
        assert one_sentence_after_warnings(called, 2, "is of another scenario (lane, or other settings)", "--fresh.")
    assert contents(state) == before


def one_sentence_after_warnings(called: Any, code: int, *said: str) -> str:
    """As :func:`one_sentence`, below the warnings of a scenario of toy keys."""
    lines = called.err.splitlines(keepends=True)
    kept = [line for line in lines if not line.startswith("warning: ")]
    return one_sentence(type(called)(called.code, called.out, "".join(kept)), code, *said)


@pytest.mark.parametrize("part", [0.95, 0.5, 0.1, 0.001])
def test_a_journal_cut_short_is_named_and_left_as_it_is(call: Call, finished: Any, state: Path, part: float) -> None:
    _cut(state / "journal.sqlite", part)
    before = contents(state)
    for command in COMMANDS:
        called = call(command, finished.scenario, "--state", state)
        one_sentence_after_warnings(called, 4, str(state / "journal.sqlite"), "backup, or start again with --fresh.")
    assert contents(state) == before
    assert call("run", finished.scenario, "--state", state, "--fresh", "--verify").code == 0


def test_an_emptied_journal_is_not_taken_for_a_new_state(call: Call, finished: Any, state: Path) -> None:
    _cut(state / "journal.sqlite", 0)
    before = contents(state)
    one_sentence_after_warnings(call("run", finished.scenario, "--state", state), 4, "journal.sqlite", "--fresh.")
    after = contents(state)
    assert {name for name in before if before[name] != after.get(name)} <= {"journal.sqlite"}


@pytest.mark.parametrize("party", ["releaser", "mdms"])
@pytest.mark.parametrize("suffix", ["keys", "key"])
def test_keys_cut_short_are_named_and_left_as_they_are(
    call: Call, finished: Any, state: Path, party: str, suffix: str
) -> None:
    _cut(state / "keys" / f"{party}.{suffix}")
    before = contents(state)
    called = call("run", finished.scenario, "--state", state)
    one_sentence_after_warnings(called, 4, str(state / "keys" / f"{party}.{suffix}"), "--fresh.")
    assert contents(state) == before


@pytest.mark.parametrize("plugin", ["tinydb", "sqlite"])
@pytest.mark.parametrize("part", [0.5, 0.9])
def test_a_store_cut_short_is_named_and_left_as_it_is(call: Call, lane: Any, plugin: str, part: float) -> None:
    run = (lane.scenario, "--state", lane.state, "--set", f"store.plugin={plugin}")
    assert call("run", *run, "--quiet").code == 0
    (file,) = [path for path in (lane.state / "store").iterdir() if path.stat().st_size]
    _cut(file, part)
    before = contents(lane.state)
    for command in COMMANDS:
        one_sentence_after_warnings(call(command, *run), 4, str(file), "restore")
    after = contents(lane.state)
    # The audit log says who asked.
    assert {name for name in after if before.get(name) != after[name]} == {"audit.head", "audit.log"}
    assert before.keys() == after.keys()


def test_a_wrong_passphrase_or_none_is_refused_and_changes_nothing(
    call: Call, lane: Any, monkeypatch: pytest.MonkeyPatch, cheap_passphrases: None
) -> None:
    run = ("run", lane.scenario, "--state", lane.state, "--quiet", "--out", lane.folder / "out")
    monkeypatch.setenv("SMARTER_PASSPHRASE", "correct horse")
    assert call(*run).code == 0
    before = contents(lane.folder)
    monkeypatch.setenv("SMARTER_PASSPHRASE", "incorrect horse")
    said = one_sentence(call(*run), 4, "passphrase")
    assert "horse" not in said
    one_sentence(call("bills", lane.scenario, "--state", lane.state), 4, "passphrase")
    monkeypatch.delenv("SMARTER_PASSPHRASE")
    one_sentence(call(*run), 2, "take a passphrase and nobody can be asked: set SMARTER_PASSPHRASE")
    assert contents(lane.folder) == before


def test_a_folder_that_is_no_state_is_refused_and_fresh_deletes_nothing_in_it(call: Call, lane: Any) -> None:
    for name in ("thesis.txt", "keys/id_ed25519", "store/wine.csv"):
        folder = lane.folder / name.replace("/", "-")
        (folder / name).parent.mkdir(parents=True)
        (folder / name).write_text("years of work")
        before = contents(folder)
        for fresh in ((), ("--fresh",)):
            called = call("run", lane.scenario, "--state", folder, "--quiet", *fresh)
            one_sentence(called, 2, f"{folder} is no state of Smarter and not empty (it holds {name})")
        assert contents(folder) == before


def test_fresh_leaves_what_is_not_its_own(call: Call, finished: Any, state: Path) -> None:
    (state / "notes.txt").write_text("mine")
    assert call("run", finished.scenario, "--state", state, "--fresh", "--quiet").code == 0
    assert (state / "notes.txt").read_text() == "mine"


def test_a_file_where_the_state_or_the_output_should_be_is_left_alone(call: Call, lane: Any, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("mine")
    for arguments in (
        ("--state", file),
        ("--state", file, "--fresh"),
        ("--state", file / "below"),
        ("--state", lane.state, "--out", file),
        ("--state", lane.state, "--out", file / "below"),
    ):
        called = call("run", lane.scenario, "--quiet", *arguments)
        one_sentence(called, 6, f"there is a file where a folder should be ({file}", "with --state or --out.")
    assert file.read_text() == "mine"
    assert not lane.state.exists(), "a run whose output has no place should not begin"


def test_a_second_run_on_one_state_is_refused_and_changes_nothing(call: Call, finished: Any, state: Path) -> None:
    before = contents(state)
    on = (finished.scenario, "--state", state)
    calls = [("run", *on), ("run", *on, "--fresh"), ("bills", *on), ("demand", *on)]
    with StateFolder(state).locked():
        for words in [*calls, ("keys", "rotate", on[0], "mdms", "unwrap", *on[1:])]:
            called = call(*words)
            one_sentence_after_warnings(called, 6, f"another run is using the state in {state}", "--state.")
    assert contents(state) == before


def test_a_finished_run_comes_before_its_bills(call: Call, lane: Any) -> None:
    lane.row(90, "2016-01-01 22:15:00,101")
    call("run", lane.scenario, "--state", lane.state)
    for command in (("bills",), ("demand",)):
        one_sentence(
            call(*command, lane.scenario, "--state", lane.state),
            2,
            "is not finished (",
            " of 480 readings",
            "takes it up",
        )


# Plugins and extras.


def test_a_plugin_that_raises_on_import_is_listed_and_breaks_nothing_else(lane: Any, tmp_path: Path) -> None:
    process = _with_plugin(tmp_path, "raise RuntimeError('the stove is out')\n")
    listed = process("plugins", "--json")
    assert (listed.returncode, listed.stderr) == (0, "")
    (broken,) = [entry for entry in json.loads(listed.stdout) if entry["name"] == "stove"]
    assert (broken["origin"], broken["version"]) == ("smarter-stove", "0.3")
    assert broken["error"] == "RuntimeError: the stove is out"
    assert process("run", lane.scenario, "--state", lane.state, "--out", lane.folder / "out").returncode == 0

    lane.rewrite("plugin: umass", "plugin: stove")
    asked = process("run", lane.scenario)
    assert (asked.returncode, asked.stdout) == (5, "")
    assert "lane.yaml line 7" in asked.stderr
    assert "source 'stove' of smarter-stove is broken: RuntimeError: the stove is out." in asked.stderr
    assert asked.stderr.count("\n") == 1


@pytest.mark.parametrize("raised", ["KeyboardInterrupt", "SystemExit(0)", "BaseException('all of it')"])
def test_a_plugin_that_raises_no_mere_exception_ends_no_command(lane: Any, tmp_path: Path, raised: str) -> None:
    process = _with_plugin(tmp_path, f"raise {raised}\n")
    listed = process("plugins", "--json")
    assert listed.returncode == 0
    assert [entry["error"] for entry in json.loads(listed.stdout) if entry["name"] == "stove"] == [
        raised.replace("(0)", ": 0").replace("('all of it')", ": all of it")
    ]
    assert process("validate", lane.scenario).returncode == 0


@pytest.mark.parametrize("raised", ["SystemExit(0)", "KeyboardInterrupt"])
def test_a_plugin_that_raises_no_mere_exception_when_it_is_made_is_a_broken_one(
    lane: Any, tmp_path: Path, raised: str
) -> None:
    process = _with_plugin(
        tmp_path,
        "from smarter.api import Source, hookimpl\n"
        "class Stove(Source):\n"
        "    name = 'stove'\n"
        f"    def __init__(self, options): raise {raised}\n"
        "    def meters(self, context): return ()\n"
        "@hookimpl\n"
        "def register_sources(register): register(Stove)\n",
    )
    lane.rewrite("plugin: umass, path: homes", "plugin: stove")
    made = process("run", lane.scenario, "--state", lane.state)
    assert (made.returncode, made.stdout) == (5, "")
    assert "'stove' cannot be" in made.stderr
    assert made.stderr.count("\n") == 1


def test_a_users_ctrl_c_interrupts_while_a_plugin_is_imported(tmp_path: Path) -> None:
    ready = tmp_path / "ready"
    environment = _plugin_site(
        tmp_path,
        f"import pathlib, time\npathlib.Path({str(ready)!r}).touch()\n"
        "try: time.sleep(60)\nexcept BaseException: pass\n",
    )
    process = subprocess.Popen([*SMARTER, "plugins"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment)
    until = time.monotonic() + 30
    while not ready.exists() and time.monotonic() < until:
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=30)
    assert (process.returncode, out) == (130, b"")
    assert b"interrupted" in err


def _with_plugin(folder: Path, source: str) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Call ``smarter`` in a process that finds a plugin ``stove`` with this source."""
    environment = _plugin_site(folder, source)

    def process(*arguments: object) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*SMARTER, *map(str, arguments)], capture_output=True, text=True, env=environment, check=False
        )

    return process


def _plugin_site(folder: Path, source: str) -> dict[str, str]:
    site = folder / "site"
    info = site / "smarter_stove-0.3.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: smarter-stove\nVersion: 0.3\n")
    (info / "entry_points.txt").write_text("[smarter.plugins]\nstove = smarter_stove\n")
    (site / "smarter_stove.py").write_text(source)
    path = [str(site), *filter(None, [os.environ.get("PYTHONPATH")])]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(path)}


def test_a_missing_extra_gives_the_command_that_installs_it(
    call: Call, lane: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "phe", None)
    for command in ("run", "validate", "readings"):
        called = call(command, lane.scenario, "--set", "crypto.aggregate.plugin=paillier-phe")
        one_sentence_after_warnings(called, 5, "phe is not installed: pip install 'smarter-metering[phe]' brings it.")


# The machine.


def carried_out(*arguments: object, **how: Any) -> Any:
    """``smarter`` as a process of its own."""
    return subprocess.run([*SMARTER, *map(str, arguments)], capture_output=True, text=True, check=False, **how)


def resumes(call: Call, lane: Any) -> None:
    """The same command without the obstacle takes the run up and ends with the right numbers."""
    ended = call("run", lane.scenario, "--state", lane.state, "--out", lane.folder / "out", "--quiet", "--verify")
    assert (ended.code, ended.err) == (0, "")


def test_a_file_that_may_not_grow_ends_the_run_and_it_resumes(call: Call, lane: Any) -> None:
    def at_most() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))

    ended = carried_out("run", lane.scenario, "--state", lane.state, "--quiet", preexec_fn=at_most)
    assert (ended.returncode, ended.stdout) == (6, "")
    assert ended.stderr.startswith(f"smarter: the system refuses ({lane.state}")
    assert ended.stderr.endswith("the same command takes the run up where it was.\n")
    assert ended.stderr.count("\n") == 1
    resumes(call, lane)


def private_mount(folder: Path, options: str) -> list[str]:
    """Words that mount a file system of memory on ``folder`` for one command alone; skips where that is not allowed."""
    folder.mkdir(exist_ok=True)
    script = f'mount -t tmpfs -o {options} tmpfs "$0" && exec "$@"'
    words = ["unshare", "--mount", "--map-root-user", "sh", "-c", script, str(folder)]
    if not shutil.which("unshare") or subprocess.run([*words, "true"], capture_output=True, check=False).returncode:
        pytest.skip("no mounting here")
    return words


@pytest.mark.parametrize("size", ["64k", "160k", "256k"])
def test_a_full_disk_is_said_in_one_sentence(lane: Any, size: str) -> None:
    mounted = private_mount(lane.state, f"size={size}")
    run = [*mounted, *SMARTER, "run", str(lane.scenario), "--state", str(lane.state), "--quiet"]
    ended = subprocess.run(run, capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stdout) == (6, "")
    assert ended.stderr.startswith("smarter: the disk is full (")
    assert ended.stderr.count("\n") == 1


def test_a_read_only_folder_is_said_in_one_sentence(lane: Any) -> None:
    mounted = private_mount(lane.folder / "there", "ro")
    for option in ("--state", "--out"):
        run = [*mounted, *SMARTER, "run", str(lane.scenario), option, str(lane.folder / "there" / "x"), "--quiet"]
        ended = subprocess.run(run, capture_output=True, text=True, check=False)
        assert (ended.returncode, ended.stdout) == (6, ""), ended
        assert ended.stderr.startswith("smarter: no permission (")
        assert ended.stderr.endswith("choose another folder with --state or --out.\n")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
@pytest.mark.parametrize("arguments", [("schema",), ("--help",), ("plugins",)])
def test_a_standard_output_that_takes_nothing(arguments: tuple[str, ...]) -> None:
    with Path("/dev/full").open("w") as full:
        ended = subprocess.run([*SMARTER, *arguments], stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert ended.returncode == 6
    assert ended.stderr.startswith("smarter: the disk is full")
    assert ended.stderr.count("\n") == 1


def test_control_c_ends_with_130_and_the_same_command_takes_the_run_up(call: Call, lane: Any) -> None:
    run = [*SMARTER, "run", str(lane.scenario), "--state", str(lane.state), "--quiet", "--set", "grace=0s"]
    # Holds of one reading make the run long enough to be stopped in its midst.
    slow = ["--set", "pes.hold=15min", "--set", "frame=1", "--set", "crypto.aggregate.key_bits=1024"]
    process = subprocess.Popen(
        [*run, *slow],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    journal = lane.state / "journal.sqlite-wal"
    until = time.monotonic() + 30
    while not (journal.exists() and journal.stat().st_size > 200_000) and time.monotonic() < until:
        assert process.poll() is None, "the run was over before it could be stopped"
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=30)
    assert (process.returncode, out) == (130, "")
    assert err == "smarter: interrupted; the same command takes the run up where it was.\n"
    waiting = call("bills", *run[4:7], *slow)
    one_sentence(waiting, 2, "is not finished (")
    ended = call(*run[3:], *slow, "--verify", "--out", lane.folder / "out")
    assert (ended.code, ended.err) == (0, "")


def test_control_c_during_a_fresh_start_does_not_advise_to_destroy_what_was_done(
    call: Call, lane: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stopped(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("smarter.run.run", stopped)
    called = call("run", lane.scenario, "--state", lane.state, "--fresh", "--quiet")
    one_sentence(called, 130, "the same command without --fresh takes the run up where it was.")


@pytest.mark.parametrize(
    ("number", "said"),
    [(errno.EIO, "the system refuses"), (errno.EDQUOT, "the disk is full"), (errno.EPERM, "no perm")],
)
def test_what_the_system_refuses_is_named_with_its_place(
    call: Call, lane: Any, monkeypatch: pytest.MonkeyPatch, number: int, said: str
) -> None:
    def refused(*_: object, **__: object) -> None:
        raise OSError(number, os.strerror(number), "/there")

    monkeypatch.setattr("smarter.run.run", refused)
    one_sentence(call("run", lane.scenario, "--state", lane.state, "--quiet"), 6, said, "(/there)")


def test_a_bug_says_that_it_is_one_and_debug_shows_the_traceback(
    call: Call, lane: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def slipped(*_: object, **__: object) -> None:
        raise ZeroDivisionError("one over none")

    monkeypatch.setattr("smarter.run.run", slipped)
    run = ("run", lane.scenario, "--state", lane.state, "--quiet")
    one_sentence(call(*run), 1, "a bug: ZeroDivisionError: one over none; run again with --debug")
    told = call(*run, "--debug")
    assert told.code == 1
    assert "Traceback (most recent call last)" in told.err
