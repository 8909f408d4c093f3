"""A customer's grants to third parties: giving one, revoking one, and what became of each.

``smarter customer grant``, ``revoke`` and ``grants`` call it, and the app, for whoever is logged in. What is given is a
signed statement; carrying it out is the meters' part (``granting``).
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass

from smarter.errors import UsageError
from smarter.model.messages.statement import GRANT_BYTES
from smarter.parties.meter.grants import on_another_grid, why_not
from smarter.parties.meter.statements import Grant, Standing
from smarter.protocols.enrolment import since_of
from smarter.protocols.fine_grants import Finer, fine_grantees, seconds_of, spelt
from smarter.protocols.grant_wish import Wish, check_key, check_wish, spell_window
from smarter.protocols.holder import CUSTOMER, Holder, Witness
from smarter.protocols.plan import NeighbourhoodPlan
from smarter.protocols.session import Session
from smarter.protocols.statements import own_standing, state
from smarter.protocols.withheld import Withheld, is_anything_left, withheld
from smarter.state import Deliveries, Sent, StateFolder
from smarter.state.statements import Statements

LIVE = "live"
ALL_WITHHELD = "all of its time was delivered in other windows"
GRANT_DIGITS = 4
"""The fewest digits of a grant that name it."""


@dataclass(frozen=True)
class Given:
    """A grant, and what became of it.

    Attributes:
        status: ``live``, ``revoked``, ``expired``, or why nothing is delivered though it is live.
        sent: what was delivered under it, in order.
        receiver: fingerprint of the grantee's key.
        withheld: of which times nothing comes though it is live.
    """

    grant: Grant
    status: str
    sent: tuple[Sent, ...]
    receiver: str
    withheld: tuple[Withheld, ...] = ()

    @property
    def windows(self) -> int:
        """How many windows were delivered."""
        return sum(each.windows for each in self.sent)

    @property
    def read(self) -> int:
        """How many of them were fetched."""
        return sum(each.windows for each in self.sent if each.fetched is not None)


class CustomerGrants:
    """The grants of one holder of an account.

    Args:
        session: the deployment.
        state: where accounts and mailbox lie.
        holder: whoever is logged in.
        witness: the audit log.
        clock: by which grants expire, epoch seconds.

    Raises:
        UsageError: the account is not a customer's.
    """

    def __init__(
        self,
        session: Session,
        state: StateFolder,
        holder: Holder,
        witness: Witness,
        clock: Callable[[], float] = time.time,
    ) -> None:
        if holder.account.role != CUSTOMER:
            raise UsageError(f"{holder.account.name} is no customer, and only a customer has something to grant.")
        self._session = session
        self._state = state
        self._holder = holder
        self._witness = witness
        self._clock = clock
        self._statements = Statements(state.accounts)

    def close(self) -> None:
        """Give the files back."""
        self._statements.close()

    @property
    def plan(self) -> NeighbourhoodPlan:
        """The neighbourhood of the customer's meter."""
        meter = self._holder.account.meter
        for plan in self._session.plans:
            if any(kept.pseudonym == meter for kept in self._session.roster[plan.name]):
                return plan
        raise UsageError("the account's meter is not in this deployment; enrol again.")

    def check(self, wish: Wish) -> None:
        """Return when a grant can be given as wished.

        Raises:
            UsageError: a window that cannot be cut, a span without one, an expiry that is over or far away, no name or
                purpose, or an earlier grant to the same grantee with other windows.
            DataError: a key that nothing can be encrypted for.
        """
        plan, now = self.plan, int(self._clock())
        check_wish(wish, plan, now)
        check_key(wish.key, self._session.cryptography.keywrap)
        standing = self._standing()
        if standing.notice is None:
            raise UsageError("you do not agree to the notice, so nothing leaves your meter: agree before you grant.")
        wished = self._grant(wish, "0" * 2 * GRANT_BYTES, standing.number + 1)
        for other in standing.grants.values():
            if other.live(now) and on_another_grid(other, wished):
                raise UsageError(
                    f"{other.grantee} has windows of {spell_window(other.window)} of yours by grant {other.id[:8]}; "
                    "windows cut otherwise would tell more than either: grant the same ones, or revoke that first, and "
                    "only times that were not delivered come."
                )

    def give(self, wish: Wish) -> Grant:
        """Give a grant; raises as :meth:`check`, and as :func:`state`."""
        self.check(wish)
        grant = self._grant(wish, secrets.token_hex(GRANT_BYTES), 0)
        state(
            self._session,
            self._statements,
            self._holder,
            "grant",
            witness=self._witness,
            clock=self._clock,
            grant=grant.id,
            grantee=grant.grantee,
            plugin=grant.plugin,
            key=grant.key,
            window=grant.window,
            start=grant.start,
            end=grant.end,
            expires=grant.expires,
            purpose=grant.purpose,
        )
        return self._standing().grants[grant.id]

    def revoke(self, wanted: str) -> tuple[Grant, int, int]:
        """Revoke the grant that is called so, at once, and take what was not fetched out of the mailbox.

        Returns:
            The grant, how many windows were fetched before, and how many were taken out.

        Raises:
            UsageError: none is called so, or more than one, or it is revoked already.
        """
        grant = self._find(wanted)
        # Stated before the mailbox is emptied: what a run puts in meanwhile is either not put in, or emptied as well.
        state(
            self._session,
            self._statements,
            self._holder,
            "revoke",
            witness=self._witness,
            clock=self._clock,
            grant=grant.id,
        )
        if self._state.deliveries.exists():
            mailbox = Deliveries(self._state.deliveries)
            try:
                mailbox.empty(grant.id, self._holder.account.meter)
            finally:
                mailbox.close()
        sent = [each for each in self._sent() if each.grant == grant.id]
        fetched = sum(each.windows for each in sent if each.fetched is not None)
        return grant, fetched, sum(each.windows for each in sent) - fetched

    def given(self) -> list[Given]:
        """All grants, the earliest first, each with what was delivered under it."""
        standing, now = self._standing(), self._clock()
        sent = self._sent() if standing.grants else []
        keywrap = self._session.cryptography.keywrap
        given = []
        for grant in sorted(standing.grants.values(), key=lambda each: each.number):
            own = tuple(each for each in sent if each.grant == grant.id)
            receiver = keywrap.load_public(grant.key).fingerprint
            left_out = withheld(grant, standing, sent) if grant.live(now) else ()
            status = _status(grant, standing, now)
            if status == LIVE and not is_anything_left(grant, self.plan, left_out):
                status = ALL_WITHHELD
            given.append(Given(grant, status, own, receiver, left_out))
        return given

    def withheld(self, grant: Grant) -> tuple[Withheld, ...]:
        """Of which times nothing comes under a grant that was just given, in order."""
        return withheld(grant, self._standing(), self._sent())

    def unread(self, grant: Grant) -> int | None:
        """From when on the customer reads, epoch seconds, where a grant begins before; None: it does not."""
        since = since_of(self._holder)
        if since is None:
            return None
        start = int(self.plan.axis.start_of(since))
        return start if max(grant.start, self.plan.start) < start else None

    def finer(self, grant: Grant) -> Finer | None:
        """What a grantee gains from a grant together with the neighbourhood's demand; None: no finer than bills."""
        billing, plan = self._session.scenario.windows.billing, self.plan
        if seconds_of(grant.window) >= billing:
            return None
        receiver = self._session.cryptography.keywrap.load_public(grant.key).fingerprint
        own = self._holder.account.meter
        given: set[bytes] = set()
        for grantee in fine_grantees(self._state, billing):
            if {receiver, spelt(grant.grantee)} & grantee.marks:
                given |= grantee.spans.keys()
        here = {kept.pseudonym for kept in self._session.roster[plan.name]}
        least = self._session.scenario.release.min_meters
        return Finer(grant.grantee, grant.window, billing, len((given | {own}) & here), plan.size, least)

    def _sent(self) -> list[Sent]:
        """All that was delivered of their meter."""
        if not self._state.deliveries.exists():
            return []
        mailbox = Deliveries(self._state.deliveries)
        try:
            return mailbox.of_meter(self._holder.account.meter)
        finally:
            mailbox.close()

    def _standing(self) -> Standing:
        return own_standing(self._session, self._statements, self._holder)

    def _find(self, wanted: str) -> Grant:
        grants = self._standing().grants.values()
        digits = wanted.rstrip("…").lower()
        found = [grant for grant in grants if len(digits) >= GRANT_DIGITS and grant.id.startswith(digits)]
        live = [grant for grant in grants if grant.grantee.casefold() == wanted.casefold() and grant.revoked is None]
        if len(found or live) != 1:
            raise UsageError(
                f"{wanted} names {len(found or live)} of your grants; give the first digits of one, as "
                "`smarter customer grants` lists them."
            )
        return (found or live)[0]

    def _grant(self, wish: Wish, name: str, number: int) -> Grant:
        keywrap = self._session.cryptography.keywrap
        return Grant(
            name,
            wish.grantee.strip(),
            keywrap.name,
            wish.key.pem().encode(),
            wish.window,
            wish.start,
            wish.end,
            wish.expires,
            wish.purpose.strip(),
            int(self._clock()),
            number,
        )


def _status(grant: Grant, standing: Standing, now: float) -> str:
    if grant.revoked is not None:
        return "revoked"
    if not grant.live(now):
        return "expired"
    return why_not(grant, standing, now) or LIVE
