"""``smarter grants``: the grantee's side of customers' grants, and delivering what is due."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from smarter.cli.options import begun, debug_option, scenario_argument, state_option, unlock_option, unlocking
from smarter.errors import AuthenticationFailed, UsageError

if TYPE_CHECKING:
    from smarter.protocols.grant_document import GrantDocument
    from smarter.protocols.grantee import Granted


@click.group(
    epilog="\b\nExamples:\n  smarter grants new-key advice.pem\n"
    "  smarter grants read quickstart --key advice.pem --document grant.json\n  smarter grants deliver quickstart"
)
def grants() -> None:
    """Read what customers have granted to you; `smarter customer grant` is how they do it.

    SMARTER_KEY_PASSPHRASE stands for the passphrase of your key where nobody can be asked.
    """


@grants.command(
    name="new-key",
    epilog="\b\nExamples:\n  smarter grants new-key advice.pem\n"
    "  SMARTER_KEY_PASSPHRASE=… smarter grants new-key advice.pem",
)
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE")
@debug_option
def new_key(file: Path) -> None:
    """Make an RSA key pair of 3072 bits to be granted something: the private key in FILE, its public half beside it.

    The private key is encrypted with a passphrase, in a form that other programs read, too. Hand the public half to
    the customer, and the fingerprint that is printed by another way.
    """
    from smarter.cli.asking import ask_new_key_passphrase
    from smarter.keys.grantee import make_key_files, public_path
    from smarter.keys.strength import check_strength

    if not file.parent.is_dir():
        raise UsageError(f"there is no folder {file.parent}: make it first, or name another.")
    passphrase = ask_new_key_passphrase()
    check_strength(passphrase, "")
    half = make_key_files(file, passphrase)
    click.echo(f"wrote {file}, which stays with you, and {public_path(file)} for your customers", err=True)
    click.echo(half.fingerprint)


@grants.command(
    epilog="\b\nExamples:\n  smarter grants read quickstart --key advice.pem --document grant.json > granted.csv\n"
    "  smarter grants read quickstart --key advice.pem --json"
)
@scenario_argument
@click.option(
    "--key",
    "key",
    type=click.Path(path_type=Path, dir_okay=False),
    required=True,
    metavar="FILE",
    help="Your private key, as PEM.",
)
@click.option(
    "--document",
    "documents",
    type=click.Path(path_type=Path, dir_okay=False),
    multiple=True,
    metavar="FILE",
    help="A grant document that a customer handed over; may be repeated.",
)
@click.option("--json", "as_json", is_flag=True, help="Print it as JSON.")
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Write there, not to standard output.",
)
@state_option
@unlock_option
@debug_option
def read(
    scenario: str,
    overrides: tuple[str, ...],
    key: Path,
    documents: tuple[Path, ...],
    as_json: bool,
    out: Path | None,
    state: Path | None,
    unlock: str,
) -> None:
    """Fetch what was delivered for your key, check it, and print its windows as CSV.

    Each delivery is signed by the customer's meter, and numbered. The meter's key is taken from the grant document;
    without one from what was read before, or for the first time from the deployment's list. Whoever keeps the mailbox
    notes that you fetch it, for the customer to see, so it takes the secret of the audit log's keystore.
    """
    from smarter.cli.asking import ask_key_passphrase
    from smarter.export.granted import granted_csv, granted_json
    from smarter.keys.grantee import is_encrypted, load_key_file
    from smarter.keys.received import ReceivedFile
    from smarter.protocols.auditing import open_audit
    from smarter.protocols.grantee import MailboxKeeper, open_granted
    from smarter.protocols.session import recalled

    checked, folder = begun(scenario, overrides, state)
    papers = [_document(path) for path in documents]
    received = ReceivedFile.beside(key)
    der = load_key_file(key, ask_key_passphrase() if is_encrypted(key) else None)
    session = recalled(checked, folder)
    try:
        private = session.cryptography.keywrap.load_private(der)
        keeper = MailboxKeeper(session, folder)
        sent = keeper.waiting(private.fingerprint)
        with open_audit(folder, unlocking(unlock, folder)) as log:
            handed = keeper.hand_out(sent.values(), private.fingerprint, log)
        granted = open_granted(session, private, handed, sent, papers, received)
    finally:
        session.journal.close()
    text = granted_json(granted) if as_json else granted_csv(granted)
    if out is None:
        sys.stdout.write(text)
    else:
        from smarter.export.files import replacing

        with replacing(out, 0o600) as file:
            file.write(text)
    for each in granted:
        _tell(each)


def _document(path: Path) -> GrantDocument:
    from smarter.errors import DataError
    from smarter.protocols.grant_document import LONGEST, GrantDocument

    try:
        with path.open("rb") as file:
            return GrantDocument.read(file.read(LONGEST + 1), str(path))
    except FileNotFoundError as error:
        raise DataError(f"there is no file {path}: name the grant document that the customer handed over.") from error


def _tell(granted: Granted) -> None:
    from smarter.keys.naming import fingerprint, short

    header, word = granted.header, "delivery" if granted.deliveries == 1 else "deliveries"
    how = {
        "document": "that of the grant document",
        "before": "the same as before",
        "list": "that of the deployment's list; compare it with the customer's grant document",
    }[granted.vouched]
    click.echo(
        f"{len(granted.sums):,} windows in {granted.deliveries:,} {word} under grant {header.grant[:8]} of meter "
        f"{short(header.pseudonym.hex())}, signed by key {fingerprint(granted.verify_key)} ({how})",
        err=True,
    )
    if granted.gone:
        click.echo(
            f"what was delivered before that, up to delivery {granted.gone:,}, is not here any more: it was erased",
            err=True,
        )


@grants.command(
    epilog="\b\nExamples:\n  smarter grants deliver quickstart\n  smarter grants deliver quickstart > delivered.csv"
)
@scenario_argument
@state_option
@unlock_option
@debug_option
def deliver(scenario: str, overrides: tuple[str, ...], state: Path | None, unlock: str) -> None:
    """Let the meters deliver what is granted, over, and not delivered yet; prints what they did as CSV.

    A run does so by itself; this is for grants that were given after it. It takes the secrets of the meters' keystore
    and of the audit log's. Exit code 4 when a customer's statements do not verify: nothing is delivered for them.
    """
    from smarter.export.files import csv_text
    from smarter.model.windows import iso
    from smarter.protocols.granting import deliver_now
    from smarter.protocols.session import recalled

    checked, folder = begun(scenario, overrides, state)
    session = recalled(checked, folder)
    try:
        outcome = deliver_now(session, folder, unlocking(unlock, folder))
        zones = {kept.pseudonym: plan.timezone for plan in session.plans for kept in session.roster.get(plan.name, ())}
    finally:
        session.journal.close()
    rows = [
        (each.grant, each.meter.hex(), each.number, each.windows, iso(each.start, zone), iso(each.end, zone))
        for each in outcome.delivered
        for zone in (zones[each.meter],)
    ]
    click.echo(csv_text(("grant", "meter", "number", "windows", "start", "end"), rows), nl=False)
    click.echo(f"{sum(each.windows for each in outcome.delivered):,} windows delivered", err=True)
    broken = [each for each in outcome.refused if not each.grant]
    for refused in outcome.refused:
        if refused.grant:
            click.echo(
                f"note: nothing under grant {refused.grant[:8]} of meter {refused.meter.hex()[:8]}: {refused.why}",
                err=True,
            )
    if broken:
        meters = ", ".join(each.meter.hex()[:8] for each in broken)
        raise AuthenticationFailed(f"nothing was delivered of {meters}: {broken[0].why}.")
