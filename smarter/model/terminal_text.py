"""The characters that a terminal obeys instead of showing, and how to show them.

Text from a file, a folder or a plugin may hold them: an escape sequence can fill the clipboard or hide a line, and a
bidirectional override can turn a name around. Scenarios and meter names that hold one are refused where they are read.
All other foreign text is shown by :func:`escape_controls`, once, at the edge: the command line's streams and the app.
"""

from __future__ import annotations

import re

_OBEYED = (
    "\\x00-\\x08\\x0b-\\x1f\\x7f-\\x9f"  # C0 but tab and line feed, DEL, C1
    "\\u2028\\u2029\\ud800-\\udfff"  # separators; surrogates: bytes of a file's name that are no text
    # What Unicode calls format characters (Cf): bidirectional marks, zero widths, soft hyphen, tags.
    "\\xad\\u0600-\\u0605\\u061c\\u06dd\\u070f\\u0890\\u0891\\u08e2\\u180e\\u200b-\\u200f\\u202a-\\u202e"
    "\\u2060-\\u206f\\ufeff\\ufff9-\\ufffb\\U000110bd\\U000110cd\\U00013430-\\U0001343f\\U0001bca0-\\U0001bca3"
    "\\U0001d173-\\U0001d17a\\U000e0001\\U000e0020-\\U000e007f"
)
_CONTROL = re.compile(f"[{_OBEYED}]")
_IN_A_LINE = re.compile(f"[\\t\\n{_OBEYED}]")
_FOREIGN = re.compile(f"(?!\\r\\n)[{_OBEYED}]")
_STYLE = "(?:[0-4]|[349][0-79]|10[0-7]|[34]8;5;[0-9]+|[34]8;2;[0-9]+;[0-9]+;[0-9]+)"  # and none that conceals
_UNSTYLED = re.compile(f"(?!\\r\\n|\\x1b\\[(?:{_STYLE}(?:;{_STYLE})*)?m)[{_OBEYED}]")


def escape_controls(text: str, *, styled: bool = False) -> str:
    r"""The text with each such character spelt out, as ``\x1b`` or ``\u202e``.

    Tabs and ends of lines stay.

    Args:
        text: foreign, or holding something foreign.
        styled: whether colours and weights (SGR sequences) stay, since Smarter has drawn them.
    """
    if text.isprintable():
        return text
    return (_UNSTYLED if styled else _FOREIGN).sub(_spelling, text)


def first_control(text: str, *, lines: bool = False) -> str | None:
    """The first such character, as ``U+001B``, or None.

    ``lines``: whether tabs and ends of lines are allowed.
    """
    found = None if text.isprintable() else (_CONTROL if lines else _IN_A_LINE).search(text)
    return f"U+{ord(found[0]):04X}" if found else None


def _spelling(found: re.Match[str]) -> str:
    code = ord(found[0])
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
