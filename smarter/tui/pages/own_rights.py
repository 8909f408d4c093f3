"""What customers say on their page beside looking: consents, grants to third parties, who did what, and erasing."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import ClassVar

from rich.text import Text
from textual.binding import Binding, BindingType

from smarter.charts.rights import agreement, entries_words, grant_words, notice_words, statements_table
from smarter.model.audit import Entry
from smarter.model.messages.statement import Kind
from smarter.protocols.grants import Given
from smarter.protocols.notice import demand_taken
from smarter.tui.page import Exported
from smarter.tui.pages.entered import EnteredPage
from smarter.tui.rights_counter import Consents, NewGrant
from smarter.tui.widgets.login_form import LoginForm, Typed
from smarter.tui.widgets.question import Answer, Question
from smarter.tui.widgets.told_view import Verbatim

WITHDRAW = (
    "Take your agreement back? Your meter goes on keeping your readings for you, and sends nothing. Sums that are made "
    "stay, and what was delivered to somebody else cannot be called back."
)
ERASE = (
    "Erase all that you have used so far, for good? The keys of your readings and billing windows are destroyed; the "
    "totals of your bills stay, as billing law asks. {demand} To keep readings, write a file first (x)."
)
MOST_ASKED = 9
"""Grants that one is asked about at once: each has a digit."""


class RightsPage(EnteredPage):
    """Everything that is stated here is signed with the customer's own key, and counts while a run goes on, too."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("a", "agree", "I agree", id="customers.agree"),
        Binding("i", "statistics", "Statistics in or out", id="customers.statistics"),
        Binding("n", "way('grant')", "New grant", id="customers.grant"),
        Binding("v", "take_back", "Take back", id="customers.take_back"),
        Binding("E", "erase", "Erase …", id="customers.erase"),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._consents: Consents | None = None
        self._grants: Sequence[Given] = ()

    # Consents.

    def remind_of_notice(self) -> None:
        """Say so when somebody has come in who does not agree to the notice as it is today."""

        def said(consents: Consents) -> None:
            if not consents.notice.is_agreed(consents.standing):
                words = "You do not agree to the notice as it is today: c shows it, and a agrees to it."
                self.notify(words, severity="warning")

        if self.visit is not None and self.counter is not None:
            self.ask(partial(self.counter.consents, self.visit), said, self.refused)

    def action_consents(self) -> None:
        """Show what was stated, and the notice."""
        if self.visit is not None and self.counter is not None:
            self.tell_soon("consents", "Verifying what you have stated …")
            self.ask(partial(self.counter.consents, self.visit), self._show_consents, self.refused)

    def _show_consents(self, consents: Consents) -> None:
        self._consents = consents
        heading = Text.assemble(("What your readings are used for", "bold"), no_wrap=True, overflow="ellipsis")
        parts = [agreement(consents.standing, consents.notice), Text()]
        if self.counter is not None:
            parts.append(Text(self.counter.from_then_on, "dim"))
        table = statements_table(consents.record, self.timezone)
        self.tell("consents", heading, [*parts, Text(), table, Text(), *notice_words(consents.notice)])

    def action_agree(self) -> None:
        """Agree to the notice that is shown: before enrolling, or anew."""
        if not self.attended:
            self.action_way("enrol")
        else:
            self._state("agree")

    def action_statistics(self) -> None:
        """Leave the neighbourhood's statistics, or come back."""
        if self._consents is not None:
            self._state("opt-out" if self._consents.standing.statistics else "opt-in")

    def action_take_back(self) -> None:
        """Withdraw the agreement, or revoke a grant."""
        if self.place == "consents":
            answers = [Answer("y", "yes, take it back", "yes")]
            self.app.push_screen(Question(WITHDRAW, answers), self._withdraw)
            return
        live = [each.grant for each in self._grants if each.status != "revoked"][:MOST_ASKED]
        if not live:
            self.notify("There is no grant to revoke.")
            return
        words = "Revoke which grant? At once nothing more is delivered; what was fetched cannot be called back."
        asked = [
            Answer(str(place), f"{grant.grantee} ({grant.id[:8]})", grant.id) for place, grant in enumerate(live, 1)
        ]
        self.app.push_screen(Question(words, asked), self._revoke)

    def _withdraw(self, answer: str | None) -> None:
        if answer:
            self._state("withdraw")

    def _state(self, kind: Kind) -> None:
        if self.visit is not None and self.counter is not None:
            self.ask(partial(self.counter.state, self.visit, kind), lambda _: self.action_consents(), self.refused)

    # Grants.

    def action_grants(self) -> None:
        """Show the grants, and what became of them."""
        if self.visit is not None and self.counter is not None:
            self.tell_soon("grants", "Looking at your grants …")
            self.ask(partial(self.counter.given, self.visit), self._show_grants, self.refused)

    def _show_grants(self, given: Sequence[Given]) -> None:
        self._grants = given
        heading = Text.assemble(
            ("Your grants", "bold"), ("  what was read cannot be called back", "dim"), no_wrap=True, overflow="ellipsis"
        )
        nothing = [Text("You have granted nothing to anybody; n grants something.", "dim")]
        self.tell("grants", heading, list(grant_words(given, self.timezone)) if given else nothing)

    def given_in(self, form: LoginForm, typed: Typed) -> None:
        """A form was filled in; here: a grant."""
        if form.form.name != "grant":
            super().given_in(form, typed)
        elif self.visit is not None and self.counter is not None:
            self.ask(partial(self.counter.grant, self.visit, typed), self._granted, self.refusing(form))

    def _granted(self, new: NewGrant) -> None:
        here = self.place == "door"
        self.bench.give_out([Exported(new.name, new.document)])
        self.notify(f"Hand that file to the grantee. {new.delivered}", markup=False)
        if here:
            self.set_focus(None)
            self.action_grants()

    def _revoke(self, wanted: str | None) -> None:
        def revoked(words: str) -> None:
            self.notify(words, markup=False)
            self.action_grants()

        if wanted and self.visit is not None and self.counter is not None:
            self.ask(partial(self.counter.revoke, self.visit, wanted), revoked, self.refused)

    # The log, and erasing.

    def action_log(self) -> None:
        """Show who did what with one's data."""
        if self.visit is not None and self.counter is not None:
            self.tell_soon("log", "Reading the audit log …")
            self.ask(partial(self.counter.log, self.visit), self._show_log, self.refused)

    def _show_log(self, entries: Sequence[Entry]) -> None:
        heading = Text.assemble(
            ("Who did what with your data", "bold"),
            (f"  {len(entries):,} entries, checked", "dim"),
            no_wrap=True,
            overflow="ellipsis",
        )
        self.tell("log", heading, list(entries_words(entries)))

    def action_erase(self) -> None:
        """Ask, then erase."""
        if self.counter is None:
            return
        question = ERASE.format(demand=demand_taken(self.counter.scenario))
        self.app.push_screen(Question(question, [Answer("E", "erase it for good", "yes")]), self._erase)

    def _erase(self, answer: str | None) -> None:
        if answer and self.visit is not None and self.counter is not None:
            self.tell_soon("receipt", "Destroying the keys …")
            self.ask(partial(self.counter.erase, self.visit), self._erased, self.refused)

    def _erased(self, receipt: str) -> None:
        self.forget()
        self.bench.erased = object()
        heading = Text("The receipt: e writes a file, which `smarter customer check-receipt` checks", "bold")
        self.tell("receipt", heading, [Verbatim(receipt)], wanted=True)

    # What is the same everywhere.

    @property
    def timezone(self) -> str:
        """IANA name of the clock that times are shown by."""
        raise NotImplementedError

    def forget(self) -> None:
        """Keep nothing of anybody's."""
        self._consents, self._grants = None, ()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Each view has its own."""
        if action in ("consents", "grants", "log"):
            return self.attended
        if action == "agree":
            stands = self._consents
            anew = self.place == "consents" and stands is not None and not stands.notice.is_agreed(stands.standing)
            return anew or (self.place == "notice" and not self.attended)
        if action == "way" and parameters == ("grant",):
            return self.attended and self.place == "grants"
        if action == "take_back":
            stands = self._consents
            agreed = self.place == "consents" and stands is not None and stands.standing.notice is not None
            return self.attended and (agreed or (self.place == "grants" and bool(self._grants)))
        if action in ("statistics", "erase"):
            return self.attended and self.place == "consents"
        return super().check_action(action, parameters)
