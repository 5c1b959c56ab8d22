"""Station 1 of a row's road: reads inventories, and checks them as a whole.

Plain synchronous iterators over local files; nothing here knows the network or the ledger.
"""
