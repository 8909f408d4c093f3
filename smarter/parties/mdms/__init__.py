"""The meter data management system: keeps sealed records, opens them to bill and to report demand.

It knows households by pseudonym and never sees anything finer than what was released to it. ``mdms`` is the party,
``billing`` makes bills of its rows, ``demand`` the figures of a neighbourhood.
"""

from smarter.parties.mdms.billing import bills_of
from smarter.parties.mdms.demand import demand_figures
from smarter.parties.mdms.mdms import MDMS, Expected, MdmsKeys

__all__ = ["MDMS", "Expected", "MdmsKeys", "bills_of", "demand_figures"]
