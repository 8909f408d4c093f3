"""Page 0, operators: somebody logs in, and sees of bills and demand what their role allows, by pseudonym."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import ClassVar

from rich.console import RenderableType
from rich.text import Text
from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.widgets import ContentSwitcher, DataTable, Input, Static

from smarter.charts.operators import left_out, meters_table, operators_table, rerating_table
from smarter.charts.scenario import command
from smarter.errors import WrongCredentials
from smarter.keys import roster
from smarter.keys.keystore import Keystore
from smarter.model.bills import Account
from smarter.protocols.access import Operation
from smarter.protocols.operator_desk import SeenDemand, SeenMeter, SeenWindows
from smarter.protocols.rerating import Rerating
from smarter.protocols.roster import Listed
from smarter.scenario import Scenario
from smarter.scenario.catalogue import reference_of
from smarter.state import StateFolder
from smarter.tui.operators_counter import OperatorsCounter, OperatorVisit
from smarter.tui.page import Exported
from smarter.tui.pages.door import DoorPage
from smarter.tui.picture import Picture
from smarter.tui.widgets.bill_detail import BillDetail
from smarter.tui.widgets.bill_list import BillList
from smarter.tui.widgets.demand_view import DemandView
from smarter.tui.widgets.forms import Forms
from smarter.tui.widgets.login_form import LoginForm, Typed
from smarter.tui.widgets.operator_forms import OPERATOR_FORMS
from smarter.tui.widgets.time_chart import TimeChart
from smarter.tui.widgets.told_view import ToldView

WIDE = 116
"""Columns from which bars have room beside the table, and a bill beside its windows."""
_NEEDS = {
    "meters": Operation.METERS,
    "demand": Operation.DEMAND,
    "rerate": Operation.RERATE,
    "give_out": Operation.EXPORT,
    "list": Operation.LIST,
    "verify": Operation.VERIFY_LOG,
}


class OperatorsPage(DoorPage[OperatorsCounter, OperatorVisit]):
    """Behind the door are bills, demand, other tariffs, who is an operator."""

    NAME = "operators"
    HELP = (
        "What operators of the MDMS see: meters by pseudonym, bills, demand, never anything finer than what was "
        "released. Logging in takes a password and the code that your app shows. What you can do here depends on your "
        "role; each look is in the audit log. Operators are made and managed with `smarter operator`, in a terminal."
    )
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "begin", "Log in", id="operators.login"),
        Binding("m", "meters", "Meters", id="operators.meters"),
        Binding("d", "demand", "Demand", id="operators.demand"),
        Binding("n", "next", "Next", id="operators.next", tooltip="The next neighbourhood"),
        Binding("r", "rerate", "Re-rate", id="operators.rerate"),
        Binding("x", "give_out", "Files", id="operators.files", tooltip="Bills, windows and demand as CSV"),
        Binding("u", "list", "Operators", id="operators.list"),
        Binding("v", "verify", "Verify the log", id="operators.verify"),
        Binding("o", "log_out", "Log out", id="operators.logout"),
        Binding("s", "sort", "Sort", id="operators.sort"),
        Binding("slash", "filter", "Filter", key_display="/", id="operators.filter"),
        Binding("escape", "back", "Back", id="operators.back"),
    ]
    DEFAULT_CSS = """
    OperatorsPage #who { display: none; height: 1; padding: 0 1; color: $text-muted; text-align: right; }
    OperatorsPage #place { height: 1fr; }
    OperatorsPage.attended #who { display: block; }
    """

    def __init__(self) -> None:
        super().__init__()
        self._erased: object = None

    def compose_page(self) -> ComposeResult:
        """One at a time: why there is nothing, a form, bills, one meter, demand, something to read."""
        yield Static(id="who", markup=False)
        with ContentSwitcher(initial="nothing", id="place"):
            yield Static(id="nothing", classes="empty", markup=False)
            yield Forms(OPERATOR_FORMS, id="door")
            yield BillList()
            yield BillDetail()
            yield DemandView()
            yield ToldView(id="told")

    def on_resize(self, event: events.Resize) -> None:
        """Beside each other where there is room."""
        for part in (self._list, self.query_one(BillDetail)):
            part.set_class(event.size.width >= WIDE, "wide")

    @property
    def _list(self) -> BillList:
        return self.query_one(BillList)

    @property
    def charted(self) -> bool:
        """Whether there is a chart over time to zoom."""
        return self.place in ("one", "demand") and self.chart.stretch is not None

    @property
    def chart(self) -> TimeChart:
        """One meter's windows, or demand."""
        return self.query_one(BillDetail if self.place == "one" else DemandView).query_one(TimeChart)

    # The door.

    def make_counter(self, scenario: Scenario, state: StateFolder) -> OperatorsCounter:
        """The operators' counter."""
        return OperatorsCounter(scenario, state, self.bench.unlocking_of(state))

    def why_no_door(self, scenario: Scenario, state: StateFolder) -> str:
        """There are operators once there is a run; whoever runs the machine makes the first."""
        if not state.begun:
            return f"No run of {scenario.name} yet: press 2, then r. It has operators when it has run."
        if Keystore.exists(state.keys, roster.PARTY):
            return ""
        first = command(reference_of(scenario.path), self.bench.overrides, "operator first")
        return (
            "Nobody is an operator yet.\n\nWhoever runs the machine makes the first administrator, in a terminal:\n"
            f"{first} --name NAME\n\nAdministrators make others, with `smarter operator add`."
        )

    def show_picture(self, picture: Picture) -> None:
        """What a customer has erased meanwhile is shown no more."""
        super().show_picture(picture)
        if self.visit is not None and self._erased is not self.bench.erased:
            self.forget()
            self.entered(self.visit)

    def entered(self, visit: OperatorVisit) -> None:
        """Show what the role has."""
        self._erased = self.bench.erased
        self.query_one("#who", Static).update(f"{visit.operator.name}, {visit.operator.role}")
        self.add_class("attended")
        if visit.may(Operation.METERS):
            self.action_meters()
        else:
            self.action_list()

    def given_in(self, form: LoginForm, typed: Typed) -> None:
        """Bills under the tariff that was named."""

        def refused(error: BaseException) -> None:
            (self.refused if isinstance(error, WrongCredentials) else self.refusing(form))(error)

        if self.visit is not None and self.counter is not None:
            call = partial(self.counter.rerate, self.visit, typed["tariff"], typed["options"].split())
            self.ask(call, self._show_rerating, refused)

    def forget(self) -> None:
        """Keep nothing of what was shown."""
        self.remove_class("attended")
        self.query_one("#who", Static).update("")
        self._list.forget()
        self.query_one(BillDetail).forget()
        self.query_one(DemandView).forget()

    # What the MDMS knows.

    def action_meters(self) -> None:
        """All meters: with their bills, where the role has those."""
        if (visit := self.visit) is None or (counter := self.counter) is None:
            return
        self.set_focus(None)
        if not visit.may(Operation.BILLS):
            self.tell_soon("meters", "Opening the list of meters …")
            self.ask(partial(counter.meters, visit), self._show_meters, self.refused)
        elif self._no_run("bills"):
            self.tell_soon("bills", "Opening the records …")
            self.ask(partial(counter.bills, visit), self._show_bills, self.refused)

    def _no_run(self, what: str) -> bool:
        if self.bench.picture.goes_on:
            self.tell_soon("run", f"A run goes on (2 shows it); when it has ended, {what} can be shown here.")
            return False
        return True

    def _show_meters(self, meters: Sequence[SeenMeter]) -> None:
        self.tell("meters", _heading("Meters", f"{len(meters):,}, by pseudonym"), [meters_table(meters)])

    def _show_bills(self, accounts: Sequence[Account]) -> None:
        if self.place == "bills":  # still waited for
            self._list.begin(len(accounts))
            self._list.add(accounts)
            self.go("list")
            self._list.table.focus()

    @on(DataTable.RowSelected)
    def _open_chosen(self) -> None:
        account, visit, counter = self._list.table.chosen, self.visit, self.counter
        if account is None or visit is None or counter is None:
            return
        self.query_one(BillDetail).show(account)
        self.go("one")
        self.query_one("#bills").focus()
        self.ask(partial(counter.windows, visit, account.meter), self._show_windows, self.refused)

    def _show_windows(self, seen: SeenWindows) -> None:
        detail = self.query_one(BillDetail)
        if detail.account is not None and detail.account.meter == seen.meter:
            detail.show_windows(seen.rows)
            self.refresh_bindings()

    def action_demand(self) -> None:
        """The neighbourhoods' demand."""
        if self.visit is not None and self.counter is not None and self._no_run("demand"):
            self.set_focus(None)
            self.tell_soon("sums", "Opening the records …")
            self.ask(partial(self.counter.demand, self.visit), self._show_demand, self.refused)

    def _show_demand(self, seen: Sequence[SeenDemand]) -> None:
        if self.place == "sums":  # still waited for
            self.query_one(DemandView).show(seen)
            self.go("demand")

    def action_next(self) -> None:
        """The next neighbourhood."""
        self.query_one(DemandView).next()

    def action_rerate(self) -> None:
        """Ask for the other tariff."""
        if self._no_run("bills"):
            self.forms.show("rerate").begin()
            self.go("door")

    def _show_rerating(self, rerating: Rerating) -> None:
        if self.place != "door":  # left meanwhile
            return
        self.set_focus(None)
        words = left_out(rerating)
        told: list[RenderableType] = [rerating_table(rerating), *([] if words is None else [words])]
        heading = _heading(f"Bills under tariff {rerating.tariff}", "beside those there are; nothing is changed")
        self.tell("rerated", heading, told, wanted=True)

    def action_give_out(self) -> None:
        """Write bills, windows and demand into files."""
        if self.visit is not None and self.counter is not None and self._no_run("bills"):
            self.ask(partial(self.counter.files, self.visit), self.bench.give_out, self.refused)

    # Who is an operator, and the audit log.

    def action_list(self) -> None:
        """Who is an operator."""
        if self.visit is not None and self.counter is not None:
            self.set_focus(None)
            self.tell_soon("operators", "Opening the list of operators …")
            self.ask(partial(self.counter.operators, self.visit), self._show_operators, self.refused)

    def _show_operators(self, listed: Sequence[Listed]) -> None:
        heading = _heading("Operators", "managed with `smarter operator`, in a terminal")
        self.tell("operators", heading, [operators_table(listed)])

    def action_verify(self) -> None:
        """Check all of the audit log."""
        if self.visit is not None and self.counter is not None:
            self.set_focus(None)
            self.tell_soon("log", "Checking every entry …")
            self.ask(partial(self.counter.verified, self.visit), self._show_verified, self.refused)

    def _show_verified(self, entries: int) -> None:
        words = "`smarter operator audit` prints it, in a terminal."
        self.tell("log", _heading("Audit log", f"{entries:,} entries, whole"), [Text(words)])

    # Keys and files.

    def action_sort(self) -> None:
        """By the next column."""
        self._list.sort()

    def action_filter(self) -> None:
        """Ask for words to filter by."""
        self._list.ask()

    def action_back(self) -> None:
        """Out of a form, from one meter to all, from the filter to all."""
        if self.place == "one":
            self.go("list")
            self._list.table.focus()
        elif self.place == "list":
            self._list.show_all()
        else:
            self.set_focus(None)
            self.forms.show("login")
            if self.visit is not None:
                self.entered(self.visit)
        self.refresh_bindings()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """What can be done depends on who is there, and on their role."""
        visit, place = self.visit, self.place
        if action in _NEEDS:
            typing = isinstance(self.focused, Input)
            return visit is not None and visit.may(_NEEDS[action]) and not typing
        if action == "next":
            return place == "demand" and self.query_one(DemandView).several
        if action in ("sort", "filter"):
            return place == "list" and not isinstance(self.focused, Input)
        if action == "back":
            return place == "one" or (place == "list" and self._list.filtered) or isinstance(self.focused, Input)
        return super().check_action(action, parameters)

    def exported(self) -> Sequence[Exported]:
        """Nothing: what is written into files is asked for, and noted."""
        return ()

    def copied(self) -> str:
        """What is shown as text."""
        if self.place == "one":
            return self.query_one(BillDetail).text
        return self.told.text if self.place == self.topic else ""

    def nothing_to(self, do: str) -> str:
        """Point to the key that writes files, and notes that it did."""
        if self.visit is None:
            return super().nothing_to(do)
        if self.visit.may(Operation.EXPORT):
            return f"There is nothing to {do} here: x writes files, and notes it in the audit log."
        return f"There is nothing to {do} here: your role writes no files."


def _heading(words: str, quiet: str) -> Text:
    return Text.assemble((words, "bold"), (f"  {quiet}", "dim"), no_wrap=True, overflow="ellipsis")
