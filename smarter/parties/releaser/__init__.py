"""The releaser: the only holder of the aggregation private key, and so the only one who opens sums.

It first decides (``decision``) by the release rules and the ledger; what it decided is written down durably by whoever
runs it; only then does it open (``releaser``). So after a crash only the very ciphertexts it had decided on open again.
"""

from smarter.parties.releaser.decision import Decision, Verdict, digests_of
from smarter.parties.releaser.ledger import Ledger, LedgerEntry
from smarter.parties.releaser.releaser import Release, Releaser, ReleaserKeys

__all__ = ["Decision", "Ledger", "LedgerEntry", "Release", "Releaser", "ReleaserKeys", "Verdict", "digests_of"]
