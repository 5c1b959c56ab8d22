"""Probing databases: can each be reached and logged in to from this machine?

It reads and never writes: a login, `select 1`, and good-bye. What a server says is not kept, because it
may repeat what it was told; of an error only its number is.
"""
