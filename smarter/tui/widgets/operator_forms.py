"""What the forms of the operators' page ask for."""

from __future__ import annotations

from smarter.tui.widgets.login_form import Field, Form

OPERATOR_FORMS = (
    Form(
        "login",
        "Log in as an operator",
        (
            Field("name", "name"),
            Field("password", "password", secret=True),
            Field("code", "code", secret=True, shown=True, hint="that your app shows, or a spare code"),
        ),
        "Bills and demand by pseudonym, as your role allows.",
        "one moment: a password is made costly to guess …",
    ),
    Form(
        "rerate",
        "Bills under another tariff",
        (
            Field("tariff", "tariff", optional=True, hint="a plugin or a YAML file; empty: as it is"),
            Field("options", "options", optional=True, hint="such as rate=0.15 or rates.peak=0.30"),
        ),
        "Computed from the billing windows that were released. Nothing is changed.",
        "opening the records …",
    ),
)
