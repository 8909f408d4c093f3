"""The privacy enhancing system: opens frames, re-encrypts at once, adds without opening.

``epochs`` keeps what opens frames, ``opening`` turns one hold's frames into readings, ``pieces`` adds up what is in the
clear together anyway, ``layout`` says which lane of which plaintext each piece goes to, ``sums`` keeps the running
encrypted sums, and ``pes`` is the party itself. Nothing in here can decrypt what it encrypts.
"""

from smarter.parties.pes.layout import Area, Layout, lay_out
from smarter.parties.pes.pes import PES, Absorbed, Packed, PesKeys

__all__ = ["PES", "Absorbed", "Area", "Layout", "Packed", "PesKeys", "lay_out"]
