"""Makes names of files from foreign text, such as a meter's name or a scenario's.

All exports that are named after such text use it.
"""

from __future__ import annotations

import unicodedata

LONGEST = 120
"""Characters of a name; four bytes each at most, so that it fits into 255 bytes with a number behind it."""
_PLAIN = frozenset("-_.+ ")
_RESERVED = frozenset(
    ("con", "prn", "aux", "nul", *(f"{port}{number}" for port in ("com", "lpt") for number in range(10)))
)
"""Devices on Windows, with any suffix."""


def file_name(text: str) -> str:
    """A name without a folder that every file system takes: letters, digits and ``-_.+`` stay, all else becomes ``-``.

    It never begins with a dot or a hyphen, so it is neither hidden nor an option, and never leaves its folder.
    """
    text = unicodedata.normalize("NFC", text)
    name = "".join(sign if sign.isalnum() or sign in _PLAIN else "-" for sign in text).strip(" .-")
    stem, dot, suffix = name.rpartition(".")
    if not dot:
        stem, suffix = suffix, ""
    while len(f"{stem}{dot}{suffix}".encode()) > LONGEST:
        stem, suffix = (stem[:-1], suffix) if stem else (stem, suffix[:-1])
    if not stem or stem.split(".")[0].lower() in _RESERVED:
        stem = f"file-{stem}".rstrip("-")
    return f"{stem}{dot}{suffix}"
