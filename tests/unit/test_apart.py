"""A benchmark in a process of its own answers in events, is ended by whoever waits for it, and dies with them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from smarter.bench.apart import Measurement, Order
from smarter.bench.figures import BenchFinished, BenchProgress
from smarter.errors import SmarterError

SMALL = Order(kind="operations", quick=True, schemes=("plain",), ciphers=(), key_bits=(512,))
LONG = Order(kind="operations", schemes=("paillier",), ciphers=(), key_bits=(16_384,))
"""Makes a key for as long as anybody waits."""

NOISY = """
    import os
    from smarter.api import hookimpl
    from smarter_plugins.schemes.plain import Plain

    print("noise from Python")
    os.write(1, b"noise from C\\n")

    class Noisy(Plain):
        name = "noisy"

    @hookimpl
    def register_schemes(register):
        register(Noisy)
"""


def gone(process: int) -> bool:
    """Whether it ends within five seconds."""
    for _ in range(100):
        try:
            os.kill(process, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.05)
    return False


def pid(measurement: Measurement) -> int:
    assert measurement._process is not None
    return measurement._process.pid


def test_a_plugin_that_prints_does_not_disturb_the_report(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "noisy_plugin.py").write_text(textwrap.dedent(NOISY))
    info = tmp_path / "noisy-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: noisy\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[smarter.plugins]\nnoisy = noisy_plugin\n")
    before = os.environ.get("PYTHONPATH")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, (str(tmp_path), before))))
    measurement = Measurement(SMALL.model_copy(update={"schemes": ("noisy",)}))
    *steps, last = measurement.events()
    assert isinstance(last, BenchFinished)
    assert {row.subject for row in last.report.rows} == {"noisy"}
    assert steps
    assert all(isinstance(step, BenchProgress) for step in steps)
    assert gone(pid(measurement))


def test_what_the_benchmark_refuses_is_raised_here_in_the_same_words() -> None:
    with pytest.raises(SmarterError, match="there is no scheme 'plane'; did you mean"):
        list(Measurement(SMALL.model_copy(update={"schemes": ("plane",)})).events())


def test_cancelling_ends_the_process_and_the_events() -> None:
    measurement = Measurement(LONG)
    events = []
    for event in measurement.events():
        events.append(event)
        measurement.cancel()
    assert all(isinstance(event, BenchProgress) for event in events)
    assert gone(pid(measurement))


def test_what_is_cancelled_before_it_begins_says_nothing() -> None:
    measurement = Measurement(LONG)
    measurement.cancel()
    assert list(measurement.events()) == []
    assert gone(pid(measurement))


def test_a_process_that_is_killed_is_said() -> None:
    measurement = Measurement(LONG)
    events = measurement.events()
    next(events)
    os.kill(pid(measurement), signal.SIGKILL)
    with pytest.raises(SmarterError, match=r"ended early: exit -9; run `smarter bench` to see more\."):
        list(events)


@pytest.mark.skipif(os.name != "posix", reason="kills a process as POSIX does")
def test_it_ends_with_whoever_waited_for_it(tmp_path: Path) -> None:
    told = tmp_path / "pid"
    caller = f"""
        import os, pathlib
        from smarter.bench.apart import Measurement, Order
        measurement = Measurement(Order.model_validate_json({LONG.model_dump_json()!r}))
        for _ in measurement.events():
            pathlib.Path({str(told)!r}).write_text(str(measurement._process.pid))
            os.kill(os.getpid(), 9)
    """
    subprocess.run([sys.executable, "-c", textwrap.dedent(caller)], check=False, timeout=60)
    assert gone(int(told.read_text()))


@pytest.mark.parametrize("quick", [True, False])
def test_operations_are_measured_at_the_usual_sizes_unless_others_are_asked_for(
    quick: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    from smarter.bench import operations as module

    asked: list[tuple[int, ...]] = []
    monkeypatch.setattr(module, "operations", lambda *_, key_bits, pace: asked.append(key_bits))
    Order(kind="operations", quick=quick).carried_out()
    Order(kind="operations", quick=quick, key_bits=(512,)).carried_out()
    assert asked == [module.QUICK_KEY_BITS if quick else module.KEY_BITS, (512,)]


def test_our_way_is_held_against_the_brief_s_on_the_scenario_that_was_handed_over(
    small_scenario: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from smarter.bench import brief
    from smarter.scenario import Scenario, parse_scenario

    asked: list[tuple[Scenario, int]] = []
    monkeypatch.setattr(brief, "against_brief", lambda scenario, workers: asked.append((scenario, workers)))
    scenario = parse_scenario(small_scenario, source="small", base=Path.cwd())
    order = Order(kind="brief", scenario=scenario.resolved(), workers=3)
    Order.model_validate_json(order.model_dump_json()).carried_out()
    ((found, workers),) = asked
    assert (found.resolved(), workers) == (scenario.resolved(), 3)
