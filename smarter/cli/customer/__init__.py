"""``smarter customer``: a customer's account, own readings and bills, from the invitation to moving out.

``accounts`` has the commands about the account, ``own_data`` those that show what is in it; ``door`` opens both.
"""

from __future__ import annotations

import click

from smarter.cli.customer.accounts import enrol, invite, login, logout, move_out, password, recover, status
from smarter.cli.customer.own_data import check_bill, export, show


@click.group(
    epilog="\b\nExamples:\n  smarter customer invite quickstart apt3\n  smarter customer enrol quickstart --name ada\n"
    "  smarter customer login quickstart --name ada\n  smarter customer show quickstart --by hour"
)
def customer() -> None:
    """See your own readings, every minute of them, and check your bills.

    SMARTER_PASSWORD stands for the password where nobody can be asked, SMARTER_CODE for a code.
    """


for command in (invite, enrol, login, status, show, export, check_bill, password, recover, logout, move_out):
    customer.add_command(command)
