"""Style sheets that are parsed once per theme; ``app`` uses them in place of Textual's.

Textual's keeps what it has parsed of 64 sources, of which an app like this one has more: so whenever a widget of a new
class appeared, or a page was seen for the first time, all of them were parsed again, 20 ms each time.
"""

from __future__ import annotations

from textual.cache import LRUCache
from textual.css.model import RuleSet
from textual.css.stylesheet import Stylesheet

SOURCES = 1024
"""More than there can be: a widget's class has one, and so have the app and each page."""

_Parsed = LRUCache[tuple[object, ...], list[RuleSet]]


class KeptStylesheet(Stylesheet):
    """Parses a source once under each theme's colours."""

    def __init__(self, variables: dict[str, str]) -> None:
        super().__init__(variables=variables)
        self._kept: dict[frozenset[tuple[str, str]], _Parsed] = {}
        self._parse_cache = self._kept_under(variables)

    def _kept_under(self, variables: dict[str, str]) -> _Parsed:
        return self._kept.setdefault(frozenset(variables.items()), LRUCache(SOURCES))

    def set_variables(self, variables: dict[str, str]) -> None:
        """As Textual's, which forgets what it has parsed, even when they are the same."""
        if variables != self._variables:
            self._parse_cache = LRUCache(1)  # Textual clears it
            super().set_variables(variables)
            self._parse_cache = self._kept_under(variables)
            self._require_parse = True

    def reparse(self) -> None:
        """Parse what is not parsed yet."""
        if self._require_parse:
            self.parse()

    def parse_under(self, variables: dict[str, str]) -> None:
        """Parse ahead what there is under other colours."""
        now = self._variables
        for each in (variables, now):
            self.set_variables(each)
            self.reparse()
