"""Style sheets that are parsed once per theme; ``app`` uses them in place of Textual's.

Textual's keeps what it has parsed of 64 sources, of which an app like this one has more: so whenever a widget of a new
class appeared, or a page was seen for the first time, all of them were parsed again, 20 ms each time.
"""

from __future__ import annotations

from textual.cache import LRUCache
from textual.css.stylesheet import Stylesheet

SOURCES = 1024
"""More than there can be: a widget's class has one, and so have the app and each page."""


class KeptStylesheet(Stylesheet):
    """Parses a source again only when a colour has changed."""

    def __init__(self, variables: dict[str, str]) -> None:
        super().__init__(variables=variables)
        self._parse_cache = LRUCache(SOURCES)

    def set_variables(self, variables: dict[str, str]) -> None:
        """As Textual's, which forgets what it has parsed even when they are the same."""
        if variables != self._variables:
            super().set_variables(variables)
            self._require_parse = True

    def reparse(self) -> None:
        """Parse what is not parsed yet."""
        if self._require_parse:
            self.parse()
