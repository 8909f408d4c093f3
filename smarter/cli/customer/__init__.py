"""``smarter customer``: a customer's account, own readings and bills, from the invitation to moving out.

``accounts`` has the commands about the account, ``consent`` those about what its readings are used for, ``own_data``
those that show what is in it, ``watching`` the one that follows a run, ``grants`` those about third parties,
``erasing`` those that destroy it and check the receipt; ``door`` opens all.
"""

from __future__ import annotations

import click

from smarter.cli.customer.accounts import enrol, invite, login, logout, move_out, password, recover, status
from smarter.cli.customer.consent import agree, consents, notice, opt_in, opt_out, withdraw
from smarter.cli.customer.erasing import check_receipt, erase
from smarter.cli.customer.grants import grant, grants, log, revoke
from smarter.cli.customer.own_data import check_bill, export, show
from smarter.cli.customer.watching import watch


@click.group(
    epilog="\b\nExamples:\n  smarter customer invite quickstart apt3\n  smarter customer enrol quickstart --name ada\n"
    "  smarter customer login quickstart --name ada\n  smarter customer show quickstart --by hour"
)
def customer() -> None:
    """See your own readings, every minute of them, and check your bills.

    SMARTER_PASSWORD stands for the password where nobody can be asked, SMARTER_CODE for a code.
    """


for command in (
    invite,
    notice,
    enrol,
    login,
    status,
    consents,
    agree,
    withdraw,
    opt_out,
    opt_in,
    show,
    watch,
    export,
    check_bill,
    grant,
    grants,
    revoke,
    log,
    password,
    recover,
    logout,
    erase,
    check_receipt,
    move_out,
):
    customer.add_command(command)
