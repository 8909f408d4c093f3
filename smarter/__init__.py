"""Smarter: privacy-preserving smart metering that runs for real.

Follow a reading by the names of the folders: a *source* (``smarter_plugins.sources``) yields rows,
``parties.meter`` seals them, ``parties.concentrator`` relays them, ``parties.pes`` re-encrypts and
adds them, ``parties.releaser`` opens what the rules pass, ``parties.mdms`` bills.
"""

__version__ = "0.1.0"
