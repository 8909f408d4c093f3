"""``smarter keys``: what keys there are and how old, replacing one, and public halves out and in.

``locking`` has the commands that say who opens a keystore.
"""

from __future__ import annotations

import time
from datetime import timedelta
from pathlib import Path
from typing import IO, TYPE_CHECKING

import click

from smarter.cli.locking import lock, share
from smarter.cli.options import (
    begun,
    debug_option,
    scenario_argument,
    shares_option,
    state_option,
    unlock_option,
    unlocking,
)
from smarter.errors import UsageError

if TYPE_CHECKING:
    from smarter.keys.entries import PublicEntry

LIFETIME_DAYS = 730  # smarter.keys.ages.LIFETIME, which --help need not load


@click.group(
    epilog="\b\nExamples:\n  smarter keys list quickstart\n  smarter keys rotate quickstart mdms unwrap\n"
    "  smarter keys share quickstart releaser --threshold 2 --officers 3"
)
def keys() -> None:
    """List, rotate, export and lock the keys of a scenario's state."""


keys.add_command(share)
keys.add_command(lock)


@keys.command(name="list", epilog="Example:  smarter keys list quickstart")
@scenario_argument
@state_option
@click.option("--all", "everything", is_flag=True, help="Also the keys of single meters and households.")
@click.option(
    "--max-age",
    type=click.IntRange(1),
    default=LIFETIME_DAYS,
    metavar="DAYS",
    help=f"From what age on a key is due to be replaced. [default: {LIFETIME_DAYS}]",
)
@debug_option
def list_keys(scenario: str, overrides: tuple[str, ...], state: Path | None, everything: bool, max_age: int) -> None:
    """List the keys of each party by purpose, fingerprint and age in days; nothing is unlocked.

    A key that is due still works; `smarter keys rotate` replaces it.
    """
    from smarter.cli import printing, show
    from smarter.keys.keystore import keystores, public_entries

    _, folder = begun(scenario, overrides, state)
    listed = {party: public_entries(folder.keys, party) for party in keystores(folder.keys)}
    left_out = 0
    if not everything:
        # A key of one meter or household has its pseudonym in its purpose.
        shown = {party: [entry for entry in entries if "/" not in entry.purpose] for party, entries in listed.items()}
        left_out = sum(map(len, listed.values())) - sum(map(len, shown.values()))
        listed = {party: tuple(entries) for party, entries in shown.items() if entries}
    out = printing.console()
    show.keys_table(out, listed, time.time(), timedelta(days=max_age))
    if left_out:
        out.print(f"and {left_out:,} keys of single meters and households, which --all lists")


@keys.command(epilog="Example:  smarter keys rotate quickstart mdms unwrap")
@scenario_argument
@click.argument("party")
@click.argument("purpose")
@state_option
@unlock_option
@shares_option
@debug_option
def rotate(
    scenario: str,
    overrides: tuple[str, ...],
    party: str,
    purpose: str,
    state: Path | None,
    unlock: str,
    shares: tuple[Path, ...],
) -> None:
    """Replace the PURPOSE key of PARTY; what was made under the earlier one can still be opened.

    The releaser's aggregation key can be replaced only when no window is open, that is between runs. All keystores
    of the state are opened, since each knows the others; after an interruption the same command finishes.
    """
    from smarter.protocols.key_changes import rotate as replace_key
    from smarter.protocols.session import recalled

    checked, folder = begun(scenario, overrides, state)
    with folder.locked():
        session = recalled(checked, folder)
        try:
            if not session.finished:
                raise UsageError(
                    f"the run in {folder.path} is not finished, and keys change only where no window is open; "
                    "finish it with `smarter run` first."
                )
            unlocker = unlocking(unlock, folder, shares)
            entry = replace_key(folder, unlocker, session.cryptography, party, purpose)
        finally:
            session.journal.close()
    click.echo(f"{party} {purpose} {entry.fingerprint}")


@keys.command(
    name="export-public",
    epilog="\b\nExamples:\n  smarter keys export-public quickstart mdms unwrap > mdms.pem\n"
    "  smarter keys export-public quickstart pes sign --format jwk",
)
@scenario_argument
@click.argument("party")
@click.argument("purpose")
@click.option(
    "--format",
    "form",
    type=click.Choice(["pem", "jwk", "json"]),
    help="PEM or JWK for RSA and Ed25519 keys; json is Smarter's own form, for any.",
)
@state_option
@debug_option
def export_public(
    scenario: str, overrides: tuple[str, ...], party: str, purpose: str, form: str | None, state: Path | None
) -> None:
    """Print the public half of a party's current key: PEM where there is one, hexadecimal otherwise.

    A scheme's key, such as the releaser's aggregate key, has no standard form.
    """
    from smarter.keys.keystore import keystores, public_entries

    _, folder = begun(scenario, overrides, state)
    if party not in keystores(folder.keys):
        raise UsageError(f"there is no party {party}; there are {', '.join(keystores(folder.keys))}.")
    entries = public_entries(folder.keys, party)
    for entry in entries:
        if entry.purpose == purpose and entry.current and entry.public:
            click.echo(_text(entry, form), nl=False)
            return
    purposes = sorted({entry.purpose for entry in entries if entry.public})
    raise UsageError(f"{party} has no public {purpose} key; there are {', '.join(purposes[:8])}.")


def _text(entry: PublicEntry, form: str | None) -> str:
    from smarter.keys.public import of_entry, own_form

    if form == "json":
        return own_form(entry)
    half = of_entry(entry)
    if half is not None:
        return half.jwk() if form == "jwk" else half.pem()
    if form in (None, "pem") and entry.public.startswith(b"-----BEGIN"):
        return entry.public.decode()  # as a plugin of somebody else's writes it
    if form is not None:
        raise UsageError(f"a public key of {entry.plugin} has no standard form as {form}: --format json is Smarter's.")
    return entry.public.hex() + "\n"


@keys.command(epilog="Example:  smarter keys fingerprint partner.pem")
@click.argument("file", type=click.File("rb"), metavar="FILE")
@debug_option
def fingerprint(file: IO[bytes]) -> None:
    """Read a public key that somebody handed over, as PEM or JWK, and print what it is called.

    An RSA key of 2048 bits or more, or an Ed25519 key; FILE may be - for standard input. Compare the fingerprint with
    its owner by another way than the file came. The thumbprint is that of RFC 7638.
    """
    from smarter.keys.public import LONGEST, read_public

    half = read_public(file.read(LONGEST + 1), file.name)
    click.echo(f"kind\t{half.kind}\nbits\t{half.bits}\nfingerprint\t{half.fingerprint}\nthumbprint\t{half.thumbprint}")
