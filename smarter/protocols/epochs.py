"""Starting the meters: the parties as the journal left them, and a new key epoch of every meter, also for its customer.

``run`` calls it before the first hold of every start. Announcements of earlier starts are handed to the PES again for
as long as frames made under them may still be on their way.
"""

from __future__ import annotations

from collections.abc import Sequence

from smarter.model.messages import wire
from smarter.model.views import acting
from smarter.protocols.enrolment import CustomerKeys
from smarter.protocols.pes import PesDeployment
from smarter.protocols.provision import Keyring
from smarter.protocols.session import Session

Start = tuple[dict[str, int], list[bytes]]
"""A start of the meters: how far each neighbourhood was, and the key epochs announced."""


def start_meters(session: Session, parties: PesDeployment, keyring: Keyring) -> None:
    """Restore the parties, then begin a key epoch of every meter."""
    journal = session.journal
    kept = journal.snapshot("epochs")
    starts = _still_needed(session, wire.decode("epochs", kept, [list])[0]) if kept else []
    for _, announcements in starts:
        parties.accept_epochs(announcements)
    snapshots = {party: journal.snapshot(party) for party in ("pes", "network")}
    if all(snapshot is not None for snapshot in snapshots.values()):
        parties.restore({party: snapshot or b"" for party, snapshot in snapshots.items()})
    secrets, new = parties.begin_epochs()
    starts.append((journal.progress(), new))
    # The journal first: an epoch that it knows is never begun again, whether or not a frame was made in it.
    epochs = {pseudonym: epoch for pseudonym, (epoch, _) in secrets.items()}
    with acting(parties.views["meters"]):
        seal_keys = list(CustomerKeys.of(session, keyring.stores["meters"]).wrap_new(secrets))
    journal.begin_epochs(epochs, wire.encode("epochs", [starts]), seal_keys)
    keyring.keep_epochs(secrets)


def _still_needed(session: Session, starts: Sequence[Start]) -> list[Start]:
    """Of the earlier starts those in which frames were made that the PES may still let in."""
    now = session.journal.progress()
    needed = []
    for number, (began, announcements) in enumerate(starts):
        ended = starts[number + 1][0] if number + 1 < len(starts) else now
        for plan in session.plans:
            first, end = (at.get(plan.name, plan.first_slot) for at in (began, ended))
            grace = -(-session.scenario.grace // plan.axis.interval)
            if first < end and end > now.get(plan.name, plan.first_slot) - grace:
                needed.append((began, announcements))
                break
    return needed
