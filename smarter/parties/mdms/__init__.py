"""The meter data management system: keeps sealed records, opens them to bill and to report demand.

It knows households by pseudonym and never sees anything finer than what was released to it. ``mdms`` is the party,
``at_rest`` how it keeps records, ``billing`` makes bills of its rows, ``demand`` the figures of a neighbourhood.
"""

from smarter.parties.mdms.at_rest import DataKeys
from smarter.parties.mdms.billing import account_of, bills_of
from smarter.parties.mdms.demand import By, demand_figures, gathered
from smarter.parties.mdms.mdms import MDMS, Expected, MdmsKeys

__all__ = ["MDMS", "By", "DataKeys", "Expected", "MdmsKeys", "account_of", "bills_of", "demand_figures", "gathered"]
