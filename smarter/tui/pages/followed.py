"""What page 3 does out of sight: which reading is chosen, its following in a thread, the hops that are there."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from textual import work
from textual.message import Message

from smarter.errors import SmarterError
from smarter.model.events import Hop
from smarter.tui.choice import Choice
from smarter.tui.following import Following, Told
from smarter.tui.page import Page
from smarter.tui.picture import Picture

if TYPE_CHECKING:
    from smarter.protocols.plan import NeighbourhoodPlan
    from smarter.scenario import Scenario

KEPT = 600
"""Readings whose hops are kept, so that going back to them takes no time."""


class FollowedPage(Page):
    """Subclasses show what is found, by the four methods at the end.

    Attributes:
        choice: the reading that is wanted; None before the scenario's meters are known.
        shown: the reading whose hops are shown.
        following: what goes on.
        plans: the neighbourhoods to choose from.
        ways: hops by reading, as far as they are there.
    """

    class Looked(Message):
        """The scenario's meters and spans are known, or cannot be."""

        def __init__(self, of: Scenario, found: Sequence[NeighbourhoodPlan] | Exception) -> None:
            super().__init__()
            self.of, self.found = of, found

    class Heard(Message):
        """A following goes on, or has ended."""

        def __init__(self, following: Following, told: Told) -> None:
            super().__init__()
            self.following, self.told = following, told

    def __init__(self) -> None:
        super().__init__()
        self._scenario: Scenario | None = None
        self.plans: Sequence[NeighbourhoodPlan] = ()
        self.choice: Choice | None = None
        self.shown: Choice | None = None
        self.following: Following | None = None
        self._asked = False
        self.ways: dict[Choice, Sequence[Hop]] = {}

    def on_unmount(self) -> None:
        """Nobody waits any more."""
        self.stop()

    # The scenario.

    def show_picture(self, picture: Picture) -> None:
        """Another scenario has other meters."""
        scenario = self.bench.scenario
        if scenario is None:
            self.say("No scenario is chosen: choose one on page 1; then a reading of it can be followed here.")
        elif scenario is not self._scenario:
            self.stop()
            self._scenario, self.choice, self.shown, self._asked = scenario, None, None, False
            self.plans, self.ways = (), {}
            self.say("Looking at the meters …")
            self._look(scenario)

    @work(thread=True, group="look")
    def _look(self, scenario: Scenario) -> None:
        from smarter.protocols.plan import plan_run

        found: Sequence[NeighbourhoodPlan] | Exception
        try:
            scenario.check_available()
            found = plan_run(scenario)
        except (SmarterError, OSError) as error:
            found = error
        self.post_message(self.Looked(scenario, found))

    def on_followed_page_looked(self, message: Looked) -> None:
        """Offer a reading."""
        if message.of is not self._scenario:
            return
        if isinstance(message.found, Exception):
            self.say(f"✕ {message.found}\n\nWhen that is mended, choose the scenario on page 1 again.")
            self.bench.say(message.found)
            return
        self.plans = message.found
        self.want(Choice.first(self.plans[0]))

    # What is followed.

    def want(self, choice: Choice) -> None:
        """Turn to another reading: shown at once if its hops are there, else followed if anything has been yet."""
        self.choice = choice
        going = self.following is not None and self.following.covers(choice)
        if not going:
            self.stop()
        if choice in self.ways:
            self.show_way(choice, self.ways[choice])
        elif not self._asked:
            self.invite(choice)
        elif not going:
            self.begin(choice)
        self.draw()

    def begin(self, choice: Choice) -> None:
        """Follow a reading, whatever is followed now."""
        self.stop()
        assert self._scenario is not None
        self._asked = True
        self.following = Following(self._scenario, choice, self._hear)
        if self.shown is None:
            self.say("Playing the real parties with fresh keys, over the day of this minute …")
        self._play(self.following)
        self.draw()

    @work(thread=True, group="follow")
    def _play(self, following: Following) -> None:
        following.play()

    def _hear(self, following: Following, told: Told) -> None:
        self.post_message(self.Heard(following, told))

    def stop(self) -> None:
        """Follow no longer."""
        if self.following is not None:
            self.following.cancel()
            self.following = None

    def on_followed_page_heard(self, message: Heard) -> None:
        """Show what is there of the reading that is wanted; keep those beside it."""
        following, told, choice = message.following, message.told, self.choice
        if following is not self.following or choice is None:
            return
        found = {following.choice.from_start(start): hops for start, hops in told.ways.items()}
        if told.ended:
            self.following = None
            self.ways |= found
            while len(self.ways) > KEPT:
                del self.ways[next(iter(self.ways))]
        if told.error is not None:
            self._fail(told.error)
        elif choice in found:
            self.show_way(choice, found[choice])
        elif told.ended:  # the one in the middle has a way, this one lacks a reading: let it be said
            self.begin(choice)
        self.draw(told)

    def _fail(self, error: BaseException) -> None:
        self.say(f"✕ {error}\n\nw: another time   m: another meter   ← →: the minutes beside it   f: try again")
        self.bench.say(error)

    # What subclasses fill.

    def show_way(self, choice: Choice, hops: Sequence[Hop]) -> None:
        """Show hops: all, or as many as there are so far."""
        raise NotImplementedError

    def say(self, words: str) -> None:
        """Show no hops, but say why and what to do."""
        raise NotImplementedError

    def invite(self, choice: Choice) -> None:
        """Say that this reading can be followed."""
        raise NotImplementedError

    def draw(self, told: Told | None = None) -> None:
        """Show which reading is wanted, and how far its following is."""
        raise NotImplementedError
