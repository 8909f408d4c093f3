"""``smarter customer erase``: what a household has measured is gone for good, and a receipt says what went."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from smarter.cli.asking import ask_whether, yes_option
from smarter.cli.customer.door import opening
from smarter.cli.options import debug_option, scenario_argument, state_option, unlock_option, unlocking
from smarter.errors import UsageError

if TYPE_CHECKING:
    from smarter.protocols.erasure import SignedReceipt


@click.command(
    epilog="\b\nExamples:\n  smarter customer erase quickstart\n"
    "  smarter customer erase quickstart --yes --json > receipt\n"
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
    your bills stay, as billing law asks. Prints a receipt of what went and what stays. It needs that no run goes on,
    and the secrets of the keystores of meters, PES and MDMS; whoever has those can erase for a customer who is gone.
    """
    from smarter.charts.receipt import receipt_text
    from smarter.model.audit import LOCAL
    from smarter.protocols import enrolment, erasure
    from smarter.protocols.holder import named_holder

    with opening(scenario, overrides, state, unlock, locked=True, first=meter is not None) as door:
        if meter is None:
            account = door.holder().account
            if not account.meter:
                raise UsageError(f"{account.name} is no customer, and has no readings to erase.")
            by, kept = named_holder(account), enrolment.find_meter(door.session, account.meter.hex())
        else:
            by, kept = LOCAL, enrolment.find_meter(door.session, meter)
        whose = "your readings" if meter is None else f"the readings of meter {kept.source}"
        ask_whether(f"Erase {whose} for good?", yes)
        signed = erasure.erase(door.session, door.folder, unlocking(unlock, door.folder), kept, by=by)
    click.echo(_as_json(signed) if as_json else receipt_text(signed), nl=False)


def _as_json(signed: SignedReceipt) -> str:
    whole = {
        "receipt": asdict(signed.receipt),
        "signed_text": signed.text,
        "signature": signed.signature.hex(),
        "verify_key": signed.verify_key.hex(),
    }
    return json.dumps(whole, indent=2) + "\n"
