"""Nouns and decisions of bulkconn: values in, values out.

Nothing in this package may know a network, a clock, a disk, a log or dice: `now`, jitter and ids
arrive as arguments. The Protocols at its edge (`protocols.py`) are all that the engine knows of the
rooms beside it.
"""
