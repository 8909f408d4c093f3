"""Whether a new password is strong enough; whoever sets one asks here, and says nothing of the password itself.

Length counts, and how many guesses zxcvbn (Wheeler, USENIX Security 2016) thinks it takes: it knows common passwords,
names, keyboard rows and dates, and is told the account's name.
"""

from __future__ import annotations

import unicodedata

from smarter.errors import UsageError

LEAST_LENGTH = 12
MOST_LENGTH = 1_024
LEAST_SCORE = 3
"""Of 4: from 10⁸ guesses on."""
_ESTIMATED = 72
"""Characters that the estimate looks at, whose time grows with their square."""


def check_strength(password: str, name: str) -> None:
    """Return when ``password`` will do for the account ``name``.

    Raises:
        UsageError: it is short, contains the name, or is easily guessed; it says what would help.
    """
    text = unicodedata.normalize("NFC", password)
    if len(text) < LEAST_LENGTH:
        raise UsageError(
            f"the new password has {len(text)} characters and needs {LEAST_LENGTH}: four random words will do."
        )
    if len(text) > MOST_LENGTH:
        raise UsageError(f"the new password has more than {MOST_LENGTH:,} characters: choose a shorter one.")
    if name and name.casefold() in text.casefold():
        raise UsageError("the new password contains the account's name: choose one that does not.")
    from zxcvbn import zxcvbn

    estimate = zxcvbn(text[:_ESTIMATED], user_inputs=[name, "smarter"])
    if estimate["score"] < LEAST_SCORE:
        warning = str(estimate["feedback"]["warning"]).rstrip(".")
        why = f" ({warning[:1].lower()}{warning[1:]})" if warning else ""
        raise UsageError(f"the new password is easily guessed{why}: four random words will do.")
