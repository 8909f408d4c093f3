"""Making, saving (encrypted), loading, rotating and naming keys: one keystore per party.

Each party's process opens its own keystore and no other; protocols and ``smarter keys`` call this.
"""
