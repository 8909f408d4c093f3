"""What the customers' page asks the core for about rights: the notice, consents, grants, the own log, erasure."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from smarter.charts.receipt import receipt_text
from smarter.charts.rights import finer_words, unread_words, withheld_words
from smarter.errors import SmarterError, UsageError
from smarter.keys.keystore import Keystore
from smarter.keys.public import public_in
from smarter.model.audit import Entry, Note, household
from smarter.model.messages.statement import Kind, Statement
from smarter.parties.meter.statements import Standing
from smarter.protocols import enrolment, erasure, statements
from smarter.protocols.auditing import open_audit
from smarter.protocols.grant_document import GrantDocument
from smarter.protocols.grant_wish import LIFETIME, Wish, parse_window
from smarter.protocols.granting import deliver_now
from smarter.protocols.grants import CustomerGrants, Given
from smarter.protocols.holder import Holder, named_holder
from smarter.protocols.notice import Notice, notice_of, said
from smarter.protocols.own_log import own_entries
from smarter.scenario.moments import epoch, parse_moment
from smarter.state.statements import Statements
from smarter.tui.counter import Counter, Visit, same
from smarter.tui.widgets.login_form import Typed


@dataclass(frozen=True)
class Consents:
    """What somebody has stated, where they stand by it, and the notice as it is today."""

    record: Sequence[Statement]
    standing: Standing
    notice: Notice


@dataclass(frozen=True)
class NewGrant:
    """A grant that was given: its document for the grantee, and what was delivered at once or never comes, in words."""

    name: str
    document: str
    delivered: str


class RightsCounter(Counter):
    """The counter, with all that somebody can say there."""

    @property
    def notice(self) -> Notice:
        """The notice of this deployment."""
        return notice_of(self.scenario)

    @property
    def from_then_on(self) -> str:
        """From when on something that is stated counts."""
        return f"It counts from the next billing window on, after at most {said(self.scenario.windows.billing)}."

    def enrol(self, typed: Typed) -> str:
        """Open an account with the code that came with the meter, agreeing to the notice; returns the recovery code."""
        same(typed)
        with self.door(locked=True) as door:
            store = Keystore.open(self.folder.keys, "meters", self.unlocking())
            code, name, password = (typed[each] for each in ("code", "name", "password"))
            enrolled = enrolment.enrol(
                door.session, door.login, store, code=code, name=name, password=password, notice=self.notice
            )
            return enrolled.recovery_code

    # Consents.

    def consents(self, visit: Visit) -> Consents:
        """All that somebody has stated, verified."""
        with self.door() as door, closing(Statements(self.folder.accounts)) as kept:
            holder = door.login.resume(visit.token)
            record = statements.own_statements(door.session, kept, holder)
            return Consents(record, statements.own_standing(door.session, kept, holder), self.notice)

    def state(self, visit: Visit, kind: Kind) -> None:
        """State something that has no details, or agreement to the notice; also while a run goes on."""
        with self.door() as door, closing(Statements(self.folder.accounts)) as kept:
            holder, witness = door.login.resume(visit.token), door.login.witness
            if kind == "agree":
                statements.agree(door.session, kept, holder, self.notice, witness=witness)
            else:
                statements.state(door.session, kept, holder, kind, witness=witness)

    # Grants.

    @contextmanager
    def _grants(self, visit: Visit) -> Iterator[tuple[CustomerGrants, Holder]]:
        with self.door() as door:
            holder = door.login.resume(visit.token)
            with closing(CustomerGrants(door.session, self.folder, holder, door.login.witness)) as grants:
                yield grants, holder

    def given(self, visit: Visit) -> list[Given]:
        """Their grants, and what became of each."""
        with self._grants(visit) as (grants, _):
            return grants.given()

    def grant(self, visit: Visit, typed: Typed) -> NewGrant:
        """Give a grant as it was typed in.

        Raises:
            UsageError: something of it will not do, or the key's file cannot be read.
            DataError: the key's file is no key.
        """
        half = public_in(Path(typed["key"].strip()).expanduser())
        with self.door() as door:
            holder = door.login.resume(visit.token)
            with closing(CustomerGrants(door.session, self.folder, holder, door.login.witness)) as grants:
                zone = grants.plan.timezone
                wish = Wish(
                    typed["grantee"].strip(),
                    half,
                    parse_window(typed["window"].strip()),
                    _moment(typed["from"], zone, grants.plan.start),
                    _moment(typed["to"], zone, grants.plan.end),
                    _moment(typed["expires"], zone, int(time.time()) + LIFETIME),
                    typed["purpose"].strip(),
                )
                given = grants.give(wish)
                withheld = [f" N{sentence[1:]}." for sentence in withheld_words(grants.withheld(given), zone)]
                if (unread := grants.unread(given)) is not None:
                    withheld.append(f" N{unread_words(unread, zone)[1:]}.")
                if finer := grants.finer(given):
                    withheld.append(f" Warning: {finer_words(finer)}")
            document = GrantDocument.of(given, door.session.deployment, holder.account, half.fingerprint, zone)
            try:
                outcome = deliver_now(door.session, self.folder, self.unlocking(), only=holder.account.meter)
                told = f"Delivered at once: {sum(each.windows for each in outcome.delivered):,} windows that are over."
            except (SmarterError, OSError) as error:  # the grant stands, and its document is shown in any case
                why = str(error).rstrip(".")
                told = f"Your meter delivers in the next run, or by `smarter grants deliver`; not now: {why}."
        return NewGrant(f"grant-{given.id[:8]}.json", document.text(), told + "".join(withheld))

    def revoke(self, visit: Visit, wanted: str) -> str:
        """Revoke a grant at once; returns what to say."""
        with self._grants(visit) as (grants, _):
            revoked, fetched, taken = grants.revoke(wanted)
        gone = f"{taken:,} windows that were not fetched are gone."
        kept = f" {fetched:,} were fetched before, and cannot be called back." if fetched else ""
        return f"{revoked.grantee} gets nothing more. {gone}{kept}"

    # The log, and erasing.

    def log(self, visit: Visit) -> list[Entry]:
        """Every entry of the audit log about them and their household; that they look is one, too."""
        with self._grants(visit) as (grants, holder), open_audit(self.folder, self.unlocking()) as audit:
            own = holder.account
            audit.put(Note("read", named_holder(own), household(own.meter.hex()), {"what": "audit log"}))
            audit.commit()
            return own_entries(self.folder, audit, own, grants.given())

    def erase(self, visit: Visit) -> str:
        """Erase all that they have used so far; returns the receipt."""
        with self.door(locked=True) as door:
            holder = door.login.resume(visit.token)
            kept = enrolment.find_meter(door.session, holder.account.meter.hex())
            by, since = named_holder(holder.account), enrolment.since_of(holder)
            return receipt_text(erasure.erase(door.session, self.folder, self.unlocking(), kept, by=by, since=since))


def _moment(text: str, timezone: str, otherwise: int) -> int:
    if not text.strip():
        return otherwise
    try:
        return epoch(parse_moment(text.strip()), timezone)
    except (ValueError, OverflowError) as error:
        raise UsageError(f"{error}.") from error
