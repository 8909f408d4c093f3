"""``smarter customer erase``: what a household has measured is gone for good; and the receipt of it, checked."""

from __future__ import annotations

from pathlib import Path

import click

from smarter.cli.asking import ask_whether, yes_option
from smarter.cli.customer.door import opening
from smarter.cli.options import (
    begun,
    debug_option,
    scenario_argument,
    set_option,
    state_option,
    unlock_option,
    unlocking,
)
from smarter.errors import AuthenticationFailed, UsageError


@click.command(
    epilog="\b\nExamples:\n  smarter customer erase quickstart\n"
    "  smarter customer erase quickstart --yes --json > receipt.json\n"
    "  smarter customer erase quickstart --meter apt3"
)
@scenario_argument
@click.option("--meter", metavar="METER", help="Erase this meter's household, whose customer is gone.")
@yes_option
@click.option("--json", "as_json", is_flag=True, help="Print the receipt as JSON, with the meter's signature.")
@state_option
@unlock_option
@debug_option
def erase(
    scenario: str,
    overrides: tuple[str, ...],
    meter: str | None,
    yes: bool,
    as_json: bool,
    state: Path | None,
    unlock: str,
) -> None:
    """Erase all that you have used so far, for good; export what you want to keep before.

    The keys of your readings and billing windows are destroyed, so that no copy of them opens any more; the totals of
    your bills stay, as billing law asks. Some of the neighbourhood's demand goes along: with the bills of all others it
    would give yours. Prints a receipt of what went and what stays, which check-receipt checks. It needs that no run
    goes on, and the secrets of the keystores of meters, PES and MDMS; a holder of those can erase for a customer who is
    gone.
    """
    from smarter.charts.receipt import receipt_text
    from smarter.model.audit import LOCAL
    from smarter.protocols import enrolment, erasure
    from smarter.protocols.holder import named_holder
    from smarter.protocols.notice import demand_taken

    with opening(scenario, overrides, state, unlock, locked=True, first=meter is not None) as door:
        if meter is None:
            holder = door.holder()
            account = holder.account
            if not account.meter:
                raise UsageError(f"{account.name} is no customer, and has no readings to erase.")
            since = enrolment.since_of(holder)
            by, kept = named_holder(account), enrolment.find_meter(door.session, account.meter.hex())
        else:
            since = None
            by, kept = LOCAL, enrolment.find_meter(door.session, meter)
        whose = "your readings" if meter is None else f"the readings of meter {kept.source}"
        ask_whether(f"{demand_taken(door.session.scenario)} Erase {whose} for good?", yes)
        signed = erasure.erase(door.session, door.folder, unlocking(unlock, door.folder), kept, by=by, since=since)
    click.echo(signed.form() if as_json else receipt_text(signed), nl=False)


@click.command(
    name="check-receipt",
    epilog="\b\nExamples:\n  smarter customer check-receipt receipt.txt quickstart\n"
    "  smarter customer check-receipt receipt.json --key 5b1c…",
)
@click.argument("receipt", type=click.Path(path_type=Path, dir_okay=False), metavar="RECEIPT")
@click.argument("scenario", required=False, metavar="[SCENARIO]")
@set_option
@click.option("--key", metavar="KEY", help="The meter's public key as you know it, 64 hexadecimal digits.")
@state_option
@debug_option
def check_receipt(
    receipt: Path, scenario: str | None, overrides: tuple[str, ...], key: str | None, state: Path | None
) -> None:
    """Check that a receipt is as the meter signed it; exit code 4 when it is not.

    RECEIPT is a file with what `smarter customer erase` printed, with or without --json, or what page 9 of the app
    wrote. The meter's key is that of the deployment's list in SCENARIO's state; or --key, as a grant document has it,
    and then nothing but the file is needed. No account is, and nothing is unlocked.
    """
    from smarter.charts.receipt import LONGEST, read_receipt
    from smarter.errors import DataError

    if (scenario is None) == (key is None):
        raise UsageError("name either the scenario that the meter is of, or its public key: --key.")
    known = None if key is None else _key(key)
    try:
        with receipt.open("rb") as file:
            signed = read_receipt(file.read(LONGEST + 1), str(receipt))
    except FileNotFoundError as error:
        raise DataError(f"there is no file {receipt}: name the receipt that was kept.") from error
    if known is None:
        known = _listed(signed.receipt.meter, scenario or "", overrides, state)
    signed.check(known)
    click.echo(f"as meter {signed.receipt.meter} signed it on {signed.receipt.time}")


def _key(text: str) -> bytes:
    from smarter.keys.signing import KEY_BYTES

    try:
        key = bytes.fromhex(text)
    except ValueError:
        key = b""
    if len(key) != KEY_BYTES:
        raise UsageError(f"--key: {text[:80]!r} is not {2 * KEY_BYTES} hexadecimal digits.")
    return key


def _listed(meter: str, scenario: str, overrides: tuple[str, ...], state: Path | None) -> bytes:
    """The public key of a meter, by the deployment's list."""
    from smarter.protocols.session import recalled

    checked, folder = begun(scenario, overrides, state)
    session = recalled(checked, folder)
    session.journal.close()
    for kept in (kept for kepts in session.roster.values() for kept in kepts):
        if kept.pseudonym.hex() == meter:
            return kept.verify_key
    raise AuthenticationFailed(
        f"no meter {meter} is in the state {folder.path}: name the one that the receipt is of, or the meter's --key."
    )
