"""What page 3 teaches: a sentence or two for each hop of a reading's way, and what each field of a frame is for.

Only words are in here, so that whoever knows the field can read and correct them in one go; ``hop_detail`` shows them.
"""

from __future__ import annotations

from collections.abc import Mapping

from smarter.charts.hops import Step

WHY: Mapping[str, str] = {
    "row": (
        "Here the minute stands by itself, as it was measured. Whoever can look at rows like this one sees when a "
        "household gets up, cooks and goes to bed; all that follows is there so that nobody else has to."
    ),
    "reading": (
        "The meter counts in whole milliwatt-hours by a register that only runs on: what rounding leaves over goes to "
        "the next minute, so that no total is ever wrong by more than one of them."
    ),
    "frame": (
        "Consecutive minutes leave the house together, in one sealed frame. Its header stays readable, but is vouched "
        "for by the seal: change one bit of it, and nothing opens any more."
    ),
    "relayed": (
        "The concentrator sees where from and when, never how much. That much it needs: by epoch and counter it drops "
        "what comes twice, and it has no key to learn more."
    ),
    "opened": (
        "The one place outside the household where the minute is in the clear: the frames of one hold, opened, "
        "checked, encrypted again at once, let go. A longer hold is cheaper, and leaves more in the clear for longer."
    ),
    "billing lane": (
        "One large plaintext carries many small integers, each in a lane of its own. For the bills a lane is one "
        "household's window: adding up over the hours leaves one total for each household, and no hour."
    ),
    "demand lane": (
        "For the demand a lane is one short window: every home puts its share into the same lane of a ciphertext of "
        "its own. Adding up over the homes leaves one total for all of them; nothing finer can come out."
    ),
    "ciphertext": (
        "The PES encrypts with a public key and cannot undo it: the private key is the releaser's. From here on not "
        "even the PES can read what it has just written."
    ),
    "billing sum": (
        "Adding ciphertexts adds what is in them, unseen. What goes to the releaser is the whole window, encrypted "
        "afresh, so that it cannot be told from which ciphertexts it was made."
    ),
    "demand sum": (
        "Adding ciphertexts adds what is in them, unseen: the whole neighbourhood's at once. The sum is encrypted "
        "afresh before it leaves, so that it cannot be told which meters are in it."
    ),
    "billing released": (
        "The releaser opens a sum only when the rules allow it: a long enough window, measured well enough, no reading "
        "in two of them, ever. The minute is gone: no key brings it back from a total."
    ),
    "demand released": (
        "The releaser opens a sum only when the rules allow it: of enough meters, and no reading in two of them, ever. "
        "The minute is gone, and the household with it: nobody can tell who used what of it."
    ),
    "record": (
        "The total travels and rests under a key of the MDMS alone. Each record is sealed by itself, for its window, "
        "so that damage to one spoils no other and none can be put in another's place."
    ),
    "bill": "A bill takes the total of the window and the tariff's rate, and not one minute more than that.",
    "chart": (
        "The meter keeps its sealed frames for its customer. Who enrols is given the seal key, and no other: they "
        "can read each of their own minutes, and forge none, since the billing MAC takes another key."
    ),
}
"""By step, with its branch before it where they differ."""

WHY_REFUSED: Mapping[str, str] = {
    "frame": (
        "The way ends in the house: the scenario loses this frame on purpose. Missing is missing and not zero; the "
        "windows say how many readings they have, and of how many."
    ),
    "relayed": (
        "The way ends here, or waits: the frame was changed or held up. What a seal does not vouch for is "
        "dropped and counted, never guessed at."
    ),
    "ciphertext": (
        "All lanes of a ciphertext are opened together. A window that is bound to be refused is therefore left "
        "empty: what is not in there cannot be seen by opening its neighbours."
    ),
    "released": (
        "The rules are asked before anything is opened. Of a window with too few readings the total would come close "
        "to showing a single one; so it is withheld, and the row in the results says why."
    ),
}

AAD: Mapping[str, str] = {
    "version": "the form of these bytes",
    "pseudonym": "the meter, drawn at random",
    "deployment": "this installation, and no other",
    "cipher": "what it is sealed with",
    "epoch": "the keys of its last start",
    "counter": "which frame: twice is a repeat",
    "first_slot": "where its first reading begins",
    "interval": "seconds of a reading",
    "phase": "seconds that slots are shifted by",
    "count": "how many readings",
    "width": "bytes of each, however much it says",
}
"""The header of a frame field by field: readable by all, changed by none."""


def why(step: Step) -> str:
    """Why it is so at this hop."""
    if step.hop.mark == "refused":
        return WHY_REFUSED.get(step.name, "The reading's way ends here.")
    return WHY.get(step.hop.name) or WHY.get(step.name, "")
