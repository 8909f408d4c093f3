"""Keys that come before the field that they are meant for; a form keeps them and hands them over in their order."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from textual import events
from textual.screen import Screen
from textual.widget import Widget
from textual.widgets import Input


class HeldKeys:
    """Holds the keys of a screen from :meth:`begin` to :meth:`release`; meanwhile nothing has the focus.

    Fast typing needs it: the app gives each key to the widget that has the focus when the key comes, and the widget
    that is to have it next may still have to be made.
    """

    def __init__(self, screen: Screen[Any], press: Callable[[events.Key], None]) -> None:
        """``press``: gives the screen a held key."""
        self._screen, self._press = screen, press
        self._keys: list[events.Key] = []
        self.holds = False

    def begin(self) -> None:
        """Hold keys from now on."""
        self.holds = True
        self._screen.set_focus(None)

    def keep(self, event: events.Key) -> None:
        """Hold a key."""
        event.stop()
        event.prevent_default()
        self._keys.append(events.Key(event.key, event.character))

    def release(self, focus: Callable[[], None]) -> None:
        """Give the focus to the widget that the keys are meant for, and then the keys."""
        if not self.holds:
            return
        if self._screen.message_queue_size:  # keys among it came earlier than those that the widget would get now
            self._screen.call_later(self.release, focus)
            return
        self.holds = False
        keys, self._keys = self._keys, []
        focus()
        for place, key in enumerate(keys):
            if self.holds:  # one of them led to a field that is not there yet
                self._keys += keys[place:]
                return
            self._press(key)


def hand(key: events.Key, widget: Widget) -> None:
    """Give a widget a key as the app would."""
    key._set_forwarded()  # else the app would take it for a new one when it bubbles up
    widget.post_message(key.set_sender(widget.app))  # else it would bubble up no farther than to its holder


class PromptInput(Input):
    """A line of text that takes editing keys in their order.

    Textual's own leaves them to the app, which acts on them after the letters that were typed behind them.
    """

    async def _on_key(self, event: events.Key) -> None:
        for binding in self._bindings.key_to_bindings.get(event.key, ()):
            event.stop()
            event.prevent_default()
            await self.run_action(binding.action)
            return
        await super()._on_key(event)
