"""Secret references: what `env://NAME` and `file:///path` stand for, found just before it is sent.

Nothing that is found here is ever stored, logged or printed; messages name the reference alone.
"""
