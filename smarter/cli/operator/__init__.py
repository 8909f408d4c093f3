"""``smarter operator``: operators of the MDMS, from the first administrator on, and what each may see by their role.

``account`` has the commands about one's own account, ``roster`` those about others', ``data`` what the MDMS knows;
``door`` opens all of it.
"""

from __future__ import annotations

import click

from smarter.cli.operator.account import enrol, first, login, logout, password, recover, status
from smarter.cli.operator.data import audit, bills, demand, export, meters, rerate, windows
from smarter.cli.operator.roster import add, disable, enable, list_, remove, reset_totp, role


@click.group(
    epilog="\b\nExamples:\n  smarter operator first quickstart --name grace\n"
    "  smarter operator login quickstart --name grace\n  smarter operator add quickstart carl --role billing-clerk\n"
    "  smarter operator bills quickstart"
)
def operator() -> None:
    """See bills and demand by pseudonym, as the role allows, and manage who is an operator.

    Roles: viewer, billing-clerk, administrator, auditor. Logging in takes a password and the code that an app shows.
    Where nobody can be asked, SMARTER_PASSWORD, SMARTER_TOTP and SMARTER_CODE stand for password, code, one-time code.
    """


for command in (first, enrol, login, status, password, recover, logout):
    operator.add_command(command)
for command in (list_, add, role, disable, enable, reset_totp, remove):
    operator.add_command(command)
for command in (meters, windows, bills, demand, rerate, export, audit):
    operator.add_command(command)
