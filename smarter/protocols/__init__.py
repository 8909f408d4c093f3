"""Wires parties for a scenario: the only rooms in which parties meet, and only through messages.

``plan`` cuts a scenario and its data into slots, windows and holds; ``session`` begins a deployment or finds it again;
``provision`` makes and opens the parties' keys, ``epochs`` starts the meters; ``intake`` streams readings hold by hold,
``network`` carries frames and plays the faults a scenario declares, ``blinding`` makes blindings ahead; ``pes`` wires
the protocol of that name. ``report`` lets the MDMS answer from a finished state, ``summary`` makes the result of that;
``trail`` follows one reading, and ``hops`` says what there is of it at each hop.
"""
