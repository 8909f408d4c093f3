"""``smarter keys``: what keys there are, replacing one, and handing public halves out."""

from __future__ import annotations

from pathlib import Path

import click

from smarter.cli.options import (
    debug_option,
    opened,
    run_command,
    scenario_argument,
    state_option,
    unlock_option,
    unlocking,
)
from smarter.errors import UsageError
from smarter.scenario import Scenario
from smarter.state import StateFolder


@click.group(epilog="Example:  smarter keys list quickstart")
def keys() -> None:
    """List, rotate and export the keys of a scenario's state."""


def _begun(scenario: str, overrides: tuple[str, ...], state: Path | None) -> tuple[Scenario, StateFolder]:
    checked, folder = opened(scenario, overrides, state)
    if not folder.begun:
        command = run_command(scenario, overrides, state)
        raise UsageError(f"there are no keys of {checked.name} in {folder.path} yet; `{command}` makes them.")
    return checked, folder


@keys.command(name="list", epilog="Example:  smarter keys list quickstart")
@scenario_argument
@state_option
@click.option("--all", "everything", is_flag=True, help="Also every meter's signing and epoch keys.")
@debug_option
def list_keys(scenario: str, overrides: tuple[str, ...], state: Path | None, everything: bool) -> None:
    """List the keys of each party by purpose and fingerprint; nothing is unlocked."""
    from smarter.cli import printing, show
    from smarter.keys.keystore import keystores, public_entries

    _, folder = _begun(scenario, overrides, state)
    listed = {party: public_entries(folder.keys, party) for party in keystores(folder.keys)}
    left_out = () if everything else listed.pop("meters", ())
    out = printing.console()
    show.keys_table(out, listed)
    if left_out:
        out.print(f"and {len(left_out)} keys of the meters, which --all lists")


@keys.command(epilog="Example:  smarter keys rotate quickstart mdms unwrap")
@scenario_argument
@click.argument("party")
@click.argument("purpose")
@state_option
@unlock_option
@debug_option
def rotate(
    scenario: str, overrides: tuple[str, ...], party: str, purpose: str, state: Path | None, unlock: str
) -> None:
    """Replace the PURPOSE key of PARTY; what was made under the earlier one can still be opened.

    The releaser's aggregation key can be replaced only when no window is open, that is between runs.
    """
    from smarter.protocols import provision
    from smarter.protocols.session import recall

    checked, folder = _begun(scenario, overrides, state)
    with folder.locked():
        session = recall(checked, folder)
        if session is None:
            raise UsageError(f"the run in {folder.path} was stopped at its very beginning; run it again.")
        try:
            if not session.finished:
                raise UsageError(
                    f"the run in {folder.path} is not finished, and keys change only where no window is open; "
                    "finish it with `smarter run` first."
                )
            unlocker = unlocking(unlock, folder)
            entry = provision.rotate(folder.keys, unlocker, session.cryptography, party, purpose)
        finally:
            session.journal.close()
    click.echo(f"{party} {purpose} {entry.fingerprint}")


@keys.command(name="export-public", epilog="Example:  smarter keys export-public quickstart mdms unwrap > mdms.pem")
@scenario_argument
@click.argument("party")
@click.argument("purpose")
@state_option
@debug_option
def export_public(scenario: str, overrides: tuple[str, ...], party: str, purpose: str, state: Path | None) -> None:
    """Print the public half of a party's current key: PEM where there is one, hexadecimal otherwise."""
    from smarter.keys.keystore import keystores, public_entries

    _, folder = _begun(scenario, overrides, state)
    if party not in keystores(folder.keys):
        raise UsageError(f"there is no party {party}; there are {', '.join(keystores(folder.keys))}.")
    entries = public_entries(folder.keys, party)
    for entry in entries:
        if entry.purpose == purpose and entry.current and entry.public:
            click.echo(_text(entry.plugin, entry.public), nl=False)
            return
    purposes = sorted({entry.purpose for entry in entries if entry.public})
    raise UsageError(f"{party} has no public {purpose} key; there are {', '.join(purposes[:8])}.")


def _text(plugin: str, public: bytes) -> str:
    from smarter.keys import signing

    if plugin == signing.PLUGIN:
        return signing.pem_of(public)
    return public.decode() if public.startswith(b"-----BEGIN") else public.hex() + "\n"
