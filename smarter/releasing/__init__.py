"""The release rules, pure: what may be opened, judged over counts and tables, without keys and without I/O.

``rules`` has rules 1 and 2, over one window each; ``table`` is what rule 4 looks at, and ``suppression`` is rule 4.
Rule 3, each reading in one release of each kind, is the ledger's. The releaser and the PES judge by the same functions.
"""
