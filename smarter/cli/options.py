"""What most commands have in common: a scenario with its overrides, a state, and how keystores are unlocked."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal, TypeVar

import click

from smarter.errors import UsageError
from smarter.keys.process import environment
from smarter.keys.unlock import Unlock, unlock_from
from smarter.scenario import Scenario, load_scenario
from smarter.state import StateFolder, locate

F = TypeVar("F", bound=Callable[..., Any])
Wanted = Literal["run", "keys", "audit log"]
_NOT_YET: dict[Wanted, tuple[str, str]] = {
    "run": ("there is no run of", "makes one"),
    "keys": ("there are no keys of", "makes them"),
    "audit log": ("there is no audit log of", "begins one"),
}


def set_option(command: F) -> F:
    """``--set``."""
    return click.option(
        "--set", "overrides", multiple=True, metavar="FIELD=VALUE", help="Override a value, e.g. windows.demand=30min."
    )(command)


def scenario_argument(command: F) -> F:
    """``SCENARIO`` and ``--set``."""
    return click.argument("scenario", metavar="SCENARIO")(set_option(command))


def state_option(command: F) -> F:
    """``--state``."""
    return click.option(
        "--state", type=click.Path(path_type=Path), metavar="DIR", help="Where keys, journal and records lie."
    )(command)


def unlock_option(command: F) -> F:
    """``--unlock``."""
    return click.option(
        "--unlock",
        type=click.Choice(["auto", "keyfile", "passphrase", "keyring"]),
        default="auto",
        help="What unlocks the keystores; SMARTER_PASSPHRASE counts as a passphrase. [default: auto]",
    )(command)


def shares_option(command: F) -> F:
    """``--shares``."""
    return click.option(
        "--shares",
        multiple=True,
        type=click.Path(path_type=Path),
        metavar="FILE",
        help="A file with an officer's share, as SMARTER_SHARES names them; may be repeated.",
    )(command)


def out_option(command: F) -> F:
    """``--out`` for a file."""
    return click.option(
        "--out", type=click.Path(path_type=Path), metavar="FILE", help="Write there, not to standard output."
    )(command)


class RenamedOption(click.Option):
    """An option under its present name; it still takes the earlier one, which help does not show.

    The present name comes first in its declaration, the earlier one second.
    """

    def get_help_record(self, ctx: click.Context) -> tuple[str, str] | None:
        """The present name, and what the option is."""
        names, self.opts = self.opts, self.opts[:1]
        try:
            return super().get_help_record(ctx)
        finally:
            self.opts = names


def until_option(default: str = "") -> Callable[[F], F]:
    """``--until``, ``--to`` in earlier versions; ``default``: its end when it is left out, in words."""
    return click.option(
        "--until",
        "--to",
        "until",
        cls=RenamedOption,
        metavar="TIME",
        help=f"End of the span (exclusive).{f' [default: {default}]' if default else ''}",
    )


def format_option(flag: str) -> Callable[[F], F]:
    """``flag``: in which of ``own_readings.FORMATS`` readings are written."""
    return click.option(
        flag,
        "wanted",
        type=click.Choice(["csv", "json", "green-button"]),
        default="csv",
        show_default=True,
        help="What to write: CSV, JSON or Green Button (ESPI) XML.",
    )


def debug_option(command: F) -> F:
    """``--debug``, which ``main`` looks for itself."""
    return click.option("--debug", is_flag=True, expose_value=False, help="On an error, print the traceback too.")(
        command
    )


def opened(scenario: str, overrides: tuple[str, ...], state: Path | None) -> tuple[Scenario, StateFolder]:
    """The checked scenario and its state."""
    checked = load_scenario(scenario, overrides)
    return checked, locate(checked.name, checked.digest, state)


def begun(
    scenario: str, overrides: tuple[str, ...], state: Path | None, wanted: Wanted = "keys"
) -> tuple[Scenario, StateFolder]:
    """The checked scenario and its state, on which a run has begun; ``wanted``: what of it the command is about."""
    checked, folder = opened(scenario, overrides, state)
    if not folder.begun:
        missing, makes = _NOT_YET[wanted]
        command = run_command(scenario, overrides, state)
        raise UsageError(f"{missing} {checked.name} in {folder.path} yet; `{command}` {makes}.")
    return checked, folder


def chosen_neighbourhood(scenario: Scenario, chosen: str | None) -> str:
    """The neighbourhood that ``--neighbourhood`` names; without it, the only one."""
    names = list(scenario.neighbourhoods)
    if chosen is None and len(names) == 1:
        return names[0]
    if chosen not in names:
        asked = "--neighbourhood is needed" if chosen is None else f"there is no neighbourhood {chosen}"
        raise UsageError(f"{asked}; {scenario.name} has {', '.join(names)}.")
    return chosen


def run_command(scenario: str, overrides: tuple[str, ...], state: Path | None) -> str:
    """The command that makes the state which this call looks for."""
    command = ["smarter", "run", scenario, *(part for override in overrides for part in ("--set", override))]
    return shlex.join(command + (["--state", str(state)] if state is not None else []))


def unlocking(mode: Any, state: StateFolder, shares: Sequence[Path] = ()) -> Unlock:
    """How this call unlocks keystores; a passphrase or share is asked for on a terminal."""
    return unlock_from(mode, state.keys, environ=environment(), ask=asked(), shares=shares)


def asked() -> Callable[[str], str] | None:
    """What asks for a secret on the terminal, without echo; None where there is none."""
    return _ask if sys.stdin.isatty() else None


def _ask(prompt: str) -> str:
    answer: str = click.prompt(prompt.rstrip(": "), hide_input=True, err=True)
    return answer
