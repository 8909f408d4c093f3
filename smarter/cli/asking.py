"""What people are asked for when they log in, typed without echo or from the environment, and what they are handed.

Nothing of it is ever an argument of a command, where everybody on the machine could read it.
"""

from __future__ import annotations

import sys

import click

from smarter.errors import UsageError
from smarter.keys.process import given

PASSWORD = "SMARTER_PASSWORD"  # noqa: S105 - the variable's name
NEW_PASSWORD = "SMARTER_NEW_PASSWORD"  # noqa: S105 - likewise
CODE = "SMARTER_CODE"
KEY_PASSPHRASE = "SMARTER_KEY_PASSPHRASE"  # noqa: S105 - likewise
SECOND = "SMARTER_TOTP"

name_option = click.option("--name", metavar="NAME", help="The account; asked for on a terminal when left out.")
yes_option = click.option("--yes", is_flag=True, help="Do not ask whether that is meant.")


def ask_name(name: str | None) -> str:
    """The account's name, as given or typed."""
    if name is not None:
        return name
    if not sys.stdin.isatty():
        raise UsageError("nobody can be asked for the name of the account: give it with --name.")
    answer: str = click.prompt("Name", err=True)
    return answer


def ask_password(prompt: str = "Password") -> str:
    """A password that exists."""
    return _secret(PASSWORD, prompt)


def ask_new_password(variable: str = PASSWORD) -> str:
    """A password that is being set, typed twice.

    Raises:
        UsageError: the two differ.
    """
    password = _secret(variable, "New password")
    if given(variable) is None and _secret(variable, "The same again") != password:
        raise UsageError("the two passwords differ: nothing was changed, try again.")
    return password


def ask_code(prompt: str, variable: str = CODE) -> str:
    """A one-time or recovery code; it is shown while it is typed, since it is copied from paper."""
    if (found := given(variable)) is not None:
        return found
    if not sys.stdin.isatty():
        raise UsageError(f"nobody can be asked for the code: set {variable}, or run this on a terminal.")
    answer: str = click.prompt(prompt, err=True)
    return answer


def hand_over_code(name: str, code: str) -> None:
    """Print the recovery code that takes the place of the one by which a password was just set."""
    click.echo(f"{name} has a new password, and this recovery code in place of the one just used:", err=True)
    click.echo(code)


def ask_second() -> str:
    """A code of an operator's second factor, or a spare code in place of one."""
    return ask_code("Code that the app shows, or a spare code", SECOND)


def ask_whether(question: str, yes: bool) -> None:
    """Go on when it is meant: by ``--yes``, or said on a terminal, where everything else stops the command."""
    if yes:
        return
    if not sys.stdin.isatty():
        raise UsageError("nobody can be asked whether that is meant: say --yes.")
    click.confirm(question, abort=True, err=True)


def ask_reason(reason: str | None) -> str:
    """Why something is done, as given or typed."""
    if reason is not None:
        return reason
    if not sys.stdin.isatty():
        raise UsageError("no one can be asked for the reason: give it with --reason.")
    answer: str = click.prompt("The reason", err=True)
    return answer


def ask_key_passphrase() -> str:
    """The passphrase of a private key in a file of one's own."""
    return _secret(KEY_PASSPHRASE, "Passphrase of the key", "passphrase of the key")


def ask_new_key_passphrase() -> str:
    """One that is being set, typed twice; raises :class:`UsageError` when the two differ."""
    passphrase = _secret(KEY_PASSPHRASE, "New passphrase of the key", "passphrase of the key")
    if given(KEY_PASSPHRASE) is None and ask_key_passphrase() != passphrase:
        raise UsageError("the two passphrases differ: no key was made, try again.")
    return passphrase


def _secret(variable: str, prompt: str, what: str = "password") -> str:
    if (found := given(variable)) is not None:
        return found
    if not sys.stdin.isatty():
        raise UsageError(f"nobody can be asked for the {what}: set {variable}, or run this on a terminal.")
    answer: str = click.prompt(prompt, hide_input=True, err=True)
    return answer
