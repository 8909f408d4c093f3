"""``smarter keys share`` and ``smarter keys lock``: whose secret a keystore takes from now on."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from smarter.cli.options import (
    asked,
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
    from smarter.keys.shares import Share

FINISHED = "the change that was interrupted is finished: the keys of {party} open by what it was given"
NEW_PASSPHRASE = "SMARTER_NEW_PASSPHRASE"  # noqa: S105 - the variable's name


@click.command(
    epilog="\b\nExamples:\n  smarter keys share quickstart releaser --threshold 2 --officers 3\n"
    "  smarter keys share lossy releaser --threshold 3 --officers 5 --out shares"
)
@scenario_argument
@click.argument("party")
@click.option("--threshold", type=int, required=True, metavar="K", help="So many officers open it together.")
@click.option("--officers", type=int, required=True, metavar="N", help="So many get a share; 16 at most.")
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="Write each share into a file of its own here instead of printing them.",
)
@state_option
@unlock_option
@shares_option
@debug_option
def share(
    scenario: str,
    overrides: tuple[str, ...],
    party: str,
    threshold: int,
    officers: int,
    out: Path | None,
    state: Path | None,
    unlock: str,
    shares: tuple[Path, ...],
) -> None:
    """Lock the keystore of PARTY, the releaser, so that any K of N officers open it together, and nobody alone.

    Each officer gets one share, a list of 33 words. They are given out this once and kept nowhere; what opened the
    keystore before is destroyed. Done again, it gives out new shares, and the earlier ones are void.

    All keystores of the state are opened, since each knows the others.
    """
    from smarter.keys.files import write_private
    from smarter.keys.officers import KIND, Officers
    from smarter.protocols.locking import lock as lock_keystore

    _, folder = begun(scenario, overrides, state)
    if out is not None and out.resolve().is_relative_to(folder.path):
        raise UsageError(f"{out} is in the state itself, where shares protect nothing: give another folder with --out.")
    paths = [] if out is None else [out / f"{party}-officer-{number}.txt" for number in range(1, officers + 1)]

    def hand_out(made: Sequence[Share]) -> None:
        # Not before: a command that finishes an interrupted one hands nothing out again.
        if there := next((path for path in paths if path.exists()), None):
            raise UsageError(f"{there} is there already: nothing was changed; give an empty folder with --out.")
        for one in made:
            if paths:
                write_private(paths[one.number - 1], f"{one.words}\n".encode())
            else:
                click.echo(f"officer {one.number}: {one.words}")

    with folder.locked():
        way = Officers(threshold, officers, hand_out)
        made = lock_keystore(folder, unlocking(unlock, folder, shares), party, KIND, way)
    if not made:
        click.echo(FINISHED.format(party=party), err=True)
        return
    where = "printed above, and nowhere else: clear the terminal once each is with its officer" if out is None else out
    click.echo(f"any {threshold} of {officers} officers open the keys of {party}; the shares are {where}.", err=True)


@click.command(
    epilog="\b\nExamples:\n  smarter keys lock quickstart releaser --by passphrase\n"
    "  smarter keys lock lossy releaser --by keyfile --shares a.txt --shares b.txt"
)
@scenario_argument
@click.argument("party")
@click.option(
    "--by",
    "kind",
    type=click.Choice(["passphrase", "keyfile", "keyring"]),
    required=True,
    help=f"What opens it from now on; {NEW_PASSPHRASE} counts as the new passphrase.",
)
@state_option
@unlock_option
@shares_option
@debug_option
def lock(
    scenario: str,
    overrides: tuple[str, ...],
    party: str,
    kind: str,
    state: Path | None,
    unlock: str,
    shares: tuple[Path, ...],
) -> None:
    """Lock the keystore of PARTY otherwise: also by another passphrase, or by one alone again after officers.

    What opened it so far no longer does, and is destroyed where it is kept. All keystores of the state are opened,
    since each knows the others.
    """
    from smarter.keys.process import given
    from smarter.keys.secret import VARIABLE
    from smarter.keys.unlock import unlock_from
    from smarter.protocols.locking import lock as lock_keystore

    _, folder = begun(scenario, overrides, state)
    typed = given(NEW_PASSPHRASE)
    if kind == "passphrase" and typed is None and asked() is None:
        raise UsageError(f"nobody can be asked for the new passphrase: set {NEW_PASSPHRASE}.")
    variables = {} if typed is None else {VARIABLE: typed}
    with folder.locked():
        way = unlock_from(kind, folder.keys, environ=variables, ask=asked())  # type: ignore[arg-type] # click's choice
        made = lock_keystore(folder, unlocking(unlock, folder, shares), party, kind, way)
    click.echo(f"the keys of {party} are locked by {kind}" if made else FINISHED.format(party=party), err=True)
