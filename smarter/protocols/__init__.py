"""Wires parties for a scenario: the only rooms in which parties meet, and only through messages.

``plan`` cuts a scenario and its data into slots, windows and holds; ``intake`` streams readings hold by hold;
``provision`` makes and opens the parties' keys; ``network`` carries frames and plays the faults a scenario declares;
``pes`` wires the protocol of that name; ``report`` lets the MDMS answer from a finished state.
"""
