"""What the forms of the customers' page ask for."""

from __future__ import annotations

from smarter.tui.widgets.login_form import Field, Form

_NAME = Field("name", "name")
_NEW = Field("password", "new password", secret=True, hint="12 characters or more")
_AGAIN = Field("again", "the same again", secret=True)
_DERIVING = "one moment: a password is made costly to guess …"

CUSTOMER_FORMS = (
    Form(
        "login",
        "Log in",
        (_NAME, Field("password", "password", secret=True)),
        "Your own readings, every minute of them, for you alone.",
        _DERIVING,
    ),
    Form(
        "enrol",
        "Open an account",
        (
            Field("code", "code", secret=True, shown=True, lasting=True, hint="it came with the meter"),
            _NAME,
            _NEW,
            _AGAIN,
        ),
        "You agree to the notice. Your meter learns a key of yours.",
        "one moment: a key pair is made for you …",
    ),
    Form(
        "recover",
        "Forgot the password",
        (
            _NAME,
            Field("code", "recovery code", secret=True, shown=True, lasting=True, hint="from when you enrolled"),
            _NEW,
            _AGAIN,
        ),
        "The recovery code sets a new password, and is used up.",
        _DERIVING,
    ),
    Form(
        "password",
        "Change the password",
        (Field("before", "password so far", secret=True), _NEW, _AGAIN),
        "Every other session of yours ends.",
        _DERIVING,
    ),
    Form(
        "grant",
        "Grant a third party sums of your readings",
        (
            Field("grantee", "to whom"),
            Field("key", "file of their key", hint="RSA, as PEM or JWK"),
            Field("purpose", "what for"),
            Field("window", "sums over", hint="15min, 1h, 1d, month", value="1d"),
            Field("from", "from", optional=True, hint="the scenario's first moment"),
            Field("to", "until", optional=True, hint="the scenario's end"),
            Field("expires", "expires", optional=True, hint="in 90 days"),
        ),
        "Your meter delivers them, and nothing finer. What was fetched cannot be called back.",
    ),
)
