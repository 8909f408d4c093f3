"""What survives a crash: the journal with its ledger and kept frames, accounts, the lock, and where everything lies.

``run`` opens a :class:`StateFolder`, holds its lock while it works, and commits through the :class:`Journal`.
"""

from smarter.state.accounts import Account, Accounts
from smarter.state.deliveries import Deliveries, Sent
from smarter.state.demand_keys import DemandKeyFile, SealedDemandKey
from smarter.state.deployment import KeptMeter
from smarter.state.folder import StateFolder, locate, states_folder
from smarter.state.journal import Journal
from smarter.state.ledger import LedgerRow
from smarter.state.tally import Tally
from smarter.state.wrapped_keys import BegunEpoch, WrappedKeys

__all__ = [
    "Account",
    "Accounts",
    "BegunEpoch",
    "Deliveries",
    "DemandKeyFile",
    "Journal",
    "KeptMeter",
    "LedgerRow",
    "SealedDemandKey",
    "Sent",
    "StateFolder",
    "Tally",
    "WrappedKeys",
    "locate",
    "states_folder",
]
