"""Station 1 of a row's road: reads inventories, and checks them as a whole.

Plain synchronous iterators over local files. What lies elsewhere is copied first (`fetching.py`), and only
that knows the network; nothing here knows the ledger.
"""
