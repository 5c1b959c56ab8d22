"""The durable record: what was asked for, what was sent, what came of it.

Knows files, SQLite and `bulkconn.core`; knows no inventory, no Adobe and no engine. `sqlite.py` is the
door for the engine, `opening.py` the one for commands that only read.
"""
